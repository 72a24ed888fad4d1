//! JSON Schemas of single values, as exact as patterns allow.

use utoipa::openapi::schema::{
    AdditionalProperties, KnownFormat, Object, ObjectBuilder, OneOfBuilder, SchemaFormat,
    SchemaType, Type,
};
use utoipa::openapi::{OneOf, RefOr, Schema};

/// The time of the sample data.
const AT: &str = "2022-11-01T11:11:11.111Z";
/// The characters that are trimmed from the ends of a name (Unicode's `White_Space`).
const BLANK: &str = r"\t-\r \u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000";
/// The characters that a name must not contain.
pub(crate) const CONTROL: &str = r"\u0000-\u001F\u007F-\u009F";

/// An object without additional members.
pub(crate) fn closed() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

/// A member that is accepted and ignored.
pub(crate) fn ignored() -> Object {
    let any = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
    any.description(Some("Ignored, so that a response can be sent back")).build()
}

pub(crate) fn text() -> Object {
    ObjectBuilder::new().schema_type(Type::String).build()
}

pub(crate) fn text_like(pattern: impl Into<String>, example: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).examples([example])
}

pub(crate) fn one_of_texts(texts: &[&str]) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(texts.iter().copied())).build()
}

pub(crate) fn whole_number(least: usize, most: usize, default: Option<usize>) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(least))
        .maximum(Some(most))
        .default(default.map(Into::into))
        .build()
}

/// The same type, or `null`.
pub(crate) fn or_null(mut object: Object) -> Object {
    if let SchemaType::Type(one) = object.schema_type {
        object.schema_type = SchemaType::Array(vec![one, Type::Null]);
        if let Some(values) = &mut object.enum_values {
            values.push(serde_json::Value::Null);
        }
    }
    object
}

/// The same schema, or `null`: for members of requests that may be absent.
pub(crate) fn nullable(schema: RefOr<Schema>) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(object)) if matches!(object.schema_type, SchemaType::Type(_)) => {
            or_null(object).into()
        }
        RefOr::T(Schema::Object(object)) => object.into(),
        other @ (RefOr::Ref(_) | RefOr::T(_)) => {
            let null = ObjectBuilder::new().schema_type(Type::Null);
            OneOfBuilder::new().item(other).item(null).into()
        }
    }
}

/// A time in a response: in UTC, to the millisecond.
pub(crate) fn instant() -> Object {
    text_like(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$", AT)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .build()
}

pub(crate) fn instant_or_null() -> Object {
    or_null(instant())
}

/// A time in a request.
pub(crate) fn some_instant() -> Object {
    let meaning = "RFC 3339 with `Z` or an offset, years 0001 to 9999 in UTC; truncated to \
                   milliseconds";
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some(meaning))
        .examples([AT, "2022-11-01T12:11:11+01:00"])
        .build()
}

/// A duration in ISO 8601. The format `duration` does not fit, since RFC 3339 has no fractions.
pub(crate) fn duration() -> Object {
    let time = r"T(?=[0-9])([0-9]+H)?([0-9]+M)?([0-9]+(\.[0-9]+)?S)?";
    text_like(format!("^P(?=[0-9T])([0-9]+D)?({time})?$"), "PT3H").build()
}

pub(crate) fn duration_or_null() -> Object {
    or_null(duration())
}

/// A name as it is answered.
pub(crate) fn name() -> Object {
    text_like(
        format!("^[^{BLANK}{CONTROL}]([^{CONTROL}]{{0,198}}[^{BLANK}{CONTROL}])?$"),
        "Inspection",
    )
    .build()
}

/// A name in a request. Spaces at its ends are trimmed.
pub(crate) fn some_name(meaning: &str) -> Object {
    let core = format!("[^{BLANK}{CONTROL}]([^{CONTROL}]{{0,198}}[^{BLANK}{CONTROL}])?");
    let name = text_like(format!("^[{BLANK}]*{core}[{BLANK}]*$"), "Inspection");
    name.description(Some(meaning)).build()
}

pub(crate) fn version() -> Object {
    let number = ObjectBuilder::new().schema_type(Type::Integer);
    number.minimum(Some(1_usize)).examples([1]).build()
}

/// A duration in a request.
pub(crate) fn some_duration(example: &str) -> Object {
    let units = "([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?";
    let meaning = "Such as `90d`, `1h30m` or `P90D`; at most 366 days";
    text_like(format!("^((?=[0-9]){units}|[Pp].+)$"), example).description(Some(meaning)).build()
}

/// A sequence, as digits.
pub(crate) fn digits() -> Object {
    text_like("^[1-9][0-9]*$", "4").build()
}

/// The sequence of an event, or 0 for the position before the first.
pub(crate) fn position() -> Object {
    text_like("^(0|[1-9][0-9]{0,17})$", "4").build()
}

/// A sequence in a request.
pub(crate) fn some_sequence() -> OneOf {
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0_usize));
    let number = number.maximum(Some(999_999_999_999_999_999_usize));
    OneOfBuilder::new().item(position()).item(number).build()
}

/// A cursor, which is opaque.
pub(crate) fn cursor() -> Object {
    text_like("^[A-Za-z0-9_-]{22,}$", "Xv0vZFHnXjWZ7xbc7a4kdTEyMw").build()
}

pub(crate) fn cursor_or_null() -> Object {
    or_null(cursor())
}

pub(crate) fn request_id() -> Object {
    text_like("^[A-Za-z0-9._~:/+=-]{1,128}$", "01a1fd4a-5f47-7087-ac84-a87230adaa41").build()
}

pub(crate) fn etag() -> Object {
    text_like("^\"[1-9][0-9]*\"$", "\"1\"").build()
}

/// A list of entity tags, or `*` (RFC 9110, section 13.1).
pub(crate) fn entity_tags() -> Object {
    let tag = "(W/)?\"[!#-~]*\"";
    let list = format!("[ \\t,]*{tag}([ \\t]*,[ \\t,]*{tag})*[ \\t,]*");
    text_like(format!("^(\\*|{list})$"), "\"1\"").build()
}

/// 1 to 255 visible characters, bare or as a string (RFC 9651, section 3.3.3).
pub(crate) fn idempotency_key() -> Object {
    let string = r#""([!#-\[\]-~]|\\["\\]){1,255}""#;
    text_like(format!("^([!#-~][!-~]{{0,254}}|{string})$"), "8e03978e-40d5-43e8-bc93-6894a57f9324")
        .build()
}

pub(crate) fn link() -> Object {
    text_like("^<.+>; rel=\"next\"$", "</orders?cursor=Xv0vZFHnXjWZ7xbc7a4kdTEyMw>; rel=\"next\"")
        .build()
}

/// The path of a resource.
pub(crate) fn path_of(noun: &str) -> Object {
    text_like(format!("^/{noun}/[^/]+$"), &format!("/{noun}/223")).build()
}

pub(crate) fn challenge() -> Object {
    text_like("^Bearer realm=\"orders\"", "Bearer realm=\"orders\"").build()
}

/// The requests that are left, and when the limit resets.
pub(crate) fn rate_limit() -> Object {
    let item = text_like(r#"^"(key|address)";r=[0-9]+;t=[0-9]+$"#, r#""key";r=99;t=1"#);
    item.description(Some(
        "The requests that are left (`r`), and the seconds until the limit is restored (`t`)",
    ))
    .build()
}

/// The rate limit.
pub(crate) fn rate_limit_policy() -> Object {
    let item = text_like(r#"^"(key|address)";q=[0-9]+;w=[0-9]+$"#, r#""key";q=100;w=10"#);
    item.description(Some("The requests that are allowed (`q`) in so many seconds (`w`)")).build()
}

pub(crate) fn retry_after() -> Object {
    text_like("^[0-9]+$", "1").description(Some("In seconds")).build()
}

/// Any of these.
pub(crate) fn any_of<const N: usize>(schemas: [RefOr<Schema>; N]) -> OneOf {
    schemas.into_iter().fold(OneOfBuilder::new(), OneOfBuilder::item).build()
}

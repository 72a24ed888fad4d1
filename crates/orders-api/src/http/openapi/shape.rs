//! JSON Schemas of single values, as exact as patterns allow.

use orders_core::key::Role;
use orders_core::webhook::{Disabled, EventPattern};
use orders_db::DeliveryStatus;
use utoipa::openapi::schema::{
    AdditionalProperties, Array, ArrayBuilder, KnownFormat, Object, ObjectBuilder, OneOfBuilder,
    SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{OneOf, Ref, RefOr, Schema};

/// The time of the sample data.
const AT: &str = "2022-11-01T11:11:11.111Z";
/// The highest number of a service.
const LAST_SERVICE: u64 = (1 << 53) - 1;
/// The characters that are trimmed from the ends of a name (Unicode's `White_Space`).
const BLANK: &str = r"\t-\r \u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000";
/// The characters that a name must not contain.
const CONTROL: &str = r"\u0000-\u001F\u007F-\u009F";

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

fn text_like(pattern: impl Into<String>, example: &str) -> ObjectBuilder {
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
    }
    object
}

pub(crate) fn order_id() -> Object {
    text_like(r"^(?!(\.{1,2}|batch)$)[A-Za-z0-9._~-]{1,64}$", "223").build()
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

/// A fee in a response.
pub(crate) fn fee() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Number)
        .minimum(Some(0_usize))
        .maximum(Some(999_999_999_999.99))
        .multiple_of(Some(0.01))
        .examples([100])
        .build()
}

/// A fee in a request.
pub(crate) fn some_fee() -> OneOf {
    OneOfBuilder::new()
        .item(fee())
        .item(fee_digits())
        .description(Some("A number, or a string that contains one; never rounded"))
        .build()
}

/// A fee as a string, in the syntax of JSON numbers.
pub(crate) fn fee_digits() -> Object {
    text_like(r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$", "99.50").build()
}

pub(crate) fn service_number() -> Object {
    let number = ObjectBuilder::new().schema_type(Type::Integer);
    number.minimum(Some(1_usize)).maximum(Some(9_007_199_254_740_991_usize)).examples([123]).build()
}

/// The id of a service as digits. A reference, since its pattern is long.
pub(crate) fn service_digits() -> Ref {
    Ref::from_schema_name("ServiceDigits")
}

/// The schemas that are referred to by name.
pub(crate) fn named() -> [(&'static str, Object); 1] {
    [("ServiceDigits", text_like(format!("^({})$", up_to(LAST_SERVICE)), "123").build())]
}

/// The id of a service in a request: a number, or a string of digits.
pub(crate) fn some_service_id() -> OneOf {
    OneOfBuilder::new().item(service_number()).item(service_digits()).build()
}

pub(crate) fn service_name() -> Object {
    text_like(
        format!("^[^{BLANK}{CONTROL}]([^{CONTROL}]{{0,198}}[^{BLANK}{CONTROL}])?$"),
        "Inspection",
    )
    .build()
}

/// A name in a request. Spaces at its ends are trimmed.
pub(crate) fn some_service_name() -> Object {
    let core = format!("[^{BLANK}{CONTROL}]([^{CONTROL}]{{0,198}}[^{BLANK}{CONTROL}])?");
    let name = text_like(format!("^[{BLANK}]*{core}[{BLANK}]*$"), "Inspection");
    name.description(Some("1 to 200 characters, unique ignoring case")).build()
}

pub(crate) fn version() -> Object {
    let number = ObjectBuilder::new().schema_type(Type::Integer);
    number.minimum(Some(1_usize)).examples([1]).build()
}

pub(crate) fn key_id() -> Object {
    text_like("^key_[0-9a-f]{16}$", "key_5f1d3a0c7a544a0e").build()
}

/// A key as clients send it.
pub(crate) fn key_text() -> Object {
    let example = format!("key_5f1d3a0c7a544a0e_{}", "0".repeat(64));
    text_like("^key_[0-9a-f]{16}_[0-9a-f]{64}$", &example).build()
}

pub(crate) fn key_name() -> Object {
    service_name()
}

/// The name of a key in a request.
pub(crate) fn some_key_name() -> Object {
    let mut name = some_service_name();
    name.description = Some("The purpose of the key, in 1 to 200 characters".to_owned());
    name
}

pub(crate) fn role() -> Object {
    one_of_texts(&Role::ALL.map(Role::as_str))
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

pub(crate) fn webhook_id() -> Object {
    text_like("^whk_[0-9a-f]{16}$", "whk_5f1d3a0c7a544a0e").build()
}

/// The endpoint of a webhook.
pub(crate) fn webhook_url() -> Object {
    let url = ObjectBuilder::new().schema_type(Type::String).max_length(Some(2_048));
    let meaning = "An absolute https URL with a public address";
    url.description(Some(meaning)).examples(["https://example.com/hook"]).build()
}

pub(crate) fn event_pattern() -> Object {
    one_of_texts(&EventPattern::ALL.map(EventPattern::as_str))
}

pub(crate) fn event_patterns() -> Array {
    let patterns = ArrayBuilder::new().items(event_pattern()).unique_items(true);
    patterns.min_items(Some(1)).max_items(Some(EventPattern::ALL.len())).build()
}

/// A description.
pub(crate) fn description() -> Object {
    text_like(format!("^[^{CONTROL}]{{0,500}}$"), "Notifies the warehouse").build()
}

pub(crate) fn description_or_null() -> Object {
    or_null(description())
}

pub(crate) fn disabled_reason() -> Object {
    let mut reason = or_null(text());
    let values = [Disabled::Operator, Disabled::Gone].map(|reason| reason.as_str().into());
    reason.enum_values = Some([values.as_slice(), &[serde_json::Value::Null]].concat());
    reason
}

/// A signing secret, as responses show it.
pub(crate) fn signing_secret() -> Object {
    text_like("^whsec_[A-Za-z0-9+/]{32,88}={0,2}$", &format!("whsec_{}=", "A".repeat(43))).build()
}

pub(crate) fn delivery_status() -> Object {
    one_of_texts(&DeliveryStatus::ALL.map(DeliveryStatus::as_str))
}

pub(crate) fn http_status_or_null() -> Object {
    or_null(whole_number(100, 999, None))
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

/// Returns a pattern of the whole numbers from 1 to `most`, without leading zeros.
fn up_to(most: u64) -> String {
    let digits = most.to_string();
    let shorter = digits.len().saturating_sub(2);
    let mut alternatives = vec![format!("[1-9][0-9]{{0,{shorter}}}"), digits.clone()];
    // Numbers with as many digits: equal up to some place, and lower there.
    for (place, digit) in digits.char_indices() {
        let (before, rest) = digits.split_at(place);
        let least = if place == 0 { '1' } else { '0' };
        let lower: String = (least..digit).collect();
        if !lower.is_empty() {
            alternatives.push(format!("{before}[{lower}][0-9]{{{}}}", rest.len() - 1));
        }
    }
    alternatives.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_up_to_a_limit_have_a_pattern() {
        assert_eq!(up_to(205), "[1-9][0-9]{0,1}|205|[1][0-9]{2}|20[01234][0-9]{0}");
    }
}

//! Request and response bodies of `/keys`.

use std::borrow::Cow;

use orders_core::key::{Key, KeyChange, KeyName, Role};
use orders_core::{Period, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::http::field::{Field, Parse};
use crate::http::json::Json;
use crate::http::openapi::shape;
use crate::http::openapi::shape::closed;
use crate::http::problem::FieldError;
use crate::http::reader::Reader;
use crate::http::reader::text;
use crate::http::shown::Shown;
use crate::keys;

/// The members of bodies about keys.
const NAME: Field<KeyName> = Field {
    name: "name",
    parse: Parse::One(|json| KeyName::parse(text(json)?).map_err(|error| error.to_string())),
    schema: || shape::some_name("The purpose of the key, in 1 to 200 characters").into(),
    example: || json!("billing"),
};
const ROLE: Field<Role> = Field {
    name: "role",
    parse: Parse::One(|json| Role::parse(text(json)?).map_err(|error| error.to_string())),
    schema: || keys::shape::role().into(),
    example: || json!("writer"),
};
const EXPIRES_IN: Field<Option<Period>> = Field {
    name: "expires_in",
    parse: Parse::One(read_period_or_null),
    schema: || shape::or_null(shape::some_duration("90d")).into(),
    example: || json!("90d"),
};
const OVERLAP: Field<Option<Period>> = Field {
    name: "overlap",
    parse: Parse::One(|json| read_overlap(text(json)?)),
    schema: || shape::some_duration("1h").into(),
    example: || json!("1h"),
};

/// The body of a new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyBody {
    pub(crate) name: KeyName,
    pub(crate) role: Role,
    pub(crate) expires_in: Option<Period>,
}

/// Parses a new key. `name` and `role` are required.
pub(crate) fn read_key(json: &Json<'_>) -> Result<KeyBody, Vec<FieldError>> {
    let mut reader = Reader::new(json, &[]);
    let name = reader.read_if(true, &NAME);
    let role = reader.read_if(true, &ROLE);
    let expires_in = reader.read(&EXPIRES_IN).flatten();
    reader.finish()?;
    // A missing member is reported, so `finish` has returned.
    let (name, role) = name.zip(role).ok_or_else(Vec::new)?;
    Ok(KeyBody { name, role, expires_in })
}

/// The default overlap, in which the previous secret stays valid.
const DEFAULT_OVERLAP: &str = "1h";

/// The body of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RotateBody {
    pub(crate) overlap: Option<Period>,
    pub(crate) expires_in: Option<Period>,
}

/// Parses a rotation. All members are optional.
pub(crate) fn read_rotation(json: &Json<'_>) -> Result<RotateBody, Vec<FieldError>> {
    let mut reader = Reader::new(json, &[]);
    let overlap = reader.read(&OVERLAP);
    let expires_in = reader.read(&EXPIRES_IN).flatten();
    reader.finish()?;
    let overlap = overlap.unwrap_or_else(|| Period::parse(DEFAULT_OVERLAP).ok());
    Ok(RotateBody { overlap, expires_in })
}

/// Parses how long the previous secret stays valid; `None` if it expires at once.
pub(crate) fn read_overlap(text: &str) -> Result<Option<Period>, String> {
    if matches!(text, "0" | "0s" | "PT0S") {
        return Ok(None);
    }
    Period::parse(text).map(Some).map_err(|error| error.to_string())
}

fn read_period_or_null(json: &Json<'_>) -> Result<Option<Period>, String> {
    match json {
        Json::Null => Ok(None),
        Json::Text(text) => Period::parse(text).map(Some).map_err(|error| error.to_string()),
        Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            Err("must be a duration such as 90d or P90D, or null".to_owned())
        }
    }
}

impl PartialSchema for KeyBody {
    fn schema() -> RefOr<Schema> {
        let members = [NAME.example(), ROLE.example(), EXPIRES_IN.example()];
        EXPIRES_IN
            .add_to(ROLE.require_in(NAME.require_in(closed())))
            .description(Some("The key to create; without `expires_in` it never expires"))
            .examples([Value::Object(members.into_iter().collect())])
            .into()
    }
}

impl ToSchema for KeyBody {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("KeyInput")
    }
}

impl PartialSchema for RotateBody {
    fn schema() -> RefOr<Schema> {
        let meaning = "`overlap`: how long the previous secret stays valid (`0s`: not at all; \
                       default: one hour). `expires_in`: how long the key is valid from now \
                       (default: unchanged)";
        EXPIRES_IN
            .add_to(OVERLAP.add_to(closed()))
            .description(Some(meaning))
            .examples([Value::Object([OVERLAP.example()].into_iter().collect())])
            .into()
    }
}

impl ToSchema for RotateBody {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("RotationInput")
    }
}

/// A key in a response, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Key)]
pub(crate) struct KeyView<'a> {
    #[schema(schema_with = keys::shape::key_id)]
    id: &'a str,
    #[schema(schema_with = shape::name)]
    name: &'a str,
    #[schema(schema_with = keys::shape::role)]
    role: &'static str,
    #[schema(schema_with = shape::instant)]
    created_at: Shown<Timestamp>,
    #[schema(schema_with = shape::instant_or_null, required)]
    expires_at: Option<Shown<Timestamp>>,
    /// Accurate to about a minute.
    #[schema(schema_with = shape::instant_or_null, required)]
    last_used_at: Option<Shown<Timestamp>>,
    #[schema(schema_with = shape::instant_or_null, required)]
    revoked_at: Option<Shown<Timestamp>>,
}

impl<'a> KeyView<'a> {
    pub(crate) fn new(key: &'a Key) -> Self {
        Self {
            id: key.id.as_str(),
            name: key.name.as_str(),
            role: key.role.as_str(),
            created_at: Shown(key.created_at),
            expires_at: key.expires_at.map(Shown),
            last_used_at: key.last_used_at.map(Shown),
            revoked_at: key.revoked_at.map(Shown),
        }
    }
}

/// A created key with its secret, which is shown only once.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKey)]
pub(crate) struct NewKeyView<'a> {
    #[schema(schema_with = keys::shape::key_id)]
    id: &'a str,
    #[schema(schema_with = shape::name)]
    name: &'a str,
    #[schema(schema_with = keys::shape::role)]
    role: &'static str,
    /// The key that clients send. It is shown only once.
    #[schema(schema_with = keys::shape::key_text)]
    key: &'a str,
    #[schema(schema_with = shape::instant)]
    created_at: Shown<Timestamp>,
    #[schema(schema_with = shape::instant_or_null, required)]
    expires_at: Option<Shown<Timestamp>>,
    #[schema(schema_with = shape::instant_or_null, required)]
    last_used_at: Option<Shown<Timestamp>>,
    #[schema(schema_with = shape::instant_or_null, required)]
    revoked_at: Option<Shown<Timestamp>>,
}

impl<'a> NewKeyView<'a> {
    pub(crate) fn new(key: &'a Key, text: &'a str) -> Self {
        let KeyView { id, name, role, created_at, expires_at, last_used_at, revoked_at } =
            KeyView::new(key);
        Self { id, name, role, key: text, created_at, expires_at, last_used_at, revoked_at }
    }
}

/// A rotated key with its new secret, which is shown only once.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RotatedKey)]
pub(crate) struct RotatedKeyView<'a> {
    #[schema(schema_with = keys::shape::key_id)]
    id: &'a str,
    #[schema(schema_with = shape::name)]
    name: &'a str,
    #[schema(schema_with = keys::shape::role)]
    role: &'static str,
    /// The new key that clients send. It is shown only once.
    #[schema(schema_with = keys::shape::key_text)]
    key: &'a str,
    /// Until when the previous key stays valid.
    #[schema(schema_with = shape::instant)]
    #[serde(rename = "former_key_expires_at")]
    previous_key_expires_at: Shown<Timestamp>,
    #[schema(schema_with = shape::instant)]
    created_at: Shown<Timestamp>,
    #[schema(schema_with = shape::instant_or_null, required)]
    expires_at: Option<Shown<Timestamp>>,
    #[schema(schema_with = shape::instant_or_null, required)]
    last_used_at: Option<Shown<Timestamp>>,
    #[schema(schema_with = shape::instant_or_null, required)]
    revoked_at: Option<Shown<Timestamp>>,
}

impl<'a> RotatedKeyView<'a> {
    /// Returns `None` for a change that is no rotation.
    pub(crate) fn new(change: &'a KeyChange, text: &'a str) -> Option<Self> {
        let KeyChange::Rotated { key, previous_until, .. } = change else { return None };
        let KeyView { id, name, role, created_at, expires_at, last_used_at, revoked_at } =
            KeyView::new(key);
        let previous_key_expires_at = Shown(*previous_until);
        Some(Self {
            id,
            name,
            role,
            key: text,
            previous_key_expires_at,
            created_at,
            expires_at,
            last_used_at,
            revoked_at,
        })
    }
}

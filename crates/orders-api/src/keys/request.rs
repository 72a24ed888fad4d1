//! Request bodies of `/keys`.

use std::borrow::Cow;

use orders_core::Period;
use orders_core::key::{KeyName, Role};
use serde_json::{Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::http::field::{Field, Parse};
use crate::http::json::Json;
use crate::http::openapi::shape;
use crate::http::openapi::shape::closed;
use crate::http::problem::FieldError;
use crate::http::reader::{Reader, text};
use crate::keys;

/// The members of bodies about keys.
const NAME: Field<KeyName> = Field {
    name: "name",
    parse: Parse::One(|json| KeyName::parse(text(json)?).map_err(|error| error.to_string())),
    schema: || shape::some_name("1 to 200 characters").into(),
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

//! Request bodies of `/webhooks`.

use std::borrow::Cow;

use orders_core::Period;
use orders_core::webhook::{
    EventPattern, EventPatterns, EventPatternsError, WebhookContent, WebhookDescription,
    WebhookPatch,
};
use serde_json::{Value, json};
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::http::field::{Field, Parse};
use crate::http::json::Json;
use crate::http::openapi::shape;
use crate::http::openapi::shape::closed;
use crate::http::problem::FieldError;
use crate::http::reader::Reader;
use crate::http::reader::{read_bool, text};
use crate::keys::request::read_overlap;
use crate::webhooks;

/// The members of bodies about webhooks.
const URL: Field<String> = Field {
    name: "url",
    parse: Parse::One(|json| text(json).map(str::to_owned)),
    schema: || webhooks::shape::webhook_url().into(),
    example: || json!("https://example.com/hook"),
};
const EVENTS: Field<EventPatterns> = Field {
    name: "events",
    parse: Parse::Many(read_patterns),
    schema: || webhooks::shape::event_patterns().into(),
    example: || json!(["order.*"]),
};
const DESCRIPTION: Field<Option<WebhookDescription>> = Field {
    name: "description",
    parse: Parse::One(read_description),
    schema: || webhooks::shape::description_or_null().into(),
    example: || json!("Notifies the warehouse"),
};
const DISABLED: Field<bool> = Field {
    name: "disabled",
    parse: Parse::One(read_bool),
    schema: || ObjectBuilder::new().schema_type(Type::Boolean).into(),
    example: || json!(true),
};
const OVERLAP: Field<Option<Period>> = Field {
    name: "overlap",
    parse: Parse::One(|json| read_overlap(text(json)?)),
    schema: || shape::some_duration("24h").into(),
    example: || json!("24h"),
};
const AFTER: Field<u64> = Field {
    name: "after",
    parse: Parse::One(read_sequence),
    schema: || Schema::OneOf(shape::some_sequence()).into(),
    example: || json!("0"),
};

/// Parses a new webhook. `url` is required.
pub(crate) fn read_webhook(json: &Json<'_>) -> Result<WebhookContent, Vec<FieldError>> {
    let mut reader = Reader::new(json, &[]);
    let url = reader.read_if(true, &URL);
    let events = reader.read(&EVENTS);
    let description = reader.read(&DESCRIPTION).flatten();
    reader.finish()?;
    // Without it, `finish` has returned an error.
    let url = url.ok_or_else(Vec::new)?;
    Ok(WebhookContent { url, events: events.unwrap_or_default(), description })
}

/// Parses a merge patch of a webhook. Missing members stay unchanged.
pub(crate) fn read_webhook_patch(json: &Json<'_>) -> Result<WebhookPatch, Vec<FieldError>> {
    let mut reader = Reader::patch(json, &[]);
    let patch = WebhookPatch {
        url: reader.read(&URL),
        events: reader.read(&EVENTS),
        description: reader.read(&DESCRIPTION),
        disabled: reader.read(&DISABLED),
    };
    reader.finish()?;
    Ok(patch)
}

/// The default overlap.
const DEFAULT_OVERLAP: Period = Period::DAY;

/// A rotation of a webhook's secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebhookRotateBody {
    pub(crate) overlap: Option<Period>,
}

/// Parses a rotation. All members are optional.
pub(crate) fn read_webhook_rotation(json: &Json<'_>) -> Result<WebhookRotateBody, Vec<FieldError>> {
    let mut reader = Reader::new(json, &[]);
    let overlap = reader.read(&OVERLAP);
    reader.finish()?;
    Ok(WebhookRotateBody { overlap: overlap.unwrap_or(Some(DEFAULT_OVERLAP)) })
}

/// Parses the sequence after which events are delivered again.
pub(crate) fn read_replay(json: &Json<'_>) -> Result<u64, Vec<FieldError>> {
    let mut reader = Reader::new(json, &[]);
    let after = reader.read_if(true, &AFTER);
    reader.finish()?;
    after.ok_or_else(Vec::new)
}

/// Parses a sequence, as a string of digits or as a number.
fn read_sequence(json: &Json<'_>) -> Result<u64, String> {
    let digits = match json {
        Json::Text(text) | Json::Number(text) => Some(text),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    };
    let sequence = digits.and_then(|digits| {
        let sequence: i64 = digits.parse().ok()?;
        (sequence.to_string() == **digits).then(|| u64::try_from(sequence).ok())?
    });
    sequence.ok_or_else(|| "must be the sequence of an event, as digits, or 0".to_owned())
}

fn read_patterns(pointer: &str, json: &Json<'_>) -> Result<EventPatterns, Vec<FieldError>> {
    let fault = |pointer: String, detail: String| FieldError { pointer, detail };
    let Json::Array(items) = json else {
        let detail = "must be an array of patterns such as order.*".to_owned();
        return Err(vec![fault(pointer.to_owned(), detail)]);
    };
    if items.len() > EventPattern::ALL.len() {
        let detail = "must name at most 5 patterns".to_owned();
        return Err(vec![fault(pointer.to_owned(), detail)]);
    }
    let (mut patterns, mut errors) = (Vec::new(), Vec::new());
    for (place, item) in items.iter().enumerate() {
        match text(item).ok().and_then(|text| EventPattern::parse(text).ok()) {
            Some(pattern) => patterns.push(pattern),
            None => errors.push(fault(
                format!("{pointer}/{place}"),
                format!(
                    "must be one of {}",
                    EventPattern::ALL.map(EventPattern::as_str).join(", ")
                ),
            )),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    EventPatterns::new(patterns).map_err(|error| {
        let at = match error {
            EventPatternsError::None => pointer.to_owned(),
            EventPatternsError::Repeated(place) => format!("{pointer}/{place}"),
        };
        vec![fault(at, error.to_string())]
    })
}

fn read_description(json: &Json<'_>) -> Result<Option<WebhookDescription>, String> {
    match json {
        Json::Null => Ok(None),
        Json::Text(text) => {
            WebhookDescription::parse(text).map(Some).map_err(|error| error.to_string())
        }
        Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            Err("must be a string or null".to_owned())
        }
    }
}

/// The schema of a new webhook.
pub(crate) struct WebhookBody;

/// The schema of a patch of a webhook.
pub(crate) struct WebhookPatchBody;

/// The schema of a replay.
pub(crate) struct ReplayBody;

/// An example with these members.
fn example<const N: usize>(members: [(String, Value); N]) -> Value {
    Value::Object(members.into_iter().collect())
}

impl PartialSchema for WebhookBody {
    fn schema() -> RefOr<Schema> {
        let example = example([URL.example(), EVENTS.example(), DESCRIPTION.example()]);
        let meaning = "An endpoint and the events to send to it; without `events`, all";
        DESCRIPTION
            .add_to(EVENTS.add_to(URL.require_in(closed())))
            .description(Some(meaning))
            .examples([example])
            .into()
    }
}

impl ToSchema for WebhookBody {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("WebhookInput")
    }
}

impl PartialSchema for WebhookPatchBody {
    fn schema() -> RefOr<Schema> {
        DISABLED
            .patch_in(DESCRIPTION.patch_in(EVENTS.patch_in(URL.patch_in(closed()))))
            .description(Some("Missing members stay unchanged"))
            .examples([example([DISABLED.example()])])
            .into()
    }
}

impl ToSchema for WebhookPatchBody {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("WebhookPatch")
    }
}

impl PartialSchema for WebhookRotateBody {
    fn schema() -> RefOr<Schema> {
        OVERLAP
            .add_to(closed())
            .description(Some(
                "How long the previous secrets sign too (`0s`: not at all; default: one day)",
            ))
            .examples([example([OVERLAP.example()])])
            .into()
    }
}

impl ToSchema for WebhookRotateBody {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("WebhookRotationInput")
    }
}

impl PartialSchema for ReplayBody {
    fn schema() -> RefOr<Schema> {
        AFTER
            .require_in(closed())
            .description(Some("The sequence after which all events are delivered again"))
            .examples([example([AFTER.example()])])
            .into()
    }
}

impl ToSchema for ReplayBody {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("ReplayInput")
    }
}

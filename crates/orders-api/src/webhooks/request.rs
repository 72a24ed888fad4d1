//! How bodies about webhooks are read. What webhooks look like in answers is in `views.rs` beside.

use std::borrow::Cow;

use orders_core::{
    EventPattern, EventPatterns, EventPatternsError, Period, WebhookContent, WebhookDescription,
    WebhookPatch,
};
use serde_json::json;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::http::json::Json;
use crate::http::openapi::shape;
use crate::http::openapi::shape::closed;
use crate::http::problem::FieldError;
use crate::http::reader::Reader;
use crate::keys::request::read_overlap;
use crate::orders::request::{read_bool, text};

/// Reads a webhook that is to be made: `url` is required.
pub(crate) fn read_webhook(json: &Json<'_>) -> Result<WebhookContent, Vec<FieldError>> {
    let mut reader = Reader::new(json, &[]);
    let url = reader.required("url", |json| text(json).map(str::to_owned));
    let events = reader.optional_many("events", read_patterns);
    let description = reader.optional("description", read_description).flatten();
    reader.finish()?;
    // If it is missing that has been reported, so `finish` has returned.
    let url = url.ok_or_else(Vec::new)?;
    Ok(WebhookContent { url, events: events.unwrap_or_default(), description })
}

/// Reads a merge patch of a webhook: what is not there stays.
pub(crate) fn read_webhook_patch(json: &Json<'_>) -> Result<WebhookPatch, Vec<FieldError>> {
    let mut reader = Reader::new(json, &[]);
    let patch = WebhookPatch {
        url: reader.optional("url", |json| text(json).map(str::to_owned)),
        events: reader.optional_many("events", read_patterns),
        description: reader.optional("description", read_description),
        disabled: reader.optional("disabled", read_bool),
    };
    reader.finish()?;
    Ok(patch)
}

/// How long the secrets of before sign, too, where nobody says.
const OVERLAP: Period = Period::DAY;

/// How the secret of a webhook is to be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebhookRotateBody {
    pub(crate) overlap: Option<Period>,
}

/// Reads how a secret is to be replaced; all of it may be left out.
pub(crate) fn read_webhook_rotation(json: &Json<'_>) -> Result<WebhookRotateBody, Vec<FieldError>> {
    let mut reader = Reader::new(json, &[]);
    let overlap = reader.optional("overlap", |json| read_overlap(text(json)?));
    reader.finish()?;
    Ok(WebhookRotateBody { overlap: overlap.unwrap_or(Some(OVERLAP)) })
}

/// Reads from behind which event all are to be delivered again.
pub(crate) fn read_replay(json: &Json<'_>) -> Result<u64, Vec<FieldError>> {
    let mut reader = Reader::new(json, &[]);
    let after = reader.required("after", read_sequence);
    reader.finish()?;
    after.ok_or_else(Vec::new)
}

/// A sequence as text, as events have it, or as a number.
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
        match text(item).ok().and_then(EventPattern::parse) {
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

/// A webhook as a caller sends it, for the document.
pub(crate) struct WebhookBody;

/// A patch of a webhook as a caller sends it, for the document.
pub(crate) struct WebhookPatchBody;

/// From where on events are to be delivered again, for the document.
pub(crate) struct ReplayBody;

fn members() -> ObjectBuilder {
    closed()
        .property("url", shape::webhook_url())
        .property("events", shape::event_patterns())
        .property("description", shape::description_or_null())
}

impl PartialSchema for WebhookBody {
    fn schema() -> RefOr<Schema> {
        let example = json!({"url": "https://example.com/hook", "events": ["order.*"],
            "description": "Tells the warehouse"});
        let meaning = "Whom to tell of which events; without `events` of all";
        members().required("url").description(Some(meaning)).examples([example]).into()
    }
}

impl ToSchema for WebhookBody {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("WebhookInput")
    }
}

impl PartialSchema for WebhookPatchBody {
    fn schema() -> RefOr<Schema> {
        members()
            .property("disabled", ObjectBuilder::new().schema_type(Type::Boolean))
            .description(Some("What is left out stays as it is"))
            .examples([json!({"disabled": true})])
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
        closed()
            .property("overlap", shape::some_duration("24h"))
            .description(Some(
                "How long the secrets of before sign, too (`0s`: not at all; left out: a day)",
            ))
            .examples([json!({"overlap": "24h"})])
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
        closed()
            .property("after", Schema::OneOf(shape::some_sequence()))
            .required("after")
            .description(Some("The sequence behind which all events are delivered (again)"))
            .examples([json!({"after": "0"})])
            .into()
    }
}

impl ToSchema for ReplayBody {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("ReplayInput")
    }
}

//! Request bodies of `/webhooks`.

use std::borrow::Cow;

use orders_core::Period;
use orders_core::webhook::{
    EventPattern, EventPatterns, EventPatternsError, WebhookContent, WebhookDescription,
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
use crate::http::reader::{read_bool, text};
use crate::keys::request::read_overlap;
use crate::webhooks;

/// Parses a new webhook. `url` is required.
pub(crate) fn read_webhook(json: &Json<'_>) -> Result<WebhookContent, Vec<FieldError>> {
    let mut reader = Reader::new(json, &[]);
    let url = reader.required("url", |json| text(json).map(str::to_owned));
    let events = reader.optional_many("events", read_patterns);
    let description = reader.optional("description", read_description).flatten();
    reader.finish()?;
    // Without it, `finish` has returned an error.
    let url = url.ok_or_else(Vec::new)?;
    Ok(WebhookContent { url, events: events.unwrap_or_default(), description })
}

/// Parses a merge patch of a webhook. Missing members stay unchanged.
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
    let overlap = reader.optional("overlap", |json| read_overlap(text(json)?));
    reader.finish()?;
    Ok(WebhookRotateBody { overlap: overlap.unwrap_or(Some(DEFAULT_OVERLAP)) })
}

/// Parses the sequence after which events are delivered again.
pub(crate) fn read_replay(json: &Json<'_>) -> Result<u64, Vec<FieldError>> {
    let mut reader = Reader::new(json, &[]);
    let after = reader.required("after", read_sequence);
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

fn members() -> ObjectBuilder {
    closed()
        .property("url", webhooks::shape::webhook_url())
        .property("events", webhooks::shape::event_patterns())
        .property("description", webhooks::shape::description_or_null())
}

impl PartialSchema for WebhookBody {
    fn schema() -> RefOr<Schema> {
        let example = json!({"url": "https://example.com/hook", "events": ["order.*"],
            "description": "Notifies the warehouse"});
        let meaning = "An endpoint and the events to send to it; without `events`, all";
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
            .description(Some("Missing members stay unchanged"))
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
                "How long the previous secrets sign too (`0s`: not at all; default: one day)",
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
            .description(Some("The sequence after which all events are delivered again"))
            .examples([json!({"after": "0"})])
            .into()
    }
}

impl ToSchema for ReplayBody {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("ReplayInput")
    }
}

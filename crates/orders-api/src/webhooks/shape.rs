//! The values of webhooks, as JSON Schema has them.

use orders_core::webhook::{DeliveryStatus, Disabled, EventPattern};
use utoipa::openapi::path::Parameter;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object, ObjectBuilder, Type};

use crate::http::openapi::shape::CONTROL;
use crate::http::openapi::{parameters, shape};

pub(crate) fn webhook_id() -> Object {
    shape::text_like("^whk_[0-9a-f]{16}$", "whk_5f1d3a0c7a544a0e").build()
}

/// The endpoint of a webhook.
pub(crate) fn webhook_url() -> Object {
    let url = ObjectBuilder::new().schema_type(Type::String).max_length(Some(2_048));
    let meaning = "An absolute https URL with a public address";
    url.description(Some(meaning)).examples(["https://example.com/hook"]).build()
}

pub(crate) fn event_pattern() -> Object {
    shape::one_of_texts(&EventPattern::ALL.map(EventPattern::as_str))
}

pub(crate) fn event_patterns() -> Array {
    let patterns = ArrayBuilder::new().items(event_pattern()).unique_items(true);
    patterns.min_items(Some(1)).max_items(Some(EventPattern::ALL.len())).build()
}

/// A description.
pub(crate) fn description() -> Object {
    shape::text_like(format!("^[^{CONTROL}]{{0,500}}$"), "Notifies the warehouse").build()
}

pub(crate) fn description_or_null() -> Object {
    shape::or_null(description())
}

pub(crate) fn disabled_reason() -> Object {
    let mut reason = shape::or_null(shape::text());
    let values = [Disabled::Operator, Disabled::Gone].map(|reason| reason.as_str().into());
    reason.enum_values = Some([values.as_slice(), &[serde_json::Value::Null]].concat());
    reason
}

/// A signing secret, as responses show it.
pub(crate) fn signing_secret() -> Object {
    shape::text_like("^whsec_[A-Za-z0-9+/]{32,88}={0,2}$", &format!("whsec_{}=", "A".repeat(43)))
        .build()
}

pub(crate) fn delivery_status() -> Object {
    shape::one_of_texts(&DeliveryStatus::ALL.map(DeliveryStatus::as_str))
}

pub(crate) fn http_status_or_null() -> Object {
    shape::or_null(shape::whole_number(100, 999, None))
}

/// The id in a path.
pub(crate) fn id_parameter() -> Parameter {
    parameters::path("id", "The webhook's id", webhook_id())
}

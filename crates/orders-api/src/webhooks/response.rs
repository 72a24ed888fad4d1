//! Response bodies of `/webhooks`.

use std::borrow::Cow;

use orders_core::Timestamp;
use orders_core::webhook::{Webhook, WebhookDescription, WebhookId};
use orders_db::Delivery;
use serde::Serialize;
use utoipa::openapi::{Object, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::delivery::{Message, SendResult};
use crate::http::openapi::shape;
use crate::http::shown::Shown;
use crate::webhooks;

/// A webhook without its secrets.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Webhook)]
pub(crate) struct WebhookView<'a> {
    #[schema(schema_with = webhooks::shape::webhook_id)]
    id: &'a str,
    #[schema(schema_with = webhooks::shape::webhook_url)]
    url: &'a str,
    #[schema(schema_with = webhooks::shape::event_patterns)]
    events: Vec<&'static str>,
    #[schema(schema_with = webhooks::shape::description_or_null, required)]
    description: Option<&'a str>,
    /// Whether deliveries are disabled.
    disabled: bool,
    /// Why: by request (`operator`), or because the endpoint returned 410 (`gone`).
    #[schema(schema_with = webhooks::shape::disabled_reason, required)]
    disabled_reason: Option<&'static str>,
    #[schema(schema_with = shape::instant)]
    created_at: Shown<Timestamp>,
    #[schema(schema_with = shape::instant)]
    updated_at: Shown<Timestamp>,
    #[schema(inline)]
    state: StateView,
}

/// The state of deliveries.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateView {
    /// The sequence up to which events were delivered, failed or skipped.
    #[schema(schema_with = shape::position)]
    position: Shown<u64>,
    /// The number of later events, including those that will be skipped.
    #[schema(minimum = 0)]
    pending: u64,
    /// The number of failed deliveries in the log.
    #[schema(minimum = 0)]
    failed: u64,
    /// The number of failed attempts of the next event.
    #[schema(minimum = 0)]
    attempts: u32,
    /// When the next event is retried.
    #[schema(schema_with = shape::instant_or_null, required)]
    next_attempt_at: Option<Shown<Timestamp>>,
}

impl<'a> WebhookView<'a> {
    pub(crate) fn new(webhook: &'a Webhook) -> Self {
        let content = &webhook.content;
        Self {
            id: webhook.id.as_str(),
            url: &content.url,
            events: content.events.iter().map(|pattern| pattern.as_str()).collect(),
            description: content.description.as_ref().map(WebhookDescription::as_str),
            disabled: webhook.disabled.is_some(),
            disabled_reason: webhook.disabled.map(orders_core::webhook::Disabled::as_str),
            created_at: Shown(webhook.created_at),
            updated_at: Shown(webhook.updated_at),
            state: StateView {
                position: Shown(webhook.position),
                pending: webhook.pending,
                failed: webhook.failed,
                attempts: webhook.held.map_or(0, |held| held.attempts),
                next_attempt_at: webhook.held.map(|held| Shown(held.next_attempt_at)),
            },
        }
    }
}

/// A created webhook, with its secret.
#[derive(Serialize)]
pub(crate) struct NewWebhookView<'a> {
    #[serde(flatten)]
    webhook: WebhookView<'a>,
    /// The secret that signs messages. It is shown only once.
    secret: String,
}

impl<'a> NewWebhookView<'a> {
    pub(crate) fn new(webhook: &'a Webhook, secret: String) -> Self {
        Self { webhook: WebhookView::new(webhook), secret }
    }
}

/// A webhook whose secret was rotated, with the new secret.
#[derive(Serialize)]
pub(crate) struct RotatedWebhookView<'a> {
    #[serde(flatten)]
    webhook: WebhookView<'a>,
    /// The new secret. It is shown only once.
    secret: String,
    /// Until when the previous secret signs too.
    #[serde(rename = "former_secret_expires_at")]
    previous_secret_expires_at: Shown<Timestamp>,
}

impl<'a> RotatedWebhookView<'a> {
    pub(crate) fn new(webhook: &'a Webhook, secret: String, previous_until: Timestamp) -> Self {
        let previous_secret_expires_at = Shown(previous_until);
        Self { webhook: WebhookView::new(webhook), secret, previous_secret_expires_at }
    }
}

impl PartialSchema for NewWebhookView<'_> {
    fn schema() -> RefOr<Schema> {
        webhook_with([("secret", webhooks::shape::signing_secret())])
    }
}

impl ToSchema for NewWebhookView<'_> {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("NewWebhook")
    }
}

impl PartialSchema for RotatedWebhookView<'_> {
    fn schema() -> RefOr<Schema> {
        let until = ("former_secret_expires_at", shape::instant());
        webhook_with([("secret", webhooks::shape::signing_secret()), until])
    }
}

impl ToSchema for RotatedWebhookView<'_> {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("RotatedWebhook")
    }
}

/// Returns the schema of a webhook with more members, as one closed object.
fn webhook_with<const N: usize>(members: [(&str, Object); N]) -> RefOr<Schema> {
    let mut schema = WebhookView::schema();
    if let RefOr::T(Schema::Object(webhook)) = &mut schema {
        for (name, shape) in members {
            webhook.properties.insert(name.to_owned(), shape.into());
            webhook.required.push(name.to_owned());
        }
    }
    schema
}

/// The delivery of an event to a webhook.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryView<'a> {
    #[schema(schema_with = shape::digits)]
    id: Shown<u64>,
    /// The value of the header `webhook-id`.
    #[schema(pattern = "^msg_[0-9a-f]{16}_[1-9][0-9]*$")]
    message_id: String,
    /// The event's sequence.
    #[schema(schema_with = shape::digits)]
    sequence: Shown<u64>,
    #[schema(pattern = r"^order\.(created|updated|deleted|restored)$")]
    #[serde(rename = "type")]
    kind: String,
    #[schema(schema_with = webhooks::shape::delivery_status)]
    status: &'static str,
    #[schema(minimum = 1)]
    attempts: u32,
    /// The response status of the last attempt.
    #[schema(schema_with = webhooks::shape::http_status_or_null, required)]
    http_status: Option<u16>,
    /// The error of the last attempt.
    #[schema(required)]
    error: Option<&'a str>,
    /// The duration of the last attempt.
    #[schema(minimum = 0)]
    duration_ms: u64,
    #[schema(schema_with = shape::instant)]
    created_at: Shown<Timestamp>,
    #[schema(schema_with = shape::instant)]
    updated_at: Shown<Timestamp>,
    #[schema(schema_with = shape::instant_or_null, required)]
    next_attempt_at: Option<Shown<Timestamp>>,
}

impl<'a> DeliveryView<'a> {
    pub(crate) fn new(webhook: &WebhookId, delivery: &'a Delivery) -> Self {
        Self {
            id: Shown(delivery.id),
            message_id: Message::id(webhook, delivery.sequence),
            sequence: Shown(delivery.sequence),
            kind: format!("order.{}", delivery.kind),
            status: delivery.status.as_str(),
            attempts: delivery.attempts,
            http_status: delivery.http_status,
            error: delivery.error.as_deref(),
            duration_ms: delivery.duration_ms,
            created_at: Shown(delivery.created_at),
            updated_at: Shown(delivery.updated_at),
            next_attempt_at: delivery.next_attempt_at.map(Shown),
        }
    }
}

/// The result of a test delivery.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookTest)]
pub(crate) struct TestedView {
    /// Whether the endpoint accepted it.
    delivered: bool,
    /// The response status.
    #[schema(schema_with = webhooks::shape::http_status_or_null, required)]
    http_status: Option<u16>,
    /// The error.
    #[schema(required)]
    error: Option<String>,
    #[schema(minimum = 0)]
    duration_ms: u64,
}

impl TestedView {
    pub(crate) fn new(sent: &SendResult) -> Self {
        Self {
            delivered: sent.is_success(),
            http_status: sent.response.as_ref().ok().copied(),
            error: sent.error(),
            duration_ms: u64::try_from(sent.duration.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// The event of a test delivery.
#[derive(Debug, Serialize)]
pub(crate) struct TestEventView<'a> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    #[serde(rename = "type")]
    kind: &'static str,
    time: Shown<Timestamp>,
    datacontenttype: &'static str,
    data: TestData<'a>,
}

#[derive(Debug, Serialize)]
struct TestData<'a> {
    webhook_id: &'a str,
}

impl<'a> TestEventView<'a> {
    pub(crate) fn new(webhook: &'a WebhookId, id: &'a str, now: Timestamp) -> Self {
        Self {
            specversion: "1.0",
            id,
            source: format!("/webhooks/{webhook}"),
            kind: "webhook.test",
            time: Shown(now),
            datacontenttype: "application/json",
            data: TestData { webhook_id: webhook.as_str() },
        }
    }
}

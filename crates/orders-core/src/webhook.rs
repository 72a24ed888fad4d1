//! Webhooks: which events are sent to which endpoint, and how webhooks change. Delivers nothing.

mod change;
mod secret;
mod values;

pub use change::{
    WebhookChange, WebhookCommand, WebhookPatch, WebhookRefusal, WebhookSnapshot, decide_webhook,
};
pub use secret::SigningSecret;
pub use values::{EventPattern, EventPatterns, EventPatternsError, WebhookDescription, WebhookId};

use crate::text::named_values;
use crate::time::Timestamp;

/// An endpoint that receives events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// What its owner decides.
    pub content: WebhookContent,
    /// Why nothing is delivered; `None` while the webhook is enabled.
    pub disabled: Option<Disabled>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its owner last changed it, or it was disabled.
    pub updated_at: Timestamp,
    /// The sequence up to which events were delivered, given up, or not subscribed to.
    pub position: u64,
    /// The failed attempts for the next event; `None` if there are none.
    pub held: Option<Held>,
    /// Rises with each change that a delivery in progress must not overwrite.
    pub generation: u64,
    /// The number of events after its position, including those not subscribed to.
    pub pending: u64,
    /// The number of deliveries that were given up.
    pub failed: u64,
}

/// What the owner of a webhook decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookContent {
    /// The endpoint: an absolute URL, validated by the API.
    pub url: String,
    /// The events that it receives.
    pub events: EventPatterns,
    /// Its description.
    pub description: Option<WebhookDescription>,
}

/// An event whose delivery failed. It holds up those after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The number of attempts.
    pub attempts: u32,
    /// When the next attempt is due.
    pub next_attempt_at: Timestamp,
}

/// Why nothing is delivered to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disabled {
    /// Its owner disabled it.
    Operator,
    /// The endpoint answered 410.
    Gone,
}

named_values!(Disabled, "must be operator or gone", [Operator = "operator", Gone = "gone"]);

/// The status of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryStatus {
    /// All attempts failed so far; there is a next one.
    Pending,
    /// The endpoint accepted it.
    Succeeded,
    /// It failed, and is not retried.
    Failed,
}

named_values!(
    DeliveryStatus,
    "must be pending, succeeded or failed",
    [Pending = "pending", Succeeded = "succeeded", Failed = "failed"]
);

impl Webhook {
    /// The maximum number of webhooks.
    pub const MAX: u64 = 1_000;
}

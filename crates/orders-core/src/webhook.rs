//! Webhooks: which events are sent to which endpoint, and how webhooks change. Delivers nothing.

mod change;
mod secret;
mod values;

pub use change::{
    WebhookChange, WebhookCommand, WebhookPatch, WebhookRefusal, WebhookSnapshot, decide_webhook,
};
pub use secret::SigningSecret;
pub use values::{
    EventPattern, EventPatternError, EventPatterns, EventPatternsError, WebhookDescription,
    WebhookDescriptionError, WebhookId, WebhookIdError,
};

use std::fmt;

use crate::text::{read_from_text, serialize_as_text};
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

impl Disabled {
    /// Parses `operator` or `gone`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Operator, Self::Gone].into_iter().find(|reason| reason.as_str() == text)
    }

    /// `operator` or `gone`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Gone => "gone",
        }
    }
}

/// An error which can be returned when parsing a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be operator or gone")]
pub struct DisabledError;

read_from_text!(Disabled, DisabledError, |text| Disabled::parse(text).ok_or(DisabledError));
serialize_as_text!(Disabled);

impl fmt::Display for Disabled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Webhook {
    /// The maximum number of webhooks.
    pub const MAX: u64 = 1_000;
}

//! Webhooks: where events are sent, which ones, and how changes to webhooks are judged. How events
//! are delivered is not known here.

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
use crate::time::Instant;

/// An endpoint that is told of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its identity.
    pub id: WebhookId,
    /// What its owner says of it.
    pub content: WebhookContent,
    /// Why nothing is delivered; `None` while it is.
    pub disabled: Option<Disabled>,
    /// When it was made.
    pub created_at: Instant,
    /// When its owner last changed it, or it was disabled.
    pub updated_at: Instant,
    /// The sequence up to which events were delivered, given up, or not asked for.
    pub position: u64,
    /// What keeps the event behind it from being delivered; `None` where nothing does.
    pub held: Option<Held>,
    /// Rises with each change that must not be overwritten by whoever delivers meanwhile.
    pub generation: u64,
    /// How many events are behind its position, those that it does not ask for included.
    pub pending: u64,
    /// How many deliveries in its log were given up.
    pub failed: u64,
}

/// What the owner of a webhook says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookContent {
    /// Where events are sent: an absolute URL, checked by whoever took it.
    pub url: String,
    /// Of which events it is told.
    pub events: EventPatterns,
    /// What it is for.
    pub description: Option<WebhookDescription>,
}

/// An event that was tried in vain, and holds those behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried again.
    pub next_attempt_at: Instant,
}

/// Why nothing is delivered to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disabled {
    /// Its owner has said so.
    Operator,
    /// It answered 410: it wants no more.
    Gone,
}

impl Disabled {
    /// Reads `operator` or `gone`.
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

/// The text given is not a reason.
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
    /// How many webhooks there may be.
    pub const MOST: u64 = 1_000;
}

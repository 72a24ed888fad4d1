//! Events: what happened to orders, in the order in which it happened.

use std::fmt;

use crate::order::{Order, OrderId};
use crate::text::{read_from_text, serialize_as_text};
use crate::time::Instant;

/// Who asked for a change, as it is shown in an order's history.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor(std::sync::Arc<str>);

impl Actor {
    /// Names an actor. Control characters are taken out, and no more than 200 characters kept.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let kept: String = name.chars().filter(|c| !c.is_control()).take(200).collect();
        Self(kept.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Actor {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What kind of change an event tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// A new order, or a new one under the id of a deleted one.
    Created,
    /// Another time, fee or services.
    Updated,
    /// The order is gone.
    Deleted,
    /// A deleted order is back as it last was.
    Restored,
}

impl EventKind {
    /// Reads `created`, `updated`, `deleted` or `restored`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Created, Self::Updated, Self::Deleted, Self::Restored]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }

    /// `created`, `updated`, `deleted` or `restored`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Restored => "restored",
        }
    }
}

/// The text given is not a kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be created, updated, deleted or restored")]
pub struct EventKindError;

read_from_text!(EventKind, EventKindError, |text| EventKind::parse(text).ok_or(EventKindError));
serialize_as_text!(EventKind);

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One change to one order. Replayed in the order of `sequence`, the events of an order give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its place among all events of the database: 1, 2, 3, … in the order of commits.
    pub sequence: u64,
    /// What kind of change.
    pub kind: EventKind,
    /// When, by the database's clock; of an imported order, when it was last changed elsewhere.
    pub time: Instant,
    /// Who asked for it.
    pub actor: Actor,
    /// The order as this change left it; of a deletion, as it was, with the deletion's version.
    /// Its `updated_at` is this event's `time`.
    pub order: Order,
}

impl Event {
    /// The order's id.
    #[must_use]
    pub fn subject(&self) -> &OrderId {
        &self.order.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_as_they_are_shown() {
        for (kind, text) in [
            (EventKind::Created, "created"),
            (EventKind::Updated, "updated"),
            (EventKind::Deleted, "deleted"),
            (EventKind::Restored, "restored"),
        ] {
            assert_eq!((kind.as_str(), kind.to_string().as_str()), (text, text));
            assert_eq!(EventKind::parse(text), Some(kind));
        }
        assert_eq!(EventKind::parse("Created"), None);
    }

    #[test]
    fn an_actor_is_named_without_control_characters_and_not_endlessly() {
        assert_eq!(Actor::new("key \n\u{7f}4f2a").as_str(), "key 4f2a");
        assert_eq!(Actor::new(&"é".repeat(201)).as_str(), "é".repeat(200));
    }
}

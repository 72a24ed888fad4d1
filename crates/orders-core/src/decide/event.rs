//! Events: the changes of orders, in order.

use std::fmt;

use crate::order::Order;
use crate::text::named_values;
use crate::time::Timestamp;

/// The author of a change, as an order's history shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor(std::sync::Arc<str>);

impl Actor {
    /// Creates an actor. Removes control characters, and keeps at most 200 characters.
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

/// The feed of events: its identity, and the positions from which it can be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFeed {
    /// A random id. It is replaced when the database is restored, because followers may then know
    /// events that no longer exist.
    pub id: String,
    /// The sequence of the oldest event in the feed; the next one if the feed is empty.
    pub first_sequence: u64,
    /// The sequence of the last event; 0 if there was none.
    pub last_sequence: u64,
    /// The sequences that restores removed, first and last of each range. They are not used again. The
    /// last of a range was never used: a follower may start there.
    pub removed: Vec<(u64, u64)>,
}

impl EventFeed {
    /// Returns `true` if a follower that knows the events up to `position` can go on from there.
    #[must_use]
    pub fn continues_from(&self, position: u64) -> bool {
        let is_trimmed = position < self.first_sequence.saturating_sub(1);
        let is_removed =
            self.removed.iter().any(|(first, last)| (*first..*last).contains(&position));
        !is_trimmed && position <= self.last_sequence && !is_removed
    }
}

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// The order was created, perhaps under the id of a deleted one.
    Created,
    /// The order has another time, fee or services.
    Updated,
    /// The order was deleted.
    Deleted,
    /// A deleted order was restored as it last was.
    Restored,
}

named_values!(
    EventKind,
    "must be created, updated, deleted or restored",
    [Created = "created", Updated = "updated", Deleted = "deleted", Restored = "restored"]
);

/// One change to one order.
///
/// Invariant: the events of an order, replayed in the order of `sequence`, give the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number among all events of the database: 1, 2, 3, … in the order of commits.
    pub sequence: u64,
    /// Its kind.
    pub kind: EventKind,
    /// When it happened, by the database's clock. For an imported order, when it was last changed.
    pub time: Timestamp,
    /// Its author.
    pub actor: Actor,
    /// The order after this change. For a deletion, the order before it, with the deletion's
    /// version. Its `updated_at` is this event's `time`.
    pub order: Order,
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
            assert_eq!(EventKind::parse(text), Ok(kind));
        }
        assert!(EventKind::parse("Created").is_err());
    }

    #[test]
    fn an_actor_is_named_without_control_characters_and_not_endlessly() {
        assert_eq!(Actor::new("key \n\u{7f}4f2a").as_str(), "key 4f2a");
        assert_eq!(Actor::new(&"é".repeat(201)).as_str(), "é".repeat(200));
    }
}

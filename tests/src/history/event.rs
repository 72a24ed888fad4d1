//! Events of the feed, and whether a request could have caused one.

use std::fmt;

use super::operation::{Change, Order, Request};

/// What kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A new order, or a new one under the id of a deleted one.
    Created,
    /// A changed time, fee or services.
    Updated,
    /// A deleted order.
    Deleted,
    /// A restored order.
    Restored,
}

/// An event of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its place among all events.
    pub sequence: u64,
    /// What kind of change.
    pub kind: Kind,
    /// The order's id.
    pub id: String,
    /// When, in epoch milliseconds.
    pub time: i64,
    /// The order before it, if it was there.
    pub before: Option<Order>,
    /// The order after it, if it is there.
    pub after: Option<Order>,
}

impl Event {
    /// Whether a request could cause this change, in any state.
    pub(super) fn is_asked_for_by(&self, request: &Request) -> bool {
        match (self.kind, &self.after, request) {
            (_, _, Request::Batch { operations, .. }) => {
                operations.iter().any(|operation| self.is_asked_for_by(operation))
            }
            (Kind::Created, Some(after), Request::Create { id, datetime, fee, services }) => {
                id.as_ref().is_none_or(|id| *id == self.id)
                    && (*datetime, *fee, services) == (after.datetime, after.fee, &after.services)
            }
            (Kind::Updated, Some(after), Request::Update { id, change, .. }) => {
                let Change { datetime, fee, services } = change;
                *id == self.id
                    && datetime.is_none_or(|datetime| datetime == after.datetime)
                    && fee.is_none_or(|fee| fee == after.fee)
                    && services.as_ref().is_none_or(|services| *services == after.services)
            }
            (Kind::Deleted, None, Request::Delete { id, .. })
            | (Kind::Restored, Some(_), Request::Restore { id }) => *id == self.id,
            _ => false,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {} ({:?} {}", self.sequence, self.kind, self.id)?;
        if let Some(before) = &self.before {
            write!(f, ", before: {before}")?;
        }
        if let Some(after) = &self.after {
            write!(f, ", after: {after}")?;
        }
        write!(f, ")")
    }
}

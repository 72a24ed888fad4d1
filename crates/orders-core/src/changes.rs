//! Changes: what must be stored for a decision.

use crate::{Event, Order};

/// What must be stored for the commands that were accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Each order that is different now, once.
    pub rows: Vec<RowChange>,
    /// Each change, in order; more than `rows` where an order was changed several times.
    pub events: Vec<Event>,
    /// The positions (from 0) of the commands whose answers are to be kept under their keys.
    pub answers: Vec<usize>,
}

impl Changes {
    /// Whether there is nothing to be stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.answers.is_empty()
    }
}

/// An order before and after; not both are `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowChange {
    /// As it is stored.
    pub before: Option<Order>,
    /// As it is to be stored.
    pub after: Option<Order>,
}

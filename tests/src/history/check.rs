//! The check of a history, round by round.

use std::collections::BTreeMap;
use std::fmt;

use super::event::Event;
use super::model::Model;
use super::operation::{Ending, Operation, Order};
use super::spacing::Scope;
use super::sweep::Sweep;

/// A contradiction: no order of the operations explains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What is wrong.
    pub what: String,
    /// The operations, events and orders that it is about.
    pub about: Vec<String>,
}

/// Checks consecutive histories. There are no writes between two rounds.
#[derive(Debug)]
pub struct Checker {
    model: Model,
    /// Operations with an unknown outcome: they may still be done in the next round.
    lingering: Vec<Operation>,
}

impl Checker {
    /// A check that begins at a state which is known.
    #[must_use]
    pub fn new(model: Model) -> Self {
        Self { model, lingering: Vec::new() }
    }

    /// The sequence of the last event that was checked.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.model.sequence
    }

    /// Changes the scope between two rounds.
    pub fn set_scope(&mut self, scope: Scope) {
        self.model.set_scope(scope);
    }

    /// Checks all operations since the last round, all events since then, in the order of the feed,
    /// and the orders that are stored now. Reports a limited number of violations.
    #[must_use]
    pub fn round(
        &mut self,
        operations: Vec<Operation>,
        events: &[Event],
        stored: &[Order],
    ) -> Vec<Violation> {
        let first = operations.iter().map(|operation| operation.begin).min().unwrap_or(u64::MAX);
        let mut all = std::mem::take(&mut self.lingering);
        all.extend(operations);
        all.sort_by_key(|operation| operation.begin);
        let mut sweep = Sweep::new(&mut self.model, &all);
        let mut rest = events;
        while !rest.is_empty() {
            rest = &rest[sweep.place(rest)..];
        }
        sweep.finish();
        let done = sweep.done;
        let mut violations = sweep.violations;
        self.compare(stored, &mut violations);
        self.model.end_round();
        let lingers = |(operation, done): &(Operation, bool)| {
            let is_unknown = matches!(operation.ending, Ending::Unknown(_));
            is_unknown && !done && operation.begin >= first
        };
        let all = all.into_iter().zip(done).filter(lingers);
        self.lingering = all.map(|(operation, _)| operation).collect();
        violations
    }

    /// Compares the stored orders with the state after the events.
    fn compare(&self, stored: &[Order], violations: &mut Vec<Violation>) {
        let mut found: BTreeMap<&str, &Order> = BTreeMap::new();
        for order in stored {
            if let Some(twice) = found.insert(&order.id, order) {
                violations.push(Violation::new("an order is stored twice", [twice.to_string()]));
            }
        }
        for order in self.model.orders() {
            match found.remove(order.id.as_str()) {
                Some(same) if same == order => {}
                Some(other) => violations.push(Violation::new(
                    "an order is stored as its events do not leave it",
                    [format!("stored: {other} {other:?}"), format!("by its events: {order:?}")],
                )),
                None => violations.push(Violation::new(
                    "an order is not stored, and no event tells that it went",
                    [order.to_string()],
                )),
            }
        }
        for stray in found.into_values() {
            violations.push(Violation::new(
                "an order is stored, and no event tells that it came",
                [stray.to_string()],
            ));
        }
    }
}

impl Violation {
    pub(super) fn new(what: &str, about: impl IntoIterator<Item = String>) -> Self {
        Self { what: what.to_owned(), about: about.into_iter().collect() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        self.about.iter().try_for_each(|about| write!(f, "\n    {about}"))
    }
}

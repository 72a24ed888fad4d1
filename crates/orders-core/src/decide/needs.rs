//! Needs: what a decision has to load.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;

use super::command::{Command, NewId, Operation};
use super::idempotency::OwnKey;
use super::occupants::{Reach, Span};
use super::snapshot::Snapshot;
use crate::order::OrderId;
use crate::policy::CalendarId;
use crate::policy::Policy;
use crate::service::ServiceId;
use crate::time::Timestamp;

/// What has to be loaded before commands can be decided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// Orders, existing or deleted.
    pub orders: BTreeSet<OrderId>,
    /// Services, to know whether they exist.
    pub services: BTreeSet<ServiceId>,
    /// Parts of calendars.
    pub spans: BTreeSet<Span>,
    /// Idempotency keys, to know whether they were used.
    pub keys: BTreeSet<OwnKey>,
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the snapshot lacks {} orders, {} services, {} spans and {} idempotency keys",
            self.orders.len(),
            self.services.len(),
            self.spans.len(),
            self.keys.len()
        )
    }
}

impl Error for Needs {}

impl Needs {
    /// Returns what these commands need, as far as the commands alone tell. The policy may be out of
    /// date: [`decide`](crate::decide()) asks for the rest.
    #[must_use]
    pub fn for_commands<'a>(
        policy: &Policy,
        commands: impl IntoIterator<Item = &'a Command>,
    ) -> Self {
        let mut needs = Self::default();
        for command in commands {
            needs.keys.extend(command.retry().map(|retry| retry.key.clone()));
            for operation in command.action.operations() {
                needs.add(policy, operation);
            }
        }
        needs
    }

    /// Returns `true` if nothing is missing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
            && self.services.is_empty()
            && self.spans.is_empty()
            && self.keys.is_empty()
    }

    /// Removes what a snapshot already has.
    pub fn leave_out(&mut self, snapshot: &Snapshot) {
        self.orders.retain(|id| snapshot.order(id).is_none());
        self.services.retain(|id| snapshot.service(*id).is_none());
        self.keys.retain(|key| snapshot.key(key).is_none());
        let covers = |span: &Span| {
            span.reach == Reach::All
                && snapshot.calendar(span.calendar).is_some_and(|c| c.covers(span.from, span.to))
        };
        self.spans.retain(|span| !covers(span));
    }

    /// Unwraps a value, or adds what it needs.
    pub(crate) fn gather<T>(&mut self, result: Result<T, Self>) -> Option<T> {
        result.map_err(|needs| self.extend(needs)).ok()
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.orders.extend(other.orders);
        self.services.extend(other.services);
        self.spans.extend(other.spans);
        self.keys.extend(other.keys);
    }

    /// Keeps only the longest of several lists that start at the same time.
    pub(crate) fn merge_lists(&mut self) {
        let spans = std::mem::take(&mut self.spans);
        let mut lists: BTreeMap<(CalendarId, Timestamp, bool), Span> = BTreeMap::new();
        for span in spans {
            let key = match span.reach {
                Reach::All => {
                    self.spans.insert(span);
                    continue;
                }
                Reach::First(_) => (span.calendar, span.from, true),
                Reach::Last(_) => (span.calendar, span.to, false),
            };
            let list = lists.entry(key).or_insert(span);
            list.reach = list.reach.max(span.reach);
        }
        self.spans.extend(lists.into_values());
    }

    fn add(&mut self, policy: &Policy, operation: &Operation) {
        let is_new = match operation {
            Operation::Create { id, .. } => matches!(id, NewId::Generated(_)),
            Operation::Import(import) => matches!(import.id, NewId::Generated(_)),
            Operation::Update { .. } | Operation::Delete { .. } | Operation::Restore { .. } => {
                false
            }
        };
        if !is_new {
            self.orders.insert(operation.order_id().clone());
        }
        let (datetime, services) = match operation {
            Operation::Create { content, .. } => (Some(content.datetime), Some(&content.services)),
            Operation::Import(import) => {
                (Some(import.content.datetime), Some(&import.content.services))
            }
            Operation::Update { patch, .. } => (patch.datetime, patch.services.as_ref()),
            Operation::Delete { .. } | Operation::Restore { .. } => (None, None),
        };
        self.services.extend(services.iter().flat_map(|services| services.iter()));
        if let (Some(datetime), Some(services)) = (datetime, services) {
            let around =
                |calendar| Span::around(policy, calendar, policy.interval(calendar, datetime));
            self.spans.extend(policy.calendars(services).into_iter().map(around));
        }
    }
}

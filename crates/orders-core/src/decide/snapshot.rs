//! Snapshots: the part of the database that a decision works on.

use std::collections::HashMap;

use super::changes::{Changes, RowChange};
use super::coverage::Calendar;
use super::event::EventKind;
use super::idempotency::{Fingerprint, OwnKey};
use super::occupants::{Occupant, Span};
use crate::order::{Order, OrderId};
use crate::policy::Policy;
use crate::policy::{CalendarId, Slot};
use crate::service::ServiceId;

/// What is stored under an order's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// No order has this id, and none ever had.
    Never,
    /// An order.
    Live(Order),
    /// A deleted order as it last was, with the version of its deletion.
    Deleted(Order),
}

impl Stored {
    /// What is stored after an event.
    pub(crate) fn left_by(kind: EventKind, order: Order) -> Self {
        match kind {
            EventKind::Created | EventKind::Updated | EventKind::Restored => Self::Live(order),
            EventKind::Deleted => Self::Deleted(order),
        }
    }

    /// The order, unless it is deleted.
    #[must_use]
    pub fn live(&self) -> Option<&Order> {
        match self {
            Self::Live(order) => Some(order),
            Self::Never | Self::Deleted(_) => None,
        }
    }
}

/// A part of the database, read under the lock. What is not loaded is unknown:
/// [`decide`](crate::decide()) then returns what it needs.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    last_sequence: u64,
    orders: HashMap<OrderId, Stored>,
    services: HashMap<ServiceId, bool>,
    calendars: HashMap<CalendarId, Calendar>,
    keys: HashMap<OwnKey, Option<Fingerprint>>,
}

impl Snapshot {
    /// Creates a snapshot of a database whose last event has this sequence (0 for no events).
    #[must_use]
    pub fn new(last_sequence: u64) -> Self {
        Self { last_sequence, ..Self::default() }
    }

    /// Applies the decision's changes to this snapshot. Removes the idempotency keys, because those
    /// also expire by time.
    pub fn follow(&mut self, policy: &Policy, changes: &Changes) {
        self.keys.clear();
        for RowChange { before, after } in &changes.rows {
            if let Some(order) = before {
                for slot in policy.slots(order) {
                    if let Some(calendar) = self.calendars.get_mut(&slot.calendar) {
                        calendar.leave(slot.interval.start(), &order.id);
                    }
                }
            }
            if let Some(order) = after {
                for Slot { calendar, interval, group } in policy.slots(order) {
                    if let Some(calendar) = self.calendars.get_mut(&calendar) {
                        calendar.enter(Occupant { interval, order_id: order.id.clone(), group });
                    }
                }
            }
        }
        for event in &changes.events {
            self.last_sequence = event.sequence;
            let stored = Stored::left_by(event.kind, event.order.clone());
            self.orders.insert(event.order.id.clone(), stored);
        }
    }

    /// Merges another snapshot of the same moment.
    pub fn merge(&mut self, other: Self) {
        self.orders.extend(other.orders);
        self.services.extend(other.services);
        self.keys.extend(other.keys);
        for (id, calendar) in other.calendars {
            self.calendars.entry(id).or_default().merge(calendar);
        }
    }

    /// The number of orders, places and loaded intervals. Memory use is proportional to it.
    #[must_use]
    pub fn size(&self) -> usize {
        self.orders.len() + self.calendars.values().map(Calendar::size).sum::<usize>()
    }

    /// Adds what is stored under an id.
    pub fn add_order(&mut self, id: OrderId, stored: Stored) {
        self.orders.insert(id, stored);
    }

    /// Adds whether a service exists.
    pub fn add_service(&mut self, id: ServiceId, exists: bool) {
        self.services.insert(id, exists);
    }

    /// Adds the occupants of a span: all of them, or as many as its reach asks for.
    pub fn add_occupants(&mut self, span: &Span, occupants: Vec<Occupant>) {
        self.calendars.entry(span.calendar).or_default().add(span, occupants);
    }

    /// Adds what is stored under an idempotency key, if anything.
    pub fn add_key(&mut self, key: OwnKey, kept: Option<Fingerprint>) {
        self.keys.insert(key, kept);
    }

    /// The sequence of the last event.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// What is stored under an id; `None` if that is not loaded.
    #[must_use]
    pub fn order(&self, id: &OrderId) -> Option<&Stored> {
        self.orders.get(id)
    }

    /// Whether a service exists; `None` if that is not loaded.
    #[must_use]
    pub fn service(&self, id: ServiceId) -> Option<bool> {
        self.services.get(&id).copied()
    }

    /// What is stored under an idempotency key; `None` if that is not loaded.
    #[must_use]
    pub fn key(&self, key: &OwnKey) -> Option<Option<&Fingerprint>> {
        self.keys.get(key).map(Option::as_ref)
    }

    pub(crate) fn calendar(&self, id: CalendarId) -> Option<&Calendar> {
        self.calendars.get(&id)
    }
}

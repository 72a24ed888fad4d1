//! Snapshots: what was loaded, under the lock, to judge some commands by.

use std::collections::HashMap;

use super::changes::{Changes, RowChange};
use super::coverage::Calendar;
use super::event::EventKind;
use super::occupants::{Occupant, Span};
use super::retry::{Fingerprint, OwnKey};
use crate::occupancy::{CalendarId, Slot};
use crate::order::{Order, OrderId};
use crate::policy::Policy;
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
    /// What is stored once a change of some kind has left an order so.
    pub(crate) fn left_by(kind: EventKind, order: Order) -> Self {
        match kind {
            EventKind::Created | EventKind::Updated | EventKind::Restored => Self::Live(order),
            EventKind::Deleted => Self::Deleted(order),
        }
    }

    /// The order, if there is one that is not deleted.
    #[must_use]
    pub fn live(&self) -> Option<&Order> {
        match self {
            Self::Live(order) => Some(order),
            Self::Never | Self::Deleted(_) => None,
        }
    }
}

/// The part of the database that some commands are judged by. What was not loaded is unknown, and
/// asking for it makes [`decide`](crate::decide()) answer with what it needs.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    last_sequence: u64,
    orders: HashMap<OrderId, Stored>,
    services: HashMap<ServiceId, bool>,
    calendars: HashMap<CalendarId, Calendar>,
    keys: HashMap<OwnKey, Option<Fingerprint>>,
}

impl Snapshot {
    /// A snapshot of a database whose last event has this sequence (0 when it has none).
    #[must_use]
    pub fn new(last_sequence: u64) -> Self {
        Self { last_sequence, ..Self::default() }
    }

    /// Makes of it what it would be, had it been loaded after its decision's changes were stored.
    /// Idempotency keys, which also come to an end by time, are forgotten.
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
            self.orders.insert(event.subject().clone(), stored);
        }
    }

    /// Takes in what another snapshot of the same moment has.
    pub fn merge(&mut self, other: Self) {
        self.orders.extend(other.orders);
        self.services.extend(other.services);
        self.keys.extend(other.keys);
        for (id, calendar) in other.calendars {
            self.calendars.entry(id).or_default().merge(calendar);
        }
    }

    /// How much it takes to remember it: the number of orders, of their places, and of the
    /// stretches that were loaded.
    #[must_use]
    pub fn size(&self) -> usize {
        self.orders.len() + self.calendars.values().map(Calendar::size).sum::<usize>()
    }

    /// Takes in what is stored under an id.
    pub fn add_order(&mut self, id: OrderId, stored: Stored) {
        self.orders.insert(id, stored);
    }

    /// Takes in whether a service exists.
    pub fn add_service(&mut self, id: ServiceId, exists: bool) {
        self.services.insert(id, exists);
    }

    /// Takes in the occupants of a stretch: all of them, or as many as the span's reach asks for.
    pub fn add_occupants(&mut self, span: &Span, occupants: Vec<Occupant>) {
        self.calendars.entry(span.calendar).or_default().add(span, occupants);
    }

    /// Takes in what stands under an idempotency key, if anything does.
    pub fn add_key(&mut self, key: OwnKey, kept: Option<Fingerprint>) {
        self.keys.insert(key, kept);
    }

    /// The sequence of the last event.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// What is stored under an id; `None` if that was not loaded.
    #[must_use]
    pub fn order(&self, id: &OrderId) -> Option<&Stored> {
        self.orders.get(id)
    }

    /// Whether a service exists; `None` if that was not loaded.
    #[must_use]
    pub fn service(&self, id: ServiceId) -> Option<bool> {
        self.services.get(&id).copied()
    }

    /// What stands under an idempotency key; `None` if that was not loaded.
    #[must_use]
    pub fn key(&self, key: &OwnKey) -> Option<Option<&Fingerprint>> {
        self.keys.get(key).map(Option::as_ref)
    }

    pub(crate) fn calendar(&self, id: CalendarId) -> Option<&Calendar> {
        self.calendars.get(&id)
    }
}

//! The tables of the modelled database: what is committed, how changes are applied to it, and what
//! its constraints refuse.

use std::collections::{BTreeMap, HashMap, HashSet};

use orders_core::decide::{Changes, Fingerprint, Occupant, OwnKey, Reach, RowChange, Span, Stored};
use orders_core::policy::{CalendarId, Slot};
use orders_core::{
    Event, Needs, Order, OrderId, Outcome, Period, Policy, ServiceId, Snapshot, Timestamp,
};

use crate::ledger::AttemptId;

/// An answer that is kept under an idempotency key.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) attempt: AttemptId,
    pub(crate) key: OwnKey,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) answer: Outcome,
    /// When it was made.
    pub(crate) at: Timestamp,
}

/// What one transaction writes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writes {
    pub(crate) changes: Changes,
    pub(crate) answers: Vec<Kept>,
}

impl Writes {
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

type Place = (CalendarId, Timestamp);

#[derive(Debug, Clone, Default)]
pub(crate) struct Tables {
    pub(crate) orders: BTreeMap<OrderId, Order>,
    pub(crate) slots: BTreeMap<Place, Vec<(OrderId, Slot)>>,
    pub(crate) events: Vec<Event>,
    /// Where the last event of each order is.
    last_events: HashMap<OrderId, usize>,
    pub(crate) last_sequence: u64,
    pub(crate) keys: HashMap<OwnKey, Kept>,
}

impl Tables {
    pub(crate) fn apply(&mut self, policy: &Policy, writes: Writes) {
        for RowChange { before, after } in writes.changes.rows {
            // By the id that both have, as a row is replaced.
            if let Some(order) = &before {
                for slot in policy.slots(order) {
                    self.take_slot(slot, &order.id);
                }
                self.orders.remove(&order.id);
            }
            if let Some(order) = after {
                for slot in policy.slots(&order) {
                    self.add_slot(slot, order.id.clone());
                }
                self.orders.insert(order.id.clone(), order);
            }
        }
        for event in writes.changes.events {
            self.last_sequence = self.last_sequence.max(event.sequence);
            self.last_events.insert(event.order.id.clone(), self.events.len());
            self.events.push(event);
        }
        for kept in writes.answers {
            self.keys.insert(kept.key.clone(), kept);
        }
    }

    pub(crate) fn add_slot(&mut self, slot: Slot, id: OrderId) {
        self.slots.entry((slot.calendar, slot.interval.start())).or_default().push((id, slot));
    }

    fn take_slot(&mut self, slot: Slot, id: &OrderId) {
        let place = (slot.calendar, slot.interval.start());
        if let Some(there) = self.slots.get_mut(&place) {
            there.retain(|(other, _)| other != id);
            if there.is_empty() {
                self.slots.remove(&place);
            }
        }
    }

    /// Somebody of another group who is less than a window from this slot.
    pub(crate) fn neighbour(&self, window: Period, id: &OrderId, slot: &Slot) -> Option<&OrderId> {
        let from = slot.interval.start().saturating_sub(window);
        let to = slot.interval.start().saturating_add(window);
        self.slots
            .range((slot.calendar, from)..=(slot.calendar, to))
            .flat_map(|(_, there)| there)
            .find(|(other, there)| other != id && there.conflicts_with(slot))
            .map(|(other, _)| other)
    }

    /// Whether keys and the exclusion constraint would refuse these writes, beside what others have
    /// written and not committed.
    pub(crate) fn refuse(&self, policy: &Policy, writes: &Writes, open: &[&Writes]) -> bool {
        let mut then = self.clone_for_checks(writes);
        for others in open {
            then.apply(policy, (*others).clone());
        }
        let sequences: HashSet<u64> = then.events.iter().map(|event| event.sequence).collect();
        if writes.changes.events.iter().any(|event| sequences.contains(&event.sequence)) {
            return true;
        }
        let twice = |row: &RowChange| match (&row.before, &row.after) {
            (None, Some(order)) => then.orders.contains_key(&order.id),
            _ => false,
        };
        if writes.changes.rows.iter().any(twice) {
            return true;
        }
        then.apply(policy, writes.clone());
        let rows = writes.changes.rows.iter().filter_map(|row| row.after.as_ref());
        rows.into_iter().any(|order| {
            let slots = policy.slots(order);
            slots.iter().any(|slot| then.neighbour(policy.window, &order.id, slot).is_some())
        })
    }

    /// All that the constraints look at: of the events only those that could stand in the way.
    fn clone_for_checks(&self, writes: &Writes) -> Self {
        let first = writes.changes.events.first().map_or(u64::MAX, |event| event.sequence);
        let events = self.events.iter().rev().take_while(|event| event.sequence >= first);
        Self {
            orders: self.orders.clone(),
            slots: self.slots.clone(),
            events: events.cloned().collect(),
            ..Self::default()
        }
    }

    pub(crate) fn load(&self, needs: &Needs, services: &[ServiceId]) -> Snapshot {
        let mut snapshot = Snapshot::new(self.last_sequence);
        for id in &needs.orders {
            let deleted = || self.last_events.get(id).map(|at| self.events[*at].order.clone());
            let stored = match self.orders.get(id) {
                Some(order) => Stored::Live(order.clone()),
                None => deleted().map_or(Stored::Never, Stored::Deleted),
            };
            snapshot.add_order(id.clone(), stored);
        }
        for id in &needs.services {
            snapshot.add_service(*id, services.contains(id));
        }
        for span in &needs.spans {
            snapshot.add_occupants(span, self.occupants(span));
        }
        for key in &needs.keys {
            snapshot.add_key(key.clone(), self.keys.get(key).map(|kept| kept.fingerprint.clone()));
        }
        snapshot
    }

    fn occupants(&self, span: &Span) -> Vec<Occupant> {
        let places = self.slots.range((span.calendar, span.from)..=(span.calendar, span.to));
        let all = places.flat_map(|(_, there)| {
            let occupant = |(id, slot): &(OrderId, Slot)| Occupant {
                interval: slot.interval,
                order_id: id.clone(),
                group: slot.group,
            };
            there.iter().map(occupant)
        });
        match span.reach {
            Reach::All => all.collect(),
            Reach::First(most) => all.take(most).collect(),
            Reach::Last(most) => {
                let all: Vec<Occupant> = all.collect();
                all[all.len().saturating_sub(most)..].to_vec()
            }
        }
    }
}

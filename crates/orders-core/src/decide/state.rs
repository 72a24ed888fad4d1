//! The working state of a decision: a snapshot, and the changes of the commands so far.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::num::NonZeroU64;
use std::sync::Arc;

use super::changes::{Changes, RowChange};
use super::event::{Actor, Event, EventKind};
use super::idempotency::{Fingerprint, IdempotentRequest, OwnKey};
use super::import::ImportGroup;
use super::needs::Needs;
use super::occupants::{Occupant, Occupants, Span};
use super::snapshot::{Snapshot, Stored};
use crate::order::{Group, Order, OrderId};
use crate::policy::CalendarId;
use crate::policy::Policy;
use crate::service::ServiceId;
use crate::time::{Direction, Timestamp};

pub(crate) struct State<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) now: Timestamp,
    snapshot: &'a Snapshot,
    /// The changed orders by id. They replace the snapshot's.
    touched: HashMap<OrderId, Stored>,
    /// The places of the changed orders.
    placed: HashMap<CalendarId, Occupants>,
    /// Changed orders that are ignored for now.
    hidden: HashSet<OrderId>,
    events: Vec<Event>,
    /// What was stored before each change, to undo changes.
    journal: Vec<(OrderId, Option<Stored>)>,
    /// The idempotency keys of the commands so far, and the positions of those commands.
    used_keys: HashMap<OwnKey, Fingerprint>,
    responses: Vec<usize>,
    /// The groups that the current batch created for names.
    named: HashMap<Arc<str>, Group>,
}

/// A point to which changes can be undone.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    events: usize,
    journal: usize,
}

impl<'a> State<'a> {
    pub(crate) fn new(policy: &'a Policy, snapshot: &'a Snapshot, now: Timestamp) -> Self {
        Self {
            policy,
            now,
            snapshot,
            touched: HashMap::new(),
            placed: HashMap::new(),
            hidden: HashSet::new(),
            events: Vec::new(),
            journal: Vec::new(),
            used_keys: HashMap::new(),
            responses: Vec::new(),
            named: HashMap::new(),
        }
    }

    /// What is stored under an idempotency key.
    pub(crate) fn fingerprint(&self, key: &OwnKey) -> Result<Option<&Fingerprint>, Needs> {
        match self.used_keys.get(key) {
            Some(used) => Ok(Some(used)),
            None => self
                .snapshot
                .key(key)
                .ok_or_else(|| Needs { keys: [key.clone()].into(), ..Needs::default() }),
        }
    }

    /// Records that the command at this position was accepted under its key.
    pub(crate) fn use_key(&mut self, retry: &IdempotentRequest, position: usize) {
        self.used_keys.insert(retry.key.clone(), retry.fingerprint.clone());
        self.responses.push(position);
    }

    pub(crate) fn stored(&self, id: &OrderId) -> Result<&Stored, Needs> {
        self.touched
            .get(id)
            .or_else(|| self.snapshot.order(id))
            .ok_or_else(|| Needs { orders: [id.clone()].into(), ..Needs::default() })
    }

    /// Which of these services do not exist, with their positions.
    pub(crate) fn unknown_services(
        &self,
        ids: impl Iterator<Item = ServiceId>,
    ) -> Result<Vec<(usize, ServiceId)>, Needs> {
        let mut needs = Needs::default();
        let mut unknown = Vec::new();
        for (position, id) in ids.enumerate() {
            match self.snapshot.service(id) {
                Some(true) => {}
                Some(false) => unknown.push((position, id)),
                None => {
                    needs.services.insert(id);
                }
            }
        }
        if needs.is_empty() { Ok(unknown) } else { Err(needs) }
    }

    /// The occupants within some spans, each with the index of its span.
    pub(crate) fn occupants<'s>(
        &'s self,
        spans: &'s [Span],
    ) -> Result<impl Iterator<Item = (usize, &'s Occupant)>, Needs> {
        let covers = |span: &Span| {
            self.snapshot.calendar(span.calendar).is_some_and(|c| c.covers(span.from, span.to))
        };
        let missing: BTreeSet<Span> = spans.iter().filter(|span| !covers(span)).copied().collect();
        if !missing.is_empty() {
            return Err(Needs { spans: missing, ..Needs::default() });
        }
        Ok(spans.iter().enumerate().flat_map(|(number, span)| {
            let sources = self.sources(span.calendar, span.from, span.to, Direction::Later);
            sources.flatten().map(move |occupant| (number, occupant))
        }))
    }

    /// The loaded occupants of one calendar in two sorted sequences: those that no command has
    /// changed, and those that commands have placed.
    pub(crate) fn sources<'s>(
        &'s self,
        calendar: CalendarId,
        from: Timestamp,
        to: Timestamp,
        direction: Direction,
    ) -> impl Iterator<Item = Box<dyn Iterator<Item = &'s Occupant> + 's>> + 's {
        // Skips the lookup while no command has changed anything.
        let untouched = |occupant: &&Occupant| {
            self.touched.is_empty() || !self.touched.contains_key(&occupant.order_id)
        };
        let shown = |occupant: &&Occupant| !self.hidden.contains(&occupant.order_id);
        let loaded = self.snapshot.calendar(calendar).map(|calendar| &calendar.occupants);
        let loaded = loaded.map(|occupants| match direction {
            Direction::Later => boxed(occupants.between(from, to).filter(untouched)),
            Direction::Earlier => boxed(occupants.between(from, to).rev().filter(untouched)),
        });
        let placed = self.placed.get(&calendar).map(|occupants| match direction {
            Direction::Later => boxed(occupants.between(from, to).filter(shown)),
            Direction::Earlier => boxed(occupants.between(from, to).rev().filter(shown)),
        });
        loaded.into_iter().chain(placed)
    }

    /// How far a calendar is loaded without a gap from a time on; `None` if not even there.
    pub(crate) fn loaded_up_to(
        &self,
        calendar: CalendarId,
        at: Timestamp,
        direction: Direction,
    ) -> Option<Timestamp> {
        let (from, to) = self.snapshot.calendar(calendar)?.loaded_around(at)?;
        Some(match direction {
            Direction::Later => to,
            Direction::Earlier => from,
        })
    }

    /// The number of loaded occupants of a calendar between two times.
    pub(crate) fn count_loaded(
        &self,
        calendar: CalendarId,
        (from, to): (Timestamp, Timestamp),
    ) -> usize {
        self.snapshot.calendar(calendar).map_or(0, |c| c.occupants.between(from, to).count())
    }

    /// Ignores a changed order, or considers it again.
    pub(crate) fn hide(&mut self, id: &OrderId, hidden: bool) {
        if hidden {
            self.hidden.insert(id.clone());
        } else {
            self.hidden.remove(id);
        }
    }

    pub(crate) fn hide_none(&mut self) {
        self.hidden.clear();
    }

    /// A new group. Its number is the sequence of the next event.
    pub(crate) fn new_group(&self) -> Group {
        Group(NonZeroU64::MIN.saturating_add(self.last_sequence()))
    }

    /// The group of an imported order.
    pub(crate) fn import_group(&self, group: &ImportGroup) -> Group {
        match group {
            ImportGroup::Own => self.new_group(),
            ImportGroup::Known(group) => *group,
            ImportGroup::Named(name) => {
                self.named.get(name).copied().unwrap_or_else(|| self.new_group())
            }
        }
    }

    /// Assigns a name the group of the first order that was accepted under it.
    pub(crate) fn name_group(&mut self, group: &ImportGroup, made: Group) {
        if let ImportGroup::Named(name) = group {
            self.named.entry(Arc::clone(name)).or_insert(made);
        }
    }

    /// Clears the names. They are valid within one batch.
    pub(crate) fn forget_names(&mut self) {
        self.named.clear();
    }

    fn last_sequence(&self) -> u64 {
        self.events.last().map_or(self.snapshot.last_sequence(), |event| event.sequence)
    }

    /// Records a change to an order, and its event.
    pub(crate) fn record(&mut self, actor: &Actor, kind: EventKind, order: Order) {
        let event = Event {
            sequence: self.last_sequence() + 1,
            kind,
            // This is the current time, except for imported orders.
            time: order.updated_at,
            actor: actor.clone(),
            order: order.clone(),
        };
        self.events.push(event);
        let id = order.id.clone();
        let stored = Stored::left_by(kind, order);
        let before = self.set(&id, Some(stored));
        self.journal.push((id, before));
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark { events: self.events.len(), journal: self.journal.len() }
    }

    /// Undoes everything recorded since the mark.
    pub(crate) fn undo_to(&mut self, mark: Mark) {
        self.events.truncate(mark.events);
        while self.journal.len() > mark.journal {
            if let Some((id, before)) = self.journal.pop() {
                self.set(&id, before);
            }
        }
    }

    /// Converts the record into the changes to store.
    pub(crate) fn into_changes(mut self) -> Changes {
        let mut rows = Vec::new();
        for event in &self.events {
            // Removes it, so that each order comes once, in the order of its first change.
            let Some(stored) = self.touched.remove(&event.order.id) else { continue };
            let before = self.snapshot.order(&event.order.id).and_then(Stored::live);
            let row = RowChange { before: before.cloned(), after: stored.live().cloned() };
            if row.before.is_some() || row.after.is_some() {
                rows.push(row);
            }
        }
        Changes { rows, events: self.events, responses: self.responses }
    }

    /// Replaces what is stored under an id, and its places.
    fn set(&mut self, id: &OrderId, stored: Option<Stored>) -> Option<Stored> {
        let placed = stored.as_ref().and_then(Stored::live).cloned();
        let before = match stored {
            Some(stored) => self.touched.insert(id.clone(), stored),
            None => self.touched.remove(id),
        };
        for slot in before.iter().filter_map(Stored::live).flat_map(|old| self.policy.slots(old)) {
            if let Some(occupants) = self.placed.get_mut(&slot.calendar) {
                occupants.remove(slot.interval.start(), id);
            }
        }
        if let Some(order) = placed {
            for slot in self.policy.slots(&order) {
                self.placed.entry(slot.calendar).or_default().insert(Occupant {
                    interval: slot.interval,
                    order_id: id.clone(),
                    group: slot.group,
                });
            }
        }
        before
    }
}

fn boxed<'s>(
    occupants: impl Iterator<Item = &'s Occupant> + 's,
) -> Box<dyn Iterator<Item = &'s Occupant> + 's> {
    Box::new(occupants)
}

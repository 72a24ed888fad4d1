//! The working state of a decision: a snapshot, and over it what the commands so far have changed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::num::NonZeroU64;
use std::sync::Arc;

use super::changes::{Changes, RowChange};
use super::event::{Actor, Event, EventKind};
use super::import::ImportGroup;
use super::needs::Needs;
use super::occupants::{Occupant, Occupants, Span};
use super::retry::{Fingerprint, OwnKey, Retry};
use super::snapshot::{Snapshot, Stored};
use crate::occupancy::CalendarId;
use crate::order::{Group, Order, OrderId};
use crate::policy::Policy;
use crate::service::ServiceId;
use crate::time::{Instant, Way};

pub(crate) struct State<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) now: Instant,
    snapshot: &'a Snapshot,
    /// What is stored under each id that a command has changed. The snapshot's word no longer counts for these.
    touched: HashMap<OrderId, Stored>,
    /// Where the touched orders are.
    placed: HashMap<CalendarId, Occupants>,
    /// Touched orders that are not to be looked at for now.
    hidden: HashSet<OrderId>,
    events: Vec<Event>,
    /// What was stored before each change, to take changes back.
    journal: Vec<(OrderId, Option<Stored>)>,
    /// What the keys of the commands so far stand for, and where those commands are.
    answered: HashMap<OwnKey, Fingerprint>,
    answers: Vec<usize>,
    /// The groups that the present batch has made for names.
    named: HashMap<Arc<str>, Group>,
}

/// A point to which the state can be taken back.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    events: usize,
    journal: usize,
}

impl<'a> State<'a> {
    pub(crate) fn new(policy: &'a Policy, snapshot: &'a Snapshot, now: Instant) -> Self {
        Self {
            policy,
            now,
            snapshot,
            touched: HashMap::new(),
            placed: HashMap::new(),
            hidden: HashSet::new(),
            events: Vec::new(),
            journal: Vec::new(),
            answered: HashMap::new(),
            answers: Vec::new(),
            named: HashMap::new(),
        }
    }

    /// What stands under an idempotency key.
    pub(crate) fn answered(&self, key: &OwnKey) -> Result<Option<&Fingerprint>, Needs> {
        match self.answered.get(key) {
            Some(answered) => Ok(Some(answered)),
            None => self
                .snapshot
                .key(key)
                .ok_or_else(|| Needs { keys: [key.clone()].into(), ..Needs::default() }),
        }
    }

    /// Writes down that the command at this position was accepted under its key.
    pub(crate) fn answer(&mut self, retry: &Retry, position: usize) {
        self.answered.insert(retry.key.clone(), retry.fingerprint.clone());
        self.answers.push(position);
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

    /// All occupants that start within these spans, each with the number of its span.
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
            let sources = self.sources(span.calendar, span.from, span.to, Way::Later);
            sources.flatten().map(move |occupant| (number, occupant))
        }))
    }

    /// The occupants of one calendar, as far as they are loaded: those that no command has touched,
    /// and those that one has placed; each in the order in which they are met.
    pub(crate) fn sources<'s>(
        &'s self,
        calendar: CalendarId,
        from: Instant,
        to: Instant,
        way: Way,
    ) -> impl Iterator<Item = Box<dyn Iterator<Item = &'s Occupant> + 's>> + 's {
        // Where no command has changed anything yet, there is nothing to look up.
        let untouched = |occupant: &&Occupant| {
            self.touched.is_empty() || !self.touched.contains_key(&occupant.order_id)
        };
        let shown = |occupant: &&Occupant| !self.hidden.contains(&occupant.order_id);
        let loaded = self.snapshot.calendar(calendar).map(|calendar| &calendar.occupants);
        let loaded = loaded.map(|occupants| match way {
            Way::Later => boxed(occupants.between(from, to).filter(untouched)),
            Way::Earlier => boxed(occupants.between(from, to).rev().filter(untouched)),
        });
        let placed = self.placed.get(&calendar).map(|occupants| match way {
            Way::Later => boxed(occupants.between(from, to).filter(shown)),
            Way::Earlier => boxed(occupants.between(from, to).rev().filter(shown)),
        });
        loaded.into_iter().chain(placed)
    }

    /// How far a calendar is loaded without a gap from an instant on; `None` if not even there.
    pub(crate) fn loaded_up_to(
        &self,
        calendar: CalendarId,
        at: Instant,
        way: Way,
    ) -> Option<Instant> {
        let (from, to) = self.snapshot.calendar(calendar)?.loaded_around(at)?;
        Some(match way {
            Way::Later => to,
            Way::Earlier => from,
        })
    }

    /// How many occupants of a calendar are loaded between two instants.
    pub(crate) fn count_loaded(
        &self,
        calendar: CalendarId,
        (from, to): (Instant, Instant),
    ) -> usize {
        self.snapshot.calendar(calendar).map_or(0, |c| c.occupants.between(from, to).count())
    }

    /// Leaves a touched order out of sight, or shows it again.
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

    /// A group that no order is in yet: the sequence of the next event.
    pub(crate) fn new_group(&self) -> Group {
        Group(NonZeroU64::MIN.saturating_add(self.last_sequence()))
    }

    /// The group that an imported order would be in.
    pub(crate) fn import_group(&self, group: &ImportGroup) -> Group {
        match group {
            ImportGroup::Own => self.new_group(),
            ImportGroup::Known(group) => *group,
            ImportGroup::Named(name) => {
                self.named.get(name).copied().unwrap_or_else(|| self.new_group())
            }
        }
    }

    /// Gives a name the group of the first order that was accepted under it.
    pub(crate) fn name_group(&mut self, group: &ImportGroup, made: Group) {
        if let ImportGroup::Named(name) = group {
            self.named.entry(Arc::clone(name)).or_insert(made);
        }
    }

    /// Forgets the names of the batch before: they mean something within one only.
    pub(crate) fn forget_names(&mut self) {
        self.named.clear();
    }

    fn last_sequence(&self) -> u64 {
        self.events.last().map_or(self.snapshot.last_sequence(), |event| event.sequence)
    }

    /// Writes down a change to an order, and the event that tells of it.
    pub(crate) fn record(&mut self, actor: &Actor, kind: EventKind, order: Order) {
        let event = Event {
            sequence: self.last_sequence() + 1,
            kind,
            // Now, but for what is imported with its past.
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

    /// Takes back all that was recorded since the mark.
    pub(crate) fn undo_to(&mut self, mark: Mark) {
        self.events.truncate(mark.events);
        while self.journal.len() > mark.journal {
            if let Some((id, before)) = self.journal.pop() {
                self.set(&id, before);
            }
        }
    }

    /// All that was recorded, as what must be stored for it.
    pub(crate) fn into_changes(mut self) -> Changes {
        let mut rows = Vec::new();
        for event in &self.events {
            // Taken out, so that each order is looked at once, in the order of its first change.
            let Some(stored) = self.touched.remove(event.subject()) else { continue };
            let before = self.snapshot.order(event.subject()).and_then(Stored::live);
            let row = RowChange { before: before.cloned(), after: stored.live().cloned() };
            if row.before.is_some() || row.after.is_some() {
                rows.push(row);
            }
        }
        Changes { rows, events: self.events, answers: self.answers }
    }

    /// Replaces what is stored under an id, and its places with it.
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

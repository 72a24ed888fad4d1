//! The contract as a state and what each request does to it. One at a time; nothing is concurrent here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::event::{Event, Kind};
use super::operation::{Operation, Order, Request, Told};
use super::proposal::{Proposal, key_reused, not_found, refused};
use super::spacing::{Calendars, Candidate, Scope};

/// All orders, the deleted ones, and the responses stored under keys.
#[derive(Debug, Clone)]
pub struct Model {
    pub(super) sequence: u64,
    pub(super) orders: BTreeMap<String, Entry>,
    pub(super) calendars: Calendars,
    kept: Kept,
    /// Those of the round before.
    kept_before: Kept,
}

/// The request of each key, and its response.
type Kept = HashMap<String, (Request, Told)>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) order: Order,
    /// Whose members are exempt from each other.
    pub(super) group: u64,
    pub(super) is_there: bool,
}

/// The effect of a request, and how to roll it back.
pub(super) struct Attempt {
    pub(super) told: Told,
    pub(super) replayed: bool,
    pub(super) made: Vec<Event>,
    undo: Vec<(String, Option<Entry>)>,
    new_key: Option<String>,
}

/// What only the service knows: times and ids, taken from the events at this place of the feed.
pub(super) struct Stamps<'a> {
    events: &'a [Event],
    made: Vec<Event>,
    undo: Vec<(String, Option<Entry>)>,
}

impl Stamps<'_> {
    /// The time of the next event, and its id.
    pub(super) fn next(&self) -> (i64, &str) {
        self.events.get(self.made.len()).map_or((0, ""), |event| (event.time, event.id.as_str()))
    }
}

impl Model {
    /// A state, at a sequence of the feed: orders with the groups that they are in.
    pub fn new(
        window: i64,
        scope: Scope,
        sequence: u64,
        orders: impl IntoIterator<Item = (Order, u64)>,
    ) -> Self {
        let mut model = Self {
            sequence,
            orders: BTreeMap::new(),
            calendars: Calendars::new(window, scope),
            kept: Kept::new(),
            kept_before: Kept::new(),
        };
        for (order, group) in orders {
            model.set(&order.id.clone(), Some(Entry { order, group, is_there: true }));
        }
        model
    }

    /// Changes what shares a calendar.
    pub fn set_scope(&mut self, scope: Scope) {
        let mut calendars = Calendars::new(self.calendars.window(), scope);
        for entry in self.orders.values().filter(|entry| entry.is_there) {
            calendars.put(&entry.order, entry.group);
        }
        self.calendars = calendars;
    }

    /// The orders that are there, by id.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.values().filter(|entry| entry.is_there).map(|entry| &entry.order)
    }

    /// Performs an operation, with the times and ids of the events at this place.
    pub(super) fn attempt(&mut self, operation: &Operation, events: &[Event]) -> Attempt {
        let Operation { request, key, .. } = operation;
        let kept =
            key.as_ref().and_then(|key| self.kept.get(key).or_else(|| self.kept_before.get(key)));
        let repeat = kept.map(|(first, told)| request.repeats(first).then(|| told.clone()));
        if let Some(same) = repeat {
            let replayed = same.is_some();
            let (made, undo) = (Vec::new(), Vec::new());
            let told = same.unwrap_or_else(key_reused);
            return Attempt { told, replayed, made, undo, new_key: None };
        }
        let mut stamps = Stamps { events, made: Vec::new(), undo: Vec::new() };
        let told = self.run(request, &mut stamps);
        let accepted = match &told {
            Told::Order(..) | Told::Deleted | Told::Results(200, _) => true,
            Told::Refused(..) | Told::Free(_) | Told::Results(..) => false,
        };
        let new_key = key.clone().filter(|_| accepted);
        if let Some(key) = &new_key {
            self.kept.insert(key.clone(), (request.clone(), told.clone()));
        }
        let Stamps { made, undo, .. } = stamps;
        Attempt { told, replayed: false, made, undo, new_key }
    }

    /// Rolls an attempt back.
    pub(super) fn take_back(&mut self, attempt: Attempt) {
        self.undo(attempt.undo);
        if let Some(key) = attempt.new_key {
            self.kept.remove(&key);
        }
    }

    /// Ends a round. Keys are kept for one more round.
    pub(super) fn end_round(&mut self) {
        self.kept_before = std::mem::take(&mut self.kept);
    }

    /// Accepts an event that the model cannot explain, to continue from there.
    pub(super) fn adopt(&mut self, event: &Event) {
        self.sequence = event.sequence;
        let entry = self.orders.get(&event.id);
        let order = event.after.as_ref().or(event.before.as_ref());
        let Some(order) = order.cloned() else { return };
        let stays =
            |entry: &&Entry| event.kind != Kind::Created && entry.order.datetime == order.datetime;
        let group = entry.filter(stays).map_or(event.sequence, |entry| entry.group);
        let version = order.version + u64::from(event.after.is_none());
        let order = Order { version, ..order };
        self.set(&event.id, Some(Entry { order, group, is_there: event.after.is_some() }));
    }

    fn undo(&mut self, undo: Vec<(String, Option<Entry>)>) {
        for (id, entry) in undo.into_iter().rev() {
            self.sequence -= 1;
            self.set(&id, entry);
        }
    }

    fn set(&mut self, id: &str, entry: Option<Entry>) -> Option<Entry> {
        let before = match entry.clone() {
            Some(entry) => self.orders.insert(id.to_owned(), entry),
            None => self.orders.remove(id),
        };
        if let Some(old) = before.as_ref().filter(|old| old.is_there) {
            self.calendars.take(&old.order);
        }
        if let Some(new) = entry.filter(|new| new.is_there) {
            self.calendars.put(&new.order, new.group);
        }
        before
    }

    pub(super) fn there(&self, id: &str) -> Option<&Entry> {
        self.orders.get(id).filter(|entry| entry.is_there)
    }

    fn run(&mut self, request: &Request, stamps: &mut Stamps<'_>) -> Told {
        match request {
            Request::Read { id } => match self.there(id) {
                Some(entry) => Told::Order(200, entry.order.clone()),
                None => not_found(),
            },
            Request::Free { from, to, services } => {
                Told::Free(self.calendars.free(services, *from, *to))
            }
            Request::Batch { atomic: false, operations } => {
                Told::Results(200, operations.iter().map(|one| self.run(one, stamps)).collect())
            }
            Request::Batch { atomic: true, operations } => self.run_together(operations, stamps),
            Request::Create { .. }
            | Request::Update { .. }
            | Request::Delete { .. }
            | Request::Restore { .. } => {
                let proposal = match self.propose(request, stamps) {
                    Ok(proposal) => proposal,
                    Err(told) => return told,
                };
                let hidden = BTreeSet::new();
                let Entry { order, group, .. } = &proposal.entry;
                let candidate = Candidate { order, group: *group, hidden: &hidden };
                if proposal.moves
                    && let Some(conflict) = self.calendars.conflict(&candidate)
                {
                    return refused(409, "order-conflict", Some(conflict));
                }
                self.record(proposal, stamps)
            }
        }
    }

    /// Validated on the state after all of them; of two that conflict the later fails.
    fn run_together(&mut self, operations: &[Request], stamps: &mut Stamps<'_>) -> Told {
        let before = stamps.made.len();
        let mut results = Vec::new();
        let mut placed = Vec::new();
        for operation in operations {
            let told = match self.propose(operation, stamps) {
                Ok(proposal) => {
                    if proposal.moves {
                        placed.push((results.len(), proposal.entry.clone()));
                    }
                    self.record(proposal, stamps)
                }
                Err(told) => told,
            };
            results.push(told);
        }
        let mut hidden: BTreeSet<String> =
            placed.iter().map(|(_, entry)| entry.order.id.clone()).collect();
        let mut failed = Vec::new();
        for (position, Entry { order, group, .. }) in &placed {
            if self.calendars.is_free(&Candidate { order, group: *group, hidden: &hidden }) {
                hidden.remove(&order.id);
            } else {
                failed.push((*position, order, *group));
            }
        }
        for (position, order, group) in failed {
            let conflict = self.calendars.conflict(&Candidate { order, group, hidden: &hidden });
            results[position] = refused(409, "order-conflict", conflict);
        }
        let first = results.iter().find_map(|told| match told {
            Told::Refused(status, ..) => Some(*status),
            Told::Order(..) | Told::Deleted | Told::Free(_) | Told::Results(..) => None,
        });
        let Some(status) = first else { return Told::Results(200, results) };
        stamps.made.truncate(before);
        self.undo(stamps.undo.split_off(before));
        for told in &mut results {
            if !matches!(told, Told::Refused(..)) {
                *told = refused(424, "not-attempted", None);
            }
        }
        Told::Results(status, results)
    }

    fn record(&mut self, proposal: Proposal, stamps: &mut Stamps<'_>) -> Told {
        let Proposal { kind, entry, .. } = proposal;
        let told = match kind {
            Some(Kind::Created) => Told::Order(201, entry.order.clone()),
            Some(Kind::Deleted) => Told::Deleted,
            Some(Kind::Updated | Kind::Restored) | None => Told::Order(200, entry.order.clone()),
        };
        if let Some(kind) = kind {
            let id = entry.order.id.clone();
            let after = entry.is_there.then(|| entry.order.clone());
            let before = self.there(&id).map(|before| before.order.clone());
            self.sequence += 1;
            let (sequence, (time, _)) = (self.sequence, stamps.next());
            stamps.made.push(Event { sequence, kind, id: id.clone(), time, before, after });
            let undone = self.set(&id, Some(entry));
            stamps.undo.push((id, undone));
        }
        told
    }
}

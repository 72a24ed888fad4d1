//! A book of orders in memory: for programs that need the rule without a database, and as a complete
//! example of how to load snapshots and apply changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::decide::{
    Action, Actor, Changes, Command, Event, Fingerprint, FreeInterval, FreeIntervals,
    IdempotentRequest, Needs, Occupant, Occupants, Operation, OperationResult, Outcome, OwnKey,
    Reach, RowChange, Snapshot, Span, Stored, decide,
};
use crate::order::{Order, OrderId, Services};
use crate::policy::Policy;
use crate::policy::{CalendarId, Interval, Slot};
use crate::service::ServiceId;
use crate::time::Timestamp;

/// Orders in memory, kept apart by the rule.
#[derive(Debug, Clone)]
pub struct Book {
    policy: Policy,
    services: BTreeSet<ServiceId>,
    orders: BTreeMap<OrderId, Stored>,
    places: HashMap<CalendarId, Occupants>,
    events: Vec<Event>,
    /// The fingerprints of idempotency keys, and when each was used.
    used_keys: HashMap<OwnKey, (Fingerprint, Timestamp)>,
}

impl Book {
    /// Creates a book without orders and services.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            services: BTreeSet::new(),
            orders: BTreeMap::new(),
            places: HashMap::new(),
            events: Vec::new(),
            used_keys: HashMap::new(),
        }
    }

    /// Adds a service that orders may name.
    pub fn add_service(&mut self, id: ServiceId) {
        self.services.insert(id);
    }

    /// Runs one operation.
    ///
    /// # Errors
    /// The [`Refusal`](crate::Refusal) if the operation is rejected.
    pub fn run(&mut self, actor: &Actor, operation: Operation, now: Timestamp) -> OperationResult {
        let command = Command { actor: actor.clone(), action: Action::One(operation), retry: None };
        let mut outcomes = self.run_all(&[command], now).into_iter();
        match outcomes.next() {
            Some(Outcome::One(result)) => result,
            Some(Outcome::Batch { .. } | Outcome::Repeated | Outcome::KeyReused) | None => {
                unreachable!("one operation without a key has one result")
            }
        }
    }

    /// Runs commands in order. Returns the outcome of each.
    pub fn run_all(&mut self, commands: &[Command], now: Timestamp) -> Vec<Outcome> {
        let last_sequence = self.events.last().map_or(0, |event| event.sequence);
        let mut snapshot = Snapshot::new(last_sequence);
        let mut needs = Needs::for_commands(&self.policy, commands);
        loop {
            self.load(&mut snapshot, &needs, now);
            match decide(&self.policy, &snapshot, commands, now) {
                Ok(decision) => {
                    self.keep(commands, &decision.changes.responses, now);
                    self.apply(decision.changes);
                    return decision.outcomes;
                }
                Err(missing) => needs = missing,
            }
        }
    }

    /// The intervals between two times, both included, in which a new order with these services would
    /// be accepted.
    #[must_use]
    pub fn free_intervals(
        &self,
        services: &Services,
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<FreeInterval> {
        let calendars = self.policy.calendars(services);
        let mut free = FreeIntervals::new(&self.policy, &calendars, from, to);
        let (first, last) = free.starts();
        let of = |calendar: &CalendarId| self.places.get(calendar);
        let mut slots: Vec<Interval> = calendars
            .iter()
            .filter_map(of)
            .flat_map(|occupants| occupants.between(first, last))
            .map(|occupant| occupant.interval)
            .collect();
        slots.sort();
        let mut found: Vec<FreeInterval> =
            slots.into_iter().filter_map(|at| free.pass(at)).collect();
        found.extend(free.finish());
        found
    }

    /// The orders, by id.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.values().filter_map(Stored::live)
    }

    /// All events so far.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    fn load(&self, snapshot: &mut Snapshot, needs: &Needs, now: Timestamp) {
        for id in &needs.orders {
            snapshot.add_order(id.clone(), self.orders.get(id).cloned().unwrap_or(Stored::Never));
        }
        for id in &needs.services {
            snapshot.add_service(*id, self.services.contains(id));
        }
        for span in &needs.spans {
            snapshot.add_occupants(span, self.occupants(span));
        }
        for key in &needs.keys {
            let kept = self.used_keys.get(key).filter(|(_, since)| {
                now.millis_since(*since) < IdempotentRequest::KEPT_FOR.as_millis()
            });
            snapshot.add_key(key.clone(), kept.map(|(fingerprint, _)| fingerprint.clone()));
        }
    }

    fn keep(&mut self, commands: &[Command], responses: &[usize], now: Timestamp) {
        for command in responses.iter().filter_map(|position| commands.get(*position)) {
            if let Some(IdempotentRequest { key, fingerprint }) = command.retry() {
                self.used_keys.insert(key.clone(), (fingerprint.clone(), now));
            }
        }
    }

    fn occupants(&self, span: &Span) -> Vec<Occupant> {
        let Some(places) = self.places.get(&span.calendar) else { return Vec::new() };
        let within = places.between(span.from, span.to).cloned();
        match span.reach {
            Reach::All => within.collect(),
            Reach::First(limit) => within.take(limit).collect(),
            Reach::Last(limit) => within.rev().take(limit).collect(),
        }
    }

    fn apply(&mut self, changes: Changes) {
        for RowChange { before, after } in &changes.rows {
            if let Some(order) = before {
                for slot in self.policy.slots(order) {
                    let places = self.places.entry(slot.calendar).or_default();
                    places.remove(slot.interval.start(), &order.id);
                }
            }
            if let Some(order) = after {
                for Slot { calendar, interval, group } in self.policy.slots(order) {
                    let occupant = Occupant { interval, order_id: order.id.clone(), group };
                    self.places.entry(calendar).or_default().insert(occupant);
                }
            }
        }
        for event in changes.events {
            let stored = Stored::left_by(event.kind, event.order.clone());
            self.orders.insert(event.order.id.clone(), stored);
            self.events.push(event);
        }
    }
}

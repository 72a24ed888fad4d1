//! A second, naive implementation of the rule. It shares no code with the service.

use std::collections::{BTreeMap, BTreeSet};

use super::operation::{Conflict, Neighbour, Order};
use crate::time::HOUR;

/// No suggestion lies further away.
const FURTHEST: i64 = 366 * 24 * HOUR;
/// The maximum number of conflicting orders in a response.
const NAMED: usize = 10;

/// What shares a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All orders.
    Global,
    /// Orders with a service in common.
    Service,
}

/// The orders in each calendar.
#[derive(Debug, Clone)]
pub(super) struct Calendars {
    window: i64,
    scope: Scope,
    /// By calendar and time.
    taken: BTreeMap<(u64, i64), There>,
}

/// The ids at one time, with the group of each and all its services.
type There = BTreeMap<String, (u64, Vec<u64>)>;

/// A requested place.
pub(super) struct Candidate<'a> {
    pub(super) order: &'a Order,
    pub(super) group: u64,
    /// Ids that do not count.
    pub(super) hidden: &'a BTreeSet<String>,
}

impl Calendars {
    pub(super) fn new(window: i64, scope: Scope) -> Self {
        Self { window, scope, taken: BTreeMap::new() }
    }

    pub(super) fn scope(&self) -> Scope {
        self.scope
    }

    pub(super) fn window(&self) -> i64 {
        self.window
    }

    fn of(&self, services: &[u64]) -> Vec<u64> {
        match self.scope {
            Scope::Global => vec![0],
            Scope::Service => services.to_vec(),
        }
    }

    pub(super) fn put(&mut self, order: &Order, group: u64) {
        for calendar in self.of(&order.services) {
            let there = self.taken.entry((calendar, order.datetime)).or_default();
            there.insert(order.id.clone(), (group, order.services.clone()));
        }
    }

    pub(super) fn take(&mut self, order: &Order) {
        for calendar in self.of(&order.services) {
            let place = (calendar, order.datetime);
            if let Some(there) = self.taken.get_mut(&place) {
                there.remove(&order.id);
                if there.is_empty() {
                    self.taken.remove(&place);
                }
            }
        }
    }

    /// The orders that conflict with a time, sorted by time and id, with all services.
    fn in_the_way(&self, candidate: &Candidate<'_>, at: i64) -> BTreeMap<(i64, String), Vec<u64>> {
        let mut found = BTreeMap::new();
        for calendar in self.of(&candidate.order.services) {
            // Exactly one window apart is allowed.
            let near = (calendar, at - self.window + 1)..=(calendar, at + self.window - 1);
            for ((_, datetime), there) in self.taken.range(near) {
                for (id, (group, services)) in there {
                    let counts = *id != candidate.order.id
                        && *group != candidate.group
                        && !candidate.hidden.contains(id);
                    if counts {
                        found.insert((*datetime, id.clone()), services.clone());
                    }
                }
            }
        }
        found
    }

    pub(super) fn is_free(&self, candidate: &Candidate<'_>) -> bool {
        self.in_the_way(candidate, candidate.order.datetime).is_empty()
    }

    /// The conflict, if there is one.
    pub(super) fn conflict(&self, candidate: &Candidate<'_>) -> Option<Conflict> {
        let asked = candidate.order.datetime;
        let found = self.in_the_way(candidate, asked);
        if found.is_empty() {
            return None;
        }
        let count = found.len();
        let shown = |services: Vec<u64>| {
            let shared =
                |id: &u64| self.scope == Scope::Global || candidate.order.services.contains(id);
            let services: BTreeSet<u64> = services.into_iter().filter(shared).collect();
            services.into_iter().collect()
        };
        let mut nearest: Vec<Neighbour> = found
            .into_iter()
            .map(|((datetime, id), services)| Neighbour {
                gap: datetime - asked,
                datetime,
                id,
                services: shown(services),
            })
            .collect();
        nearest.sort_by_key(|other| (other.gap.abs(), other.datetime));
        nearest.truncate(NAMED);
        let previous = self.nearest_free(candidate, false);
        let next = self.nearest_free(candidate, true);
        Some(Conflict { nearest, count, previous, next })
    }

    /// All intervals between two times in which an order with these services is free.
    pub(super) fn free(&self, services: &[u64], from: i64, to: i64) -> Vec<(i64, i64)> {
        let calendars = self.of(services);
        // All orders that can conflict, once each, by time.
        let mut taken: Vec<i64> = Vec::new();
        for calendar in calendars {
            let near = (calendar, from - self.window)..=(calendar, to + self.window);
            taken.extend(self.taken.range(near).map(|((_, datetime), _)| *datetime));
        }
        taken.sort_unstable();
        let mut free = Vec::new();
        let mut at = from;
        for datetime in taken {
            if at <= datetime - self.window {
                free.push((at, to.min(datetime - self.window)));
            }
            at = at.max(datetime + self.window);
        }
        if at <= to {
            free.push((at, to));
        }
        free.retain(|(start, end)| start <= end);
        free
    }

    /// The nearest free time. An order that conflicts with a time conflicts up to one window
    /// after it, so the search steps over the furthest of them at once.
    fn nearest_free(&self, candidate: &Candidate<'_>, later: bool) -> Option<i64> {
        let asked = candidate.order.datetime;
        let mut at = asked;
        while (at - asked).abs() <= FURTHEST {
            let found = self.in_the_way(candidate, at);
            let furthest = if later { found.keys().next_back() } else { found.keys().next() };
            let Some((datetime, _)) = furthest else { return Some(at) };
            at = if later { datetime + self.window } else { datetime - self.window };
        }
        None
    }
}

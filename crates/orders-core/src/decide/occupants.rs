//! Occupants: the orders that hold the times of a calendar, and which of them are to be loaded.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::occupancy::{CalendarId, Interval};
use crate::order::{Group, OrderId};
use crate::policy::Policy;
use crate::time::{Instant, Way};

/// An order in a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupant {
    /// What it holds of the calendar, from its time on.
    pub interval: Interval,
    /// The order's id.
    pub order_id: OrderId,
    /// The order's group.
    pub group: Group,
}

/// How much of a stretch is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// All occupants.
    All,
    /// At most so many, the earliest ones.
    First(usize),
    /// At most so many, the latest ones.
    Last(usize),
}

/// A stretch of a calendar that is to be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Which calendar.
    pub calendar: CalendarId,
    /// The first instant of the stretch.
    pub from: Instant,
    /// The last instant of the stretch.
    pub to: Instant,
    /// How many of its occupants.
    pub reach: Reach,
}

impl Occupant {
    /// The order's time.
    #[must_use]
    pub fn start(&self) -> Instant {
        self.interval.start()
    }
}

impl Span {
    /// The starts of all slots of a calendar that could overlap an interval.
    #[must_use]
    pub fn around(policy: &Policy, calendar: CalendarId, interval: Interval) -> Self {
        let (from, to) = policy.starts_around(calendar, interval);
        Self { calendar, from, to, reach: Reach::All }
    }
}

impl Reach {
    /// The nearest ones, seen this way.
    pub(crate) fn nearest(way: Way, most: usize) -> Self {
        match way {
            Way::Later => Self::First(most),
            Way::Earlier => Self::Last(most),
        }
    }
}

/// Occupants by their time; those of one instant by their ids.
#[derive(Debug, Clone, Default)]
pub(crate) struct Occupants(BTreeMap<Instant, Vec<Occupant>>);

impl Occupants {
    pub(crate) fn insert(&mut self, occupant: Occupant) {
        match self.0.entry(occupant.start()) {
            // Nearly always the only one: no more room than for one.
            Entry::Vacant(free) => {
                free.insert(vec![occupant]);
            }
            Entry::Occupied(mut taken) => {
                let there = taken.get_mut();
                match there.binary_search_by(|other| other.order_id.cmp(&occupant.order_id)) {
                    Ok(same) => there.splice(same..=same, [occupant]).for_each(drop),
                    Err(place) => there.insert(place, occupant),
                }
            }
        }
    }

    pub(crate) fn remove(&mut self, start: Instant, order_id: &OrderId) {
        let Entry::Occupied(mut taken) = self.0.entry(start) else { return };
        taken.get_mut().retain(|occupant| occupant.order_id != *order_id);
        if taken.get().is_empty() {
            taken.remove();
        }
    }

    pub(crate) fn into_each(self, insert: impl FnMut(Occupant)) {
        self.0.into_values().flatten().for_each(insert);
    }

    /// At how many instants there are any.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The occupants between, both ends included, earliest first.
    pub(crate) fn between(
        &self,
        from: Instant,
        to: Instant,
    ) -> impl DoubleEndedIterator<Item = &Occupant> {
        // A range whose ends are the wrong way round is empty, not a mistake.
        self.0
            .range(from..=to.max(from))
            .filter(move |(at, _)| **at <= to)
            .flat_map(|(_, there)| there)
    }
}

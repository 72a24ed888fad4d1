//! Occupants: the orders in a calendar, and the spans to load them by.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::order::{Group, OrderId};
use crate::policy::Policy;
use crate::policy::{CalendarId, Interval};
use crate::time::{Direction, Timestamp};

/// An order in a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupant {
    /// What it holds of the calendar.
    pub interval: Interval,
    /// The order's id.
    pub order_id: OrderId,
    /// The order's exemption group.
    pub group: Group,
}

/// How many occupants of a span to load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// All occupants.
    All,
    /// At most this many, the earliest ones.
    First(usize),
    /// At most this many, the latest ones.
    Last(usize),
}

/// A part of a calendar to load: the occupants that start within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Which calendar.
    pub calendar: CalendarId,
    /// The first start.
    pub from: Timestamp,
    /// The last start, included.
    pub to: Timestamp,
    /// How many occupants.
    pub reach: Reach,
}

impl Occupant {
    /// The order's time.
    pub(crate) fn start(&self) -> Timestamp {
        self.interval.start()
    }
}

impl Span {
    /// The span of all slots of a calendar that could overlap an interval.
    pub(crate) fn around(policy: &Policy, calendar: CalendarId, interval: Interval) -> Self {
        let (from, to) = policy.starts_around(calendar, interval);
        Self { calendar, from, to, reach: Reach::All }
    }
}

impl Reach {
    /// At most this many, the nearest ones in a direction.
    pub(crate) fn nearest(direction: Direction, most: usize) -> Self {
        match direction {
            Direction::Later => Self::First(most),
            Direction::Earlier => Self::Last(most),
        }
    }
}

/// Occupants by time, then by id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Occupants(BTreeMap<Timestamp, Vec<Occupant>>);

impl Occupants {
    pub(crate) fn insert(&mut self, occupant: Occupant) {
        match self.0.entry(occupant.start()) {
            // Nearly always the only one: allocates room for one.
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

    pub(crate) fn remove(&mut self, start: Timestamp, order_id: &OrderId) {
        let Entry::Occupied(mut taken) = self.0.entry(start) else { return };
        taken.get_mut().retain(|occupant| occupant.order_id != *order_id);
        if taken.get().is_empty() {
            taken.remove();
        }
    }

    /// Passes each occupant on.
    pub(crate) fn into_each(self, insert: impl FnMut(Occupant)) {
        self.0.into_values().flatten().for_each(insert);
    }

    /// The number of times that have occupants.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The occupants that start between two times, both included, earliest first.
    pub(crate) fn between(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> impl DoubleEndedIterator<Item = &Occupant> {
        // If `from` is after `to`, the range is empty.
        self.0
            .range(from..=to.max(from))
            .filter(move |(at, _)| **at <= to)
            .flat_map(|(_, there)| there)
    }
}

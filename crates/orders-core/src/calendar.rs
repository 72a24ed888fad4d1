//! Calendars: who holds which instants, as far as it has been loaded.
//!
//! A calendar remembers for which stretches it was loaded. Asked about any other, it answers with
//! the [`Span`] that is missing, never with "free".

use std::collections::BTreeMap;

use crate::{Group, Instant, OrderId, ServiceId};

/// A calendar: within one, orders must keep their distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CalendarId {
    /// The one that all orders share in scope `global`.
    Global,
    /// A service's, in scope `service`.
    Service(ServiceId),
}

/// The place of an order in one calendar. It holds the window from its start on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// In which calendar.
    pub calendar: CalendarId,
    /// The order's time.
    pub start: Instant,
    /// The order's group.
    pub group: Group,
}

/// An order in a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupant {
    /// The order's time.
    pub start: Instant,
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

/// Occupants by their time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Occupants(BTreeMap<Instant, BTreeMap<OrderId, Occupant>>);

impl Occupants {
    pub(crate) fn insert(&mut self, occupant: Occupant) {
        self.0.entry(occupant.start).or_default().insert(occupant.order_id.clone(), occupant);
    }

    pub(crate) fn remove(&mut self, start: Instant, order_id: &OrderId) {
        if let Some(there) = self.0.get_mut(&start) {
            there.remove(order_id);
        }
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
            .flat_map(|(_, there)| there.values())
    }
}

/// The loaded parts of one calendar.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calendar {
    pub(crate) occupants: Occupants,
    loaded: Coverage,
}

impl Calendar {
    /// Takes in what a span was answered with. Occupants may come in any order, and again.
    pub(crate) fn add(&mut self, span: &Span, occupants: Vec<Occupant>) {
        let times = occupants.iter().map(|occupant| occupant.start);
        // The instant at which a list was cut short may have more occupants: it is not covered.
        let (from, to) = match span.reach {
            Reach::First(limit) if occupants.len() >= limit => {
                (Some(span.from), times.max().and_then(Instant::previous))
            }
            Reach::Last(limit) if occupants.len() >= limit => {
                (times.min().and_then(Instant::next), Some(span.to))
            }
            Reach::All | Reach::First(_) | Reach::Last(_) => (Some(span.from), Some(span.to)),
        };
        if let (Some(from), Some(to)) = (from, to) {
            self.loaded.add(from, to);
        }
        for occupant in occupants {
            self.occupants.insert(occupant);
        }
    }

    /// Whether all that lies between is loaded, both ends included.
    pub(crate) fn covers(&self, from: Instant, to: Instant) -> bool {
        self.loaded_around(from).is_some_and(|(_, end)| to <= end)
    }

    /// The loaded stretch that an instant lies in, both ends included.
    pub(crate) fn loaded_around(&self, at: Instant) -> Option<(Instant, Instant)> {
        self.loaded.around(at)
    }
}

/// Stretches of time, apart from one another, earliest first; both ends belong to them.
#[derive(Debug, Clone, Default)]
struct Coverage(Vec<(Instant, Instant)>);

impl Coverage {
    fn add(&mut self, mut from: Instant, mut to: Instant) {
        if from > to {
            return;
        }
        // What touches the new stretch becomes part of it.
        self.0.retain(|&(start, end)| {
            let apart = end.next().is_some_and(|after| after < from)
                || to.next().is_some_and(|after| after < start);
            if !apart {
                from = from.min(start);
                to = to.max(end);
            }
            apart
        });
        let position = self.0.partition_point(|&(start, _)| start < from);
        self.0.insert(position, (from, to));
    }

    fn around(&self, at: Instant) -> Option<(Instant, Instant)> {
        let position = self.0.partition_point(|&(start, _)| start <= at);
        let stretch = position.checked_sub(1).and_then(|before| self.0.get(before));
        stretch.copied().filter(|&(_, end)| at <= end)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    fn at(millis: i64) -> Instant {
        Instant::from_millis(millis).unwrap()
    }

    fn span(from: i64, to: i64, reach: Reach) -> Span {
        Span { calendar: CalendarId::Global, from: at(from), to: at(to), reach }
    }

    fn occupant(start: i64, id: &str) -> Occupant {
        Occupant {
            start: at(start),
            order_id: OrderId::parse(id).unwrap(),
            group: Group(NonZeroU64::MIN),
        }
    }

    #[test]
    fn what_was_not_loaded_is_not_covered() {
        let mut calendar = Calendar::default();
        assert!(!calendar.covers(at(0), at(0)));
        calendar.add(&span(0, 9, Reach::All), vec![]);
        calendar.add(&span(20, 29, Reach::All), vec![]);
        assert!(calendar.covers(at(0), at(9)) && !calendar.covers(at(0), at(10)));
        assert!(!calendar.covers(at(9), at(20)));
        calendar.add(&span(10, 19, Reach::All), vec![]);
        assert!(calendar.covers(at(0), at(29)), "adjoining stretches become one");
    }

    #[test]
    fn a_list_cut_short_covers_only_what_lies_before_the_cut() {
        let mut calendar = Calendar::default();
        calendar.add(&span(0, 100, Reach::First(2)), vec![occupant(10, "a"), occupant(20, "b")]);
        assert!(calendar.covers(at(0), at(19)) && !calendar.covers(at(0), at(20)));
        calendar.add(&span(200, 300, Reach::Last(2)), vec![occupant(250, "d"), occupant(240, "c")]);
        assert!(calendar.covers(at(241), at(300)) && !calendar.covers(at(240), at(300)));
        calendar.add(&span(0, 100, Reach::First(5)), vec![occupant(10, "a"), occupant(20, "b")]);
        assert!(calendar.covers(at(0), at(100)));
        let count = |from, to| calendar.occupants.between(at(from), at(to)).count();
        assert_eq!(count(10, 20), 2, "an occupant loaded twice counts once");
        assert_eq!((count(11, 19), count(0, 300)), (0, 4));
    }
}

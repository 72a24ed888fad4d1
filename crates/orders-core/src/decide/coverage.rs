//! Coverage: which parts of a calendar are loaded.
//!
//! What is not loaded is unknown, never free.

use super::occupants::{Occupant, Occupants, Reach, Span};
use crate::order::OrderId;
use crate::time::Timestamp;

/// The loaded parts of one calendar.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calendar {
    pub(crate) occupants: Occupants,
    loaded: Coverage,
}

impl Calendar {
    /// Adds the occupants of a span. They may come in any order, and repeatedly.
    pub(crate) fn add(&mut self, span: &Span, occupants: Vec<Occupant>) {
        let times = occupants.iter().map(Occupant::start);
        // The time at which a list was cut may have more occupants, so it is not covered.
        let (from, to) = match span.reach {
            Reach::First(limit) if occupants.len() >= limit => {
                (Some(span.from), times.max().and_then(Timestamp::previous))
            }
            Reach::Last(limit) if occupants.len() >= limit => {
                (times.min().and_then(Timestamp::next), Some(span.to))
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

    /// Merges parts of the same calendar, loaded at the same moment.
    pub(crate) fn merge(&mut self, other: Self) {
        for (from, to) in other.loaded.0 {
            self.loaded.add(from, to);
        }
        other.occupants.into_each(|occupant| self.occupants.insert(occupant));
    }

    /// Removes an order.
    pub(crate) fn leave(&mut self, start: Timestamp, order_id: &OrderId) {
        self.occupants.remove(start, order_id);
    }

    /// Adds an order, if the calendar is loaded there.
    pub(crate) fn enter(&mut self, occupant: Occupant) {
        if self.covers(occupant.start(), occupant.start()) {
            self.occupants.insert(occupant);
        }
    }

    /// The number of occupants and of loaded intervals.
    pub(crate) fn size(&self) -> usize {
        self.occupants.len() + self.loaded.0.len()
    }

    /// Returns `true` if everything between is loaded, both ends included.
    pub(crate) fn covers(&self, from: Timestamp, to: Timestamp) -> bool {
        self.loaded_around(from).is_some_and(|(_, end)| to <= end)
    }

    /// The loaded interval around a time, both ends included.
    pub(crate) fn loaded_around(&self, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        self.loaded.around(at)
    }
}

/// Disjoint intervals of time, earliest first, both ends included.
#[derive(Debug, Clone, Default)]
struct Coverage(Vec<(Timestamp, Timestamp)>);

impl Coverage {
    fn add(&mut self, mut from: Timestamp, mut to: Timestamp) {
        if from > to {
            return;
        }
        // Merges the intervals that touch the new one.
        let before = |end: Timestamp| end.next().is_some_and(|after| after < from);
        let first = self.0.partition_point(|&(_, end)| before(end));
        let behind = |start: Timestamp| to.next().is_some_and(|after| after < start);
        let last = self.0.partition_point(|&(start, _)| !behind(start));
        if let Some(&(start, _)) = self.0.get(first..last).and_then(<[_]>::first) {
            from = from.min(start);
        }
        if let Some(&(_, end)) = self.0.get(first..last).and_then(<[_]>::last) {
            to = to.max(end);
        }
        self.0.splice(first..last, [(from, to)]);
    }

    fn around(&self, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let position = self.0.partition_point(|&(start, _)| start <= at);
        let interval = position.checked_sub(1).and_then(|before| self.0.get(before));
        interval.copied().filter(|&(_, end)| at <= end)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::order::Group;
    use crate::policy::{CalendarId, Interval};

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    fn span(from: i64, to: i64, reach: Reach) -> Span {
        Span { calendar: CalendarId::Global, from: at(from), to: at(to), reach }
    }

    fn occupant(start: i64, id: &str) -> Occupant {
        Occupant {
            interval: Interval::new(at(start), start + 10).unwrap(),
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
        assert!(calendar.covers(at(0), at(29)), "adjoining intervals become one");
    }

    #[test]
    fn an_interval_may_be_a_single_time() {
        let mut calendar = Calendar::default();
        calendar.add(&span(5, 5, Reach::All), vec![]);
        assert!(calendar.covers(at(5), at(5)));
        assert!(!calendar.covers(at(4), at(5)) && !calendar.covers(at(5), at(6)));
    }

    #[test]
    fn intervals_that_touch_or_overlap_become_one_and_others_stay_apart() {
        let mut calendar = Calendar::default();
        for (from, to) in [(0, 9), (20, 29), (40, 49), (60, 69), (5, 12), (28, 41)] {
            calendar.add(&span(from, to, Reach::All), vec![]);
        }
        assert_eq!(
            calendar.loaded.0,
            [(0, 12), (20, 49), (60, 69)].map(|(from, to)| (at(from), at(to)))
        );
        calendar.add(&span(13, 59, Reach::All), vec![]);
        assert_eq!(calendar.loaded.0, [(at(0), at(69))]);
        calendar.add(&span(3, 4, Reach::All), vec![]);
        calendar.add(&span(80, 79, Reach::All), vec![]);
        assert_eq!(calendar.loaded.0, [(at(0), at(69))]);
    }

    #[test]
    fn orders_that_come_and_go_are_followed_where_the_calendar_is_loaded() {
        let mut calendar = Calendar::default();
        calendar.add(&span(0, 9, Reach::All), vec![occupant(5, "a"), occupant(5, "b")]);
        calendar.leave(at(5), &OrderId::parse("a").unwrap());
        calendar.enter(occupant(7, "c"));
        calendar.enter(occupant(15, "d"));
        let ids: Vec<&str> = calendar
            .occupants
            .between(at(0), at(100))
            .map(|occupant| occupant.order_id.as_str())
            .collect();
        assert_eq!(ids, ["b", "c"], "what lies outside stays unknown");
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

//! Occupancy: which slots an order holds. Nothing else in the workspace computes slots.
//!
//! A slot is the interval `[datetime, datetime + duration + window)` in one calendar. Two slots of
//! one calendar and of different groups must not overlap: that is the whole spacing rule, here and
//! in the schema. Every order has duration 0 yet, and every calendar the policy's window.

use crate::order::{Group, Order, Services};
use crate::policy::{Policy, Scope};
use crate::service::ServiceId;
use crate::time::{Period, Timestamp};

/// How long every order takes, in milliseconds.
const DURATION_MS: i64 = 0;

/// A calendar: within one, orders must keep their distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CalendarId {
    /// The calendar that all orders share in scope `global`.
    Global,
    /// The calendar of one service in scope `service`.
    Service(ServiceId),
}

/// A half-open interval of time, `[start, end)`, exact to the millisecond.
///
/// ```
/// use orders_core::Timestamp;
/// use orders_core::policy::Interval;
///
/// let at = |text| Timestamp::parse(text).unwrap();
/// let hour = |text| Interval::new(at(text), at(text).as_millis() + 3_600_000).unwrap();
/// assert!(hour("2022-11-01T09:00:00Z").overlaps(hour("2022-11-01T09:59:59.999Z")));
/// assert!(!hour("2022-11-01T09:00:00Z").overlaps(hour("2022-11-01T10:00:00Z")));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    start: Timestamp,
    end_ms: i64,
}

impl Interval {
    /// Creates an interval, if it ends after it starts.
    #[must_use]
    pub fn new(start: Timestamp, end_ms: i64) -> Option<Self> {
        (start.as_millis() < end_ms).then_some(Self { start, end_ms })
    }

    /// Its start.
    #[must_use]
    pub fn start(self) -> Timestamp {
        self.start
    }

    /// Its exclusive end, in milliseconds since 1970-01-01T00:00:00Z. The end may
    /// lie past the year 9999.
    #[must_use]
    pub fn end_ms(self) -> i64 {
        self.end_ms
    }

    /// Its length in milliseconds.
    pub(crate) fn length_ms(self) -> i64 {
        self.end_ms - self.start.as_millis()
    }

    /// Returns `true` if both have a time in common. Intervals that only touch do not overlap.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.start.as_millis() < other.end_ms && other.start.as_millis() < self.end_ms
    }
}

/// What an order holds of one calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Which calendar.
    pub calendar: CalendarId,
    /// From the order's time to one window after its end.
    pub interval: Interval,
    /// The order's exemption group.
    pub group: Group,
}

impl Slot {
    /// Returns `true` if the spacing rule forbids both to exist.
    #[must_use]
    pub fn conflicts_with(&self, other: &Self) -> bool {
        self.calendar == other.calendar
            && self.group != other.group
            && self.interval.overlaps(other.interval)
    }
}

impl Policy {
    /// The window of a calendar.
    pub(crate) fn window_of(&self, calendar: CalendarId) -> Period {
        match calendar {
            CalendarId::Global | CalendarId::Service(_) => self.window,
        }
    }

    /// The length of the longest slot of a calendar, in milliseconds. A search for the slots that
    /// overlap a time looks back this far.
    pub(crate) fn longest_slot_ms(&self, calendar: CalendarId) -> i64 {
        DURATION_MS + self.window_of(calendar).as_millis()
    }

    /// The calendars that an order with these services is in.
    #[must_use]
    pub fn calendars(&self, services: &Services) -> Vec<CalendarId> {
        match self.scope {
            Scope::Global => vec![CalendarId::Global],
            Scope::Service => services.iter().map(CalendarId::Service).collect(),
        }
    }

    /// The slots that an order holds, one in each of its calendars.
    #[must_use]
    pub fn slots(&self, order: &Order) -> Vec<Slot> {
        let start = order.content.datetime;
        let slot = |calendar| Slot {
            calendar,
            interval: self.interval(calendar, start),
            group: order.group,
        };
        self.calendars(&order.content.services).into_iter().map(slot).collect()
    }

    /// What an order that starts at this time holds of a calendar.
    #[must_use]
    pub fn interval(&self, calendar: CalendarId, start: Timestamp) -> Interval {
        let length_ms = DURATION_MS + self.window_of(calendar).as_millis();
        Interval { start, end_ms: start.as_millis() + length_ms }
    }

    /// The first and the last start of the slots of a calendar that could overlap an interval.
    pub(crate) fn starts_around(
        &self,
        calendar: CalendarId,
        interval: Interval,
    ) -> (Timestamp, Timestamp) {
        // A slot that starts this early is over before the interval begins, however long it is.
        let over_ms = interval.start.as_millis() - self.longest_slot_ms(calendar);
        (
            Timestamp::saturating_from_millis(over_ms + 1),
            Timestamp::saturating_from_millis(interval.end_ms - 1),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    fn interval(start: i64, end: i64) -> Interval {
        Interval::new(Timestamp::from_millis(start).unwrap(), end).unwrap()
    }

    #[test]
    fn an_interval_ends_after_it_starts() {
        let start = Timestamp::from_millis(5).unwrap();
        assert_eq!(Interval::new(start, 5), None);
        assert_eq!(Interval::new(start, 4), None);
        assert_eq!(interval(5, 6).length_ms(), 1);
        assert_eq!((interval(5, 6).start(), interval(5, 6).end_ms()), (start, 6));
    }

    #[test]
    fn intervals_of_any_lengths_overlap_where_they_share_a_millisecond() {
        for (a, b, overlap) in [
            ((0, 10), (10, 20), false),
            ((0, 11), (10, 20), true),
            ((0, 100), (40, 50), true),
            ((0, 100), (99, 200), true),
            ((0, 1), (0, 1), true),
            ((0, 1), (1, 2), false),
        ] {
            let (a, b) = (interval(a.0, a.1), interval(b.0, b.1));
            assert_eq!((a.overlaps(b), b.overlaps(a)), (overlap, overlap), "{a:?} {b:?}");
        }
    }

    #[test]
    fn slots_conflict_in_one_calendar_and_in_different_groups_only() {
        let group = |number| Group(NonZeroU64::new(number).unwrap());
        let service = CalendarId::Service(ServiceId::new(1).unwrap());
        let slot = |calendar, start, number| Slot {
            calendar,
            interval: interval(start, start + 10),
            group: group(number),
        };
        let first = slot(CalendarId::Global, 0, 1);
        assert!(first.conflicts_with(&slot(CalendarId::Global, 9, 2)));
        assert!(!first.conflicts_with(&slot(CalendarId::Global, 10, 2)));
        assert!(!first.conflicts_with(&slot(CalendarId::Global, 9, 1)));
        assert!(!first.conflicts_with(&slot(service, 9, 2)));
    }

    #[test]
    fn the_search_for_overlaps_looks_back_by_the_longest_slot() {
        let policy = Policy { window: Period::from_millis(10).unwrap(), ..Policy::default() };
        let at = |millis| Timestamp::from_millis(millis).unwrap();
        let starts = |interval| policy.starts_around(CalendarId::Global, interval);
        assert_eq!(starts(policy.interval(CalendarId::Global, at(100))), (at(91), at(109)));
        assert_eq!(starts(interval(100, 500)), (at(91), at(499)));
    }

    #[test]
    fn slots_reach_past_the_end_of_time_and_searches_do_not() {
        let policy = Policy::default();
        let last = policy.interval(CalendarId::Global, Timestamp::MAX);
        assert!(last.end_ms() > Timestamp::MAX.as_millis());
        assert_eq!(policy.starts_around(CalendarId::Global, last).1, Timestamp::MAX);
        let first = policy.interval(CalendarId::Global, Timestamp::MIN);
        assert_eq!(policy.starts_around(CalendarId::Global, first).0, Timestamp::MIN);
    }
}

//! The free intervals between two times.

use crate::policy::Policy;
use crate::policy::{CalendarId, Interval};
use crate::time::Timestamp;

/// An interval in which every time is free, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreeInterval {
    /// Its first time.
    pub start: Timestamp,
    /// Its last time. It equals the first where a single one is free.
    pub end: Timestamp,
}

/// Finds the free intervals between two times, in one pass over the slots of some calendars.
///
/// ```
/// use orders_core::decide::FreeIntervals;
/// use orders_core::policy::CalendarId;
/// use orders_core::{Policy, Timestamp};
///
/// let at = |text| Timestamp::parse(text).unwrap();
/// let (from, to) = (at("2022-11-01T00:00:00Z"), at("2022-11-02T00:00:00Z"));
/// let (policy, calendar) = (Policy::default(), CalendarId::Global);
/// let mut free = FreeIntervals::new(&policy, &[calendar], from, to);
/// let before = free.pass(policy.interval(calendar, at("2022-11-01T09:00:00Z"))).unwrap();
/// assert_eq!((before.start, before.end), (from, at("2022-11-01T06:00:00Z")));
/// let after = free.finish().unwrap();
/// assert_eq!((after.start, after.end), (at("2022-11-01T12:00:00Z"), to));
/// ```
#[derive(Debug, Clone)]
pub struct FreeIntervals {
    /// The length of the new order's slots.
    length_ms: i64,
    /// The first time that may still be free, in milliseconds.
    at_ms: i64,
    to: Timestamp,
    /// The first and the last start of the slots to pass.
    starts: (Timestamp, Timestamp),
}

impl FreeIntervals {
    /// Starts a search for the times of a new order in these calendars, between two times, both
    /// included.
    #[must_use]
    pub fn new(policy: &Policy, calendars: &[CalendarId], from: Timestamp, to: Timestamp) -> Self {
        let lengths = calendars.iter().map(|id| policy.interval(*id, from).length_ms());
        let starts = |id: &CalendarId| {
            let first = policy.starts_around(*id, policy.interval(*id, from)).0;
            (first, policy.starts_around(*id, policy.interval(*id, to)).1)
        };
        let starts = calendars.iter().map(starts);
        let starts = starts.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
        Self {
            length_ms: lengths.max().unwrap_or_default(),
            at_ms: from.as_millis(),
            to,
            starts: starts.unwrap_or((from, to)),
        }
    }

    /// The first and the last start of the slots to pass.
    #[must_use]
    pub fn starts(&self) -> (Timestamp, Timestamp) {
        self.starts
    }

    /// Passes the next slot, in the order of starts. Returns the free interval before it, if there
    /// is one.
    pub fn pass(&mut self, slot: Interval) -> Option<FreeInterval> {
        let start_ms = self.at_ms;
        self.at_ms = start_ms.max(slot.end_ms());
        // A new order that ends where the slot starts does not overlap it.
        free_interval(
            start_ms,
            (slot.start().as_millis() - self.length_ms).min(self.to.as_millis()),
        )
    }

    /// Returns the free interval after the last slot, if there is one.
    #[must_use]
    pub fn finish(self) -> Option<FreeInterval> {
        free_interval(self.at_ms, self.to.as_millis())
    }
}

/// The interval between two times, both included; `None` if it is empty or out of range.
fn free_interval(start_ms: i64, end_ms: i64) -> Option<FreeInterval> {
    let (start, end) = (Timestamp::from_millis(start_ms)?, Timestamp::from_millis(end_ms)?);
    (start <= end).then_some(FreeInterval { start, end })
}

//! The spacing rule: no two orders of one calendar, of different groups, are less than the window
//! apart. Judges one order against a state, and finds the nearest instants that are free. Knows no
//! clock and no database.

use std::collections::BTreeMap;

use crate::calendar::{CalendarId, Occupant, Reach, Slot, Span};
use crate::snapshot::{Needs, too_close_to};
use crate::state::{State, whole};
use crate::{Group, Instant, Neighbour, Order, OrderConflict, OrderId, Period, Scope};

/// How many conflicting orders a refusal names.
const NAMED: usize = 10;
/// How many occupied stretches are passed in search of a free instant.
const STRETCHES: usize = 1_000;
/// How many occupants are loaded at first in search of a free instant.
const FIRST_LOOK: usize = 8;

/// Whether two instants are less than a window apart. Exactly one window apart is allowed.
///
/// ```
/// use orders_core::{Instant, Period, too_close};
///
/// let at = |text| Instant::parse(text).unwrap();
/// let window = Period::THREE_HOURS;
/// assert!(too_close(at("2022-11-01T09:00:00Z"), at("2022-11-01T11:59:59.999Z"), window));
/// assert!(!too_close(at("2022-11-01T09:00:00Z"), at("2022-11-01T12:00:00Z"), window));
/// ```
#[must_use]
pub fn too_close(a: Instant, b: Instant, window: Period) -> bool {
    a.millis_since(b).abs() < window.as_millis()
}

/// Two orders that stand too close to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The calendar that both are in.
    pub calendar: CalendarId,
    /// The earlier order, and its time.
    pub earlier: (OrderId, Instant),
    /// The later order, and its time.
    pub later: (OrderId, Instant),
}

/// Checks slots against a window, in one pass over any number of them: the slots come calendar by
/// calendar, each in the order of time.
///
/// Looking at neighbours is enough: between two orders of different groups that are too close
/// there are, somewhere, two neighbours of different groups that are at least as close.
#[derive(Debug, Clone)]
pub struct SpacingCheck {
    window: Period,
    last: Option<(OrderId, Slot)>,
}

impl SpacingCheck {
    /// A check that has seen no slot yet.
    #[must_use]
    pub fn new(window: Period) -> Self {
        Self { window, last: None }
    }

    /// Looks at the next slot; answers if it is too close to the one before.
    pub fn next(&mut self, order_id: OrderId, slot: Slot) -> Option<Violation> {
        let before = self.last.replace((order_id.clone(), slot));
        let (earlier_id, earlier) = before.filter(|(_, earlier)| {
            earlier.calendar == slot.calendar
                && earlier.group != slot.group
                && too_close(earlier.start, slot.start, self.window)
        })?;
        Some(Violation {
            calendar: slot.calendar,
            earlier: (earlier_id, earlier.start),
            later: (order_id, slot.start),
        })
    }
}

/// An order's place, as the rule sees it: where it would be, and what does not count against it.
pub(crate) struct Candidate<'a> {
    order: &'a Order,
    calendars: Vec<CalendarId>,
}

impl<'a> Candidate<'a> {
    pub(crate) fn new(state: &State<'_>, order: &'a Order) -> Self {
        Self { order, calendars: state.policy.calendars(&order.content.services) }
    }

    /// Invariant: two orders of one calendar and of different groups are at least a window apart.
    /// An order never conflicts with itself.
    fn clashes_with(&self, at: Instant, other: &Occupant, window: Period) -> bool {
        too_close(at, other.start, window) && !self.is_exempt_from(&other.order_id, other.group)
    }

    fn is_exempt_from(&self, id: &OrderId, group: Group) -> bool {
        *id == self.order.id || group == self.order.group
    }

    /// Whether the order, at its own time, is too close to another.
    pub(crate) fn is_blocked(&self, state: &State<'_>) -> Result<bool, Needs> {
        let (at, window) = (self.order.content.datetime, state.policy.window);
        let (from, to) = too_close_to(at, window);
        let mut near = state.occupants(&self.calendars, (from, to), whole(from, to))?;
        Ok(near.any(|other| self.clashes_with(at, other, window)))
    }

    /// The refusal, if the order is too close to another.
    pub(crate) fn conflict(&self, state: &State<'_>) -> Result<Option<OrderConflict>, Needs> {
        let (at, window) = (self.order.content.datetime, state.policy.window);
        let (from, to) = too_close_to(at, window);
        let near = state.occupants(&self.calendars, (from, to), whole(from, to))?;
        // By id, since in scope `service` an order may be met in several calendars.
        let clashing: BTreeMap<&OrderId, &Occupant> = near
            .filter(|other| self.clashes_with(at, other, window))
            .map(|other| (&other.order_id, other))
            .collect();
        if clashing.is_empty() {
            return Ok(None);
        }
        let count = clashing.len();
        let mut nearest: Vec<&Occupant> = clashing.into_values().collect();
        nearest.sort_by_key(|other| (other.start.millis_since(at).abs(), other.start));
        nearest.truncate(NAMED);
        // Both searches before either's need is reported, so that one load serves both.
        let (previous, next) = (self.previous_free(state), self.next_free(state));
        let (previous, next) = match (previous, next) {
            (Ok(previous), Ok(next)) => (previous, next),
            (Err(mut needs), Err(more)) => {
                needs.extend(more);
                return Err(needs);
            }
            (Err(needs), Ok(_)) | (Ok(_), Err(needs)) => return Err(needs),
        };
        let nearest = nearest.into_iter().map(|other| self.neighbour(state, other)).collect();
        Ok(Some(OrderConflict { policy: *state.policy, nearest, count, previous, next }))
    }

    fn neighbour(&self, state: &State<'_>, other: &Occupant) -> Neighbour {
        Neighbour {
            order_id: other.order_id.clone(),
            datetime: other.start,
            gap_ms: other.start.millis_since(self.order.content.datetime),
            services: match (&other.services, state.policy.scope) {
                (Some(services), Scope::Global) => services.iter().collect(),
                (Some(services), Scope::Service) => services.shared(&self.order.content.services),
                (None, Scope::Global | Scope::Service) => Vec::new(),
            },
        }
    }

    /// The nearest instant from the order's time on at which it would be accepted.
    fn next_free(&self, state: &State<'_>) -> Result<Option<Instant>, Needs> {
        let horizon = self.order.content.datetime.saturating_add(Period::MAX);
        let window = state.policy.window;
        self.nearest_free(
            state,
            |at| at <= horizon,
            |at, loaded| {
                (too_close_to(at, window).0, horizon.saturating_add(window), Reach::First(loaded))
            },
            // Whatever is held by the latest that clashes is held up to one window after it.
            |clashing| clashing.iter().max()?.checked_add(window),
        )
    }

    /// The nearest instant up to the order's time at which it would be accepted.
    fn previous_free(&self, state: &State<'_>) -> Result<Option<Instant>, Needs> {
        let horizon = self.order.content.datetime.saturating_sub(Period::MAX);
        let window = state.policy.window;
        self.nearest_free(
            state,
            |at| at >= horizon,
            |at, loaded| {
                (horizon.saturating_sub(window), too_close_to(at, window).1, Reach::Last(loaded))
            },
            |clashing| clashing.iter().min()?.checked_sub(window),
        )
    }

    /// Steps from stretch to stretch until an instant is free; `None` if none is within reach.
    /// `ahead` tells what to load from an instant on, `step` where the stretches there end.
    fn nearest_free(
        &self,
        state: &State<'_>,
        within: impl Fn(Instant) -> bool,
        ahead: impl Fn(Instant, usize) -> (Instant, Instant, Reach),
        step: impl Fn(&[Instant]) -> Option<Instant>,
    ) -> Result<Option<Instant>, Needs> {
        let window = state.policy.window;
        let mut at = self.order.content.datetime;
        let mut passed = 0;
        while within(at) {
            let missing = |calendar| {
                let (from, to, _) = ahead(at, 0);
                // More each time, so that a long run takes few loads and a short one a small one.
                let wanted = FIRST_LOOK.max(FIRST_LOOK * state.loaded(calendar, from, to));
                Span { calendar, from, to, reach: ahead(at, wanted).2 }
            };
            let near = state.occupants(&self.calendars, too_close_to(at, window), missing)?;
            let starts: Vec<Instant> = near
                .filter(|other| self.clashes_with(at, other, window))
                .map(|other| other.start)
                .collect();
            if starts.is_empty() {
                return Ok(Some(at));
            }
            passed += starts.len();
            let Some(end) = step(&starts).filter(|_| passed <= STRETCHES) else {
                return Ok(None);
            };
            at = end;
        }
        Ok(None)
    }
}

//! The spacing rule: no two orders of one calendar, of different groups, are less than the window
//! apart. Judges one order against a state. Knows no clock and no database.

use std::collections::BTreeMap;

use crate::calendar::{CalendarId, Occupant, Slot};
use crate::free::nearest_free;
use crate::snapshot::{Needs, too_close_to};
use crate::state::State;
use crate::way::Way;
use crate::{Group, Instant, Neighbour, Order, OrderConflict, OrderId, Period, Scope};

/// How many conflicting orders a refusal names.
const NAMED: usize = 10;

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
    /// The groups that they are in, the earlier order's first.
    pub groups: (Group, Group),
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
            groups: (earlier.group, slot.group),
        })
    }
}

/// An order's place, as the rule sees it: where it would be, and what does not count against it.
pub(crate) struct Candidate<'a> {
    pub(crate) order: &'a Order,
    pub(crate) calendars: Vec<CalendarId>,
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

    pub(crate) fn is_exempt_from(&self, id: &OrderId, group: Group) -> bool {
        group == self.order.group || *id == self.order.id
    }

    /// Whether the order, at its own time, is too close to another.
    pub(crate) fn is_blocked(&self, state: &State<'_>) -> Result<bool, Needs> {
        let (at, window) = (self.order.content.datetime, state.policy.window);
        let mut near = state.occupants(&self.calendars, too_close_to(at, window))?;
        Ok(near.any(|other| self.clashes_with(at, other, window)))
    }

    /// The refusal, if the order is too close to another.
    pub(crate) fn conflict(&self, state: &State<'_>) -> Result<Option<OrderConflict>, Needs> {
        let (at, window) = (self.order.content.datetime, state.policy.window);
        let near = state.occupants(&self.calendars, too_close_to(at, window))?;
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
        // All of it before any need is reported, so that one load serves the whole refusal.
        let mut needs = Needs::default();
        let previous = needs.gather(nearest_free(state, self, Way::Earlier));
        let next = needs.gather(nearest_free(state, self, Way::Later));
        let nearest = nearest.into_iter().map(|other| self.neighbour(state, other));
        let nearest: Vec<_> = nearest.map(|neighbour| needs.gather(neighbour)).collect();
        match (previous, next, nearest.into_iter().collect()) {
            (Some(previous), Some(next), Some(nearest)) => {
                Ok(Some(OrderConflict { policy: *state.policy, nearest, count, previous, next }))
            }
            _ => Err(needs),
        }
    }

    fn neighbour(&self, state: &State<'_>, other: &Occupant) -> Result<Neighbour, Needs> {
        // A slot without an order is a stray writer's; it is in the way all the same.
        let services = state.stored(&other.order_id)?.live().map(|order| &order.content.services);
        Ok(Neighbour {
            order_id: other.order_id.clone(),
            datetime: other.start,
            gap_ms: other.start.millis_since(self.order.content.datetime),
            services: match (services, state.policy.scope) {
                (Some(services), Scope::Global) => services.iter().collect(),
                (Some(services), Scope::Service) => services.shared(&self.order.content.services),
                (None, Scope::Global | Scope::Service) => Vec::new(),
            },
        })
    }
}

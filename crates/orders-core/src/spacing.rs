//! The spacing rule: no two slots of one calendar and of different groups overlap. Judges one order
//! against a state. Knows no clock and no database.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use crate::calendar::{Occupant, Span};
use crate::free::nearest_free;
use crate::snapshot::Needs;
use crate::state::State;
use crate::way::Way;
use crate::{CalendarId, Group, Instant, Neighbour, Order, OrderConflict, OrderId, Scope, Slot};

/// How many conflicting orders a refusal names.
const NAMED: usize = 10;

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

/// Checks slots in one pass over any number of them. The slots of each calendar come in the order
/// of their starts; calendars may come one after the other or mixed.
///
/// Each slot is compared with the one that reaches furthest so far. That is enough to find a
/// violation wherever there is one: a slot that overlaps an earlier one also overlaps the furthest,
/// and the earlier one overlaps the furthest too. If the slot and the furthest are of one group,
/// then the earlier and the furthest are of different groups, and a violation was found before.
#[derive(Debug, Clone, Default)]
pub struct SpacingCheck(HashMap<CalendarId, (OrderId, Slot)>);

impl SpacingCheck {
    /// A check that has seen no slot yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the next slot. Answers the violation, if it overlaps the one that reaches furthest.
    pub fn next(&mut self, order_id: &OrderId, slot: Slot) -> Option<Violation> {
        let furthest = match self.0.entry(slot.calendar) {
            Entry::Vacant(first) => {
                first.insert((order_id.clone(), slot));
                return None;
            }
            Entry::Occupied(furthest) => furthest.into_mut(),
        };
        let (earlier_id, earlier) = &*furthest;
        let violation = earlier.conflicts_with(&slot).then(|| Violation {
            calendar: slot.calendar,
            earlier: (earlier_id.clone(), earlier.interval.start()),
            later: (order_id.clone(), slot.interval.start()),
            groups: (earlier.group, slot.group),
        });
        if earlier.interval.end_ms() <= slot.interval.end_ms() {
            *furthest = (order_id.clone(), slot);
        }
        violation
    }
}

/// An order's place, as the rule sees it: where it would be, and what does not count against it.
pub(crate) struct Candidate<'a> {
    pub(crate) order: &'a Order,
    pub(crate) slots: Vec<Slot>,
    /// Where the slots lie that could overlap the order's, slot by slot.
    spans: Vec<Span>,
}

impl<'a> Candidate<'a> {
    pub(crate) fn new(state: &State<'_>, order: &'a Order) -> Self {
        let slots = state.policy.slots(order);
        let around = |slot: &Slot| state.policy.around(slot.calendar, slot.interval);
        Self { order, spans: slots.iter().map(around).collect(), slots }
    }

    /// The orders that are too close to this one, at its own time. One that shares several calendars
    /// with it comes once for each.
    ///
    /// Invariant: two slots of one calendar and of different groups do not overlap. An order never
    /// conflicts with itself.
    fn clashing<'s>(
        &'s self,
        state: &'s State<'_>,
    ) -> Result<impl Iterator<Item = &'s Occupant>, Needs> {
        let clashes = |(number, other): &(usize, &Occupant)| {
            let slot = self.slots.get(*number);
            slot.is_some_and(|slot| slot.interval.overlaps(other.interval))
                && !self.is_exempt_from(&other.order_id, other.group)
        };
        Ok(state.occupants(&self.spans)?.filter(clashes).map(|(_, other)| other))
    }

    pub(crate) fn is_exempt_from(&self, id: &OrderId, group: Group) -> bool {
        group == self.order.group || *id == self.order.id
    }

    /// Whether the order, at its own time, is too close to another.
    pub(crate) fn is_blocked(&self, state: &State<'_>) -> Result<bool, Needs> {
        Ok(self.clashing(state)?.next().is_some())
    }

    /// The refusal, if the order is too close to another.
    pub(crate) fn conflict(&self, state: &State<'_>) -> Result<Option<OrderConflict>, Needs> {
        // By id, since in scope `service` an order may be met in several calendars.
        let clashing: BTreeMap<&OrderId, &Occupant> =
            self.clashing(state)?.map(|other| (&other.order_id, other)).collect();
        if clashing.is_empty() {
            return Ok(None);
        }
        let count = clashing.len();
        let at = self.order.content.datetime;
        let mut nearest: Vec<&Occupant> = clashing.into_values().collect();
        nearest.sort_by_key(|other| (other.start().millis_since(at).abs(), other.start()));
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
            datetime: other.start(),
            gap_ms: other.start().millis_since(self.order.content.datetime),
            services: match (services, state.policy.scope) {
                (Some(services), Scope::Global) => services.iter().collect(),
                (Some(services), Scope::Service) => services.shared(&self.order.content.services),
                (None, Scope::Global | Scope::Service) => Vec::new(),
            },
        })
    }
}

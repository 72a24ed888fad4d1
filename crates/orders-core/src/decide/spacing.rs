//! The spacing rule: no two slots of one calendar and of different groups overlap. Validates one
//! order against a state. Knows no clock and no database.

use std::collections::BTreeMap;

use super::free_times::nearest_free;
use super::needs::Needs;
use super::occupants::{Occupant, Span};
use super::outcome::{Neighbour, OrderConflict};
use super::state::State;
use crate::order::{Group, Order, OrderId};
use crate::policy::Scope;
use crate::policy::Slot;
use crate::time::Direction;

/// How many conflicting orders a refusal names.
const NAMED: usize = 10;

/// An order with the slots that it would hold.
pub(crate) struct Candidate<'a> {
    pub(crate) order: &'a Order,
    pub(crate) slots: Vec<Slot>,
    /// For each slot, the span of the slots that could overlap it.
    spans: Vec<Span>,
}

impl<'a> Candidate<'a> {
    pub(crate) fn new(state: &State<'_>, order: &'a Order) -> Self {
        let slots = state.policy.slots(order);
        let around = |slot: &Slot| Span::around(state.policy, slot.calendar, slot.interval);
        Self { order, spans: slots.iter().map(around).collect(), slots }
    }

    /// The orders that conflict with this one. An order that shares several calendars with it comes
    /// once for each.
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

    /// Returns `true` if the order conflicts with another.
    pub(crate) fn is_blocked(&self, state: &State<'_>) -> Result<bool, Needs> {
        Ok(self.clashing(state)?.next().is_some())
    }

    /// The conflict, if the order has one.
    pub(crate) fn conflict(&self, state: &State<'_>) -> Result<Option<OrderConflict>, Needs> {
        // By id, because in scope `service` an order may be found in several calendars.
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
        // Collects all needs before it returns any, so that one load is enough for the conflict.
        let mut needs = Needs::default();
        let previous = needs.gather(nearest_free(state, self, Direction::Earlier));
        let next = needs.gather(nearest_free(state, self, Direction::Later));
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
        // A slot without an order was written past the service. It blocks like any other.
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

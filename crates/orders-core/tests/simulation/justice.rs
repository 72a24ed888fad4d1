//! Whether a refusal was justified at some moment between the request and its answer, by what was
//! committed: every state that there was in between is looked at, order by order.

use std::collections::{BTreeMap, HashMap};

use orders_core::decide::{Neighbour, OrderConflict};
use orders_core::policy::Slot;
use orders_core::{
    Action, Event, EventKind, Operation, Order, OrderId, Policy, Refusal, Timestamp,
};

/// All states that there were, by the sequence that made them.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) last_sequence: u64,
    changes: HashMap<OrderId, Vec<(u64, EventKind, Order)>>,
    /// Places without orders, in the order in which they came.
    pub(crate) strays: Vec<(OrderId, Slot)>,
}

impl History {
    pub(crate) fn push(&mut self, event: &Event) {
        self.last_sequence = event.sequence;
        let changes = self.changes.entry(event.order.id.clone()).or_default();
        changes.push((event.sequence, event.kind, event.order.clone()));
    }

    /// Whether an event may come next: by its version, and by what it says was done.
    pub(crate) fn allows(&self, event: &Event) -> bool {
        let last = self.changes.get(&event.order.id).and_then(|changes| changes.last());
        let (version, live) = last
            .map_or((0, false), |(_, kind, order)| (order.version, *kind != EventKind::Deleted));
        let fits = match event.kind {
            EventKind::Created => !live,
            EventKind::Updated | EventKind::Deleted => live,
            EventKind::Restored => !live && version > 0,
        };
        fits && event.order.version == version + 1
    }

    pub(crate) fn has(&self, order: &Order) -> bool {
        let changes = self.changes.get(&order.id);
        changes.is_some_and(|changes| changes.iter().any(|(_, _, then)| then == order))
    }

    pub(crate) fn live_orders(&self) -> BTreeMap<OrderId, Order> {
        self.live_at(u64::MAX).map(|order| (order.id.clone(), order.clone())).collect()
    }

    fn live_at(&self, sequence: u64) -> impl Iterator<Item = &Order> {
        self.changes.keys().filter_map(move |id| self.order(id, sequence))
    }

    /// The last change to an order up to a sequence.
    fn last(&self, id: &OrderId, sequence: u64) -> Option<&(u64, EventKind, Order)> {
        let changes = self.changes.get(id)?;
        let later = changes.partition_point(|(at, ..)| *at <= sequence);
        changes.get(later.checked_sub(1)?)
    }

    fn order(&self, id: &OrderId, sequence: u64) -> Option<&Order> {
        let (_, kind, order) = self.last(id, sequence)?;
        (*kind != EventKind::Deleted).then_some(order)
    }
}

/// What was asked: one operation of a command.
pub(crate) struct Asked<'a> {
    pub(crate) action: &'a Action,
    pub(crate) operation: &'a Operation,
    /// How many strays there were by then. Those that came later, past the lock, need not have
    /// been seen.
    pub(crate) strays: usize,
}

impl Asked<'_> {
    fn is_alone(&self) -> bool {
        matches!(self.action, Action::One(_))
    }

    /// Whether another operation of the same batch wants an order there.
    fn asks_for(&self, id: &OrderId) -> bool {
        self.action.operations().iter().any(|other| other.order_id() == id)
    }
}

/// Looks at every state from the first sequence to the last.
pub(crate) fn is_justified(
    history: &History,
    policy: &Policy,
    asked: &Asked<'_>,
    refusal: &Refusal,
    (first, last): (u64, u64),
) -> bool {
    let id = asked.operation.order_id();
    let at_some_moment = |holds: &dyn Fn(u64) -> bool| (first..=last).rev().any(holds);
    // What the operations before it in the same batch would have left behind, nobody committed.
    let by_its_own_batch = !asked.is_alone() && {
        let operations = asked.action.operations().iter();
        operations.filter(|other| other.order_id() == id).count() > 1
    };
    let justified = match refusal {
        Refusal::NotFound(named) => {
            let restores = matches!(asked.operation, Operation::Restore { .. });
            named == id
                && at_some_moment(&|at| {
                    let order = history.order(id, at);
                    order.is_none() && !(restores && history.last(id, at).is_some())
                })
        }
        Refusal::OrderExists(named) => {
            named == id && at_some_moment(&|at| history.order(id, at).is_some())
        }
        Refusal::VersionMismatch { current } => at_some_moment(&|at| {
            history.order(id, at).is_some_and(|order| order.version == *current)
        }),
        // Only service 9 does not exist.
        Refusal::UnknownServices(unknown) => unknown.iter().all(|(_, id)| id.get() == 9),
        Refusal::EditLocked { wait_ms, .. } => policy.edit_lock.is_some() && *wait_ms > 0,
        Refusal::Conflict(conflict) => {
            at_some_moment(&|at| is_in_the_way(history, policy, asked, conflict, at))
        }
        Refusal::NotAttempted => !asked.is_alone(),
    };
    justified || by_its_own_batch
}

fn is_in_the_way(
    history: &History,
    policy: &Policy,
    asked: &Asked<'_>,
    conflict: &OrderConflict,
    at: u64,
) -> bool {
    let id = asked.operation.order_id();
    let mut all = conflict.nearest.iter();
    let there = |near: &Neighbour| {
        let order = history.order(&near.order_id, at);
        let stray = || {
            let mut strays = history.strays.iter();
            strays.any(|(id, slot)| *id == near.order_id && slot.interval.start() == near.datetime)
        };
        let batch = !asked.is_alone() && asked.asks_for(&near.order_id);
        near.order_id != *id
            && near.gap_ms.abs() < policy.window.as_millis()
            && (order.is_some_and(|order| order.content.datetime == near.datetime)
                || stray()
                || batch)
    };
    let asked_ms = |near: &Neighbour| near.datetime.as_millis() - near.gap_ms;
    let first = conflict.nearest.first().map(asked_ms);
    let agree = conflict.nearest.iter().all(|near| Some(asked_ms(near)) == first);
    let as_asked = match asked.operation {
        Operation::Create { content, .. } => Some(content.datetime.as_millis()) == first,
        _ => true,
    };
    agree && as_asked && first.is_some() && all.all(there) && {
        let offered = [conflict.previous, conflict.next];
        !asked.is_alone()
            || offered.iter().flatten().all(|free| is_free(history, policy, asked, *free, at))
    }
}

/// Whether a suggestion would have been accepted.
fn is_free(
    history: &History,
    policy: &Policy,
    asked: &Asked<'_>,
    free: Timestamp,
    at: u64,
) -> bool {
    let own = history.last(asked.operation.order_id(), at).map(|(_, _, order)| order);
    let services = match asked.operation {
        Operation::Create { content, .. } => Some(&content.services),
        Operation::Update { patch, .. } => {
            patch.services.as_ref().or(own.map(|order| &order.content.services))
        }
        _ => own.map(|order| &order.content.services),
    };
    let Some(services) = services else { return false };
    let calendars = policy.calendars(services);
    let exempt = match asked.operation {
        Operation::Restore { .. } => own.map(|order| order.group),
        _ => None,
    };
    let blocks = |slot: &Slot| {
        calendars.contains(&slot.calendar)
            && Some(slot.group) != exempt
            && slot.interval.overlaps(policy.interval(slot.calendar, free))
    };
    let others = history.live_at(at).filter(|order| order.id != *asked.operation.order_id());
    !others.flat_map(|order| policy.slots(order)).any(|slot| blocks(&slot))
        && !history.strays.iter().take(asked.strays).any(|(_, slot)| blocks(slot))
}

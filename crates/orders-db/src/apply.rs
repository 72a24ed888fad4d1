//! Applying: writing what a decision changed, under the lock that it was made under.

mod postgres;
mod sqlite;

use orders_core::{Changes, Event, Order, Policy, RowChange};

use crate::connection::AnyConnection;
use crate::database::error::Trouble;
use crate::rows;
use crate::write::idempotency::NewResponse;

/// Writes rows in the transaction that is open.
pub(crate) fn apply(connection: &mut AnyConnection, writes: &Writes<'_>) -> Result<(), Trouble> {
    match connection {
        AnyConnection::Postgres(connection) => postgres::apply(connection, writes),
        AnyConnection::Sqlite(connection) => sqlite::apply(connection, writes),
    }
    .map_err(|error| Trouble::of(&error))
}

/// The rows that changes come down to, table by table. Everything that goes, goes before anything
/// comes: orders may take one another's places.
#[derive(Default)]
pub(crate) struct Writes<'a> {
    gone_slots: Vec<SlotRow<'a>>,
    gone_uses: Vec<UseRow<'a>>,
    gone_orders: Vec<&'a str>,
    new_orders: Vec<&'a Order>,
    changed_orders: Vec<&'a Order>,
    new_slots: Vec<SlotRow<'a>>,
    new_uses: Vec<UseRow<'a>>,
    events: &'a [Event],
    /// 0 where there are no events.
    last_sequence: i64,
    answers: &'a [NewResponse],
}

/// A row of `order_slots`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SlotRow<'a> {
    scope: i64,
    start_ms: i64,
    end_ms: i64,
    grp: i64,
    order_id: &'a str,
}

/// A row of `order_services`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct UseRow<'a> {
    service_id: i64,
    datetime_ms: i64,
    order_id: &'a str,
    created_at_ms: i64,
}

impl<'a> Writes<'a> {
    /// The rows that a decision changes, and the answers that are kept with it.
    pub(crate) fn of(policy: &Policy, changes: &'a Changes, answers: &'a [NewResponse]) -> Self {
        let last_sequence = changes.events.last().map_or(0, |event| rows::bigint(event.sequence));
        let events = &changes.events;
        let mut writes = Self { events, last_sequence, answers, ..Self::default() };
        for RowChange { before, after } in &changes.rows {
            match (before, after) {
                (None, Some(after)) => writes.new_orders.push(after),
                (Some(_), Some(after)) => writes.changed_orders.push(after),
                (Some(before), None) => writes.gone_orders.push(before.id.as_str()),
                (None, None) => {}
            }
            let slots = |order: &'a Option<Order>| -> Vec<SlotRow<'a>> {
                order.iter().flat_map(|order| slot_rows(policy, order)).collect()
            };
            let uses = |order: &'a Option<Order>| -> Vec<UseRow<'a>> {
                order.iter().flat_map(use_rows).collect()
            };
            // What stays as it is is left alone.
            let (old, new) = (slots(before), slots(after));
            writes.gone_slots.extend(old.iter().filter(|row| !new.contains(row)).cloned());
            writes.new_slots.extend(new.into_iter().filter(|row| !old.contains(row)));
            let (old, new) = (uses(before), uses(after));
            writes.gone_uses.extend(old.iter().filter(|row| !new.contains(row)).cloned());
            writes.new_uses.extend(new.into_iter().filter(|row| !old.contains(row)));
        }
        writes
    }
}

fn slot_rows<'a>(policy: &Policy, order: &'a Order) -> Vec<SlotRow<'a>> {
    let row = |slot: orders_core::Slot| SlotRow {
        scope: rows::scope_column(slot.calendar),
        start_ms: slot.interval.start().as_millis(),
        end_ms: slot.interval.end_ms(),
        grp: rows::bigint(slot.group.0.get()),
        order_id: order.id.as_str(),
    };
    policy.slots(order).into_iter().map(row).collect()
}

fn use_rows(order: &Order) -> impl Iterator<Item = UseRow<'_>> {
    order.content.services.iter().map(|id| UseRow {
        service_id: id.get(),
        datetime_ms: order.content.datetime.as_millis(),
        order_id: order.id.as_str(),
        created_at_ms: order.created_at.as_millis(),
    })
}

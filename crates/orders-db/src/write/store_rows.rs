//! Stores the changes of a decision, under the lock that it was made under.

mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

use orders_core::decide::{Changes, RowChange};
use orders_core::{Event, Order, Policy};

use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::database::rows;
use crate::database::tables::{
    EVENTS, Get, IDEMPOTENCY_KEYS, NewResponse, ORDER_SERVICES, ORDER_SLOTS, ORDERS, ServiceUseRow,
    SlotRow, Table,
};

/// Writes rows in the transaction that is open.
pub(crate) fn apply(connection: &mut AnyConnection, writes: &Writes<'_>) -> Result<(), DbError> {
    match connection {
        AnyConnection::Postgres(connection) => postgres::apply(connection, writes),
        AnyConnection::Sqlite(connection) => sqlite::apply(connection, writes),
    }
    .map_err(|error| DbError::from_diesel(&error))
}

/// The rows to write, by table.
#[derive(Default)]
pub(crate) struct Writes<'a> {
    gone_slots: Vec<SlotRow>,
    gone_uses: Vec<ServiceUseRow>,
    gone_orders: Vec<&'a Order>,
    new_orders: Vec<&'a Order>,
    changed_orders: Vec<&'a Order>,
    new_slots: Vec<SlotRow>,
    new_uses: Vec<ServiceUseRow>,
    events: &'a [Event],
    responses: &'a [NewResponse],
}

impl<'a> Writes<'a> {
    /// Creates the writes of a decision and of the responses that are stored with it.
    pub(crate) fn new(policy: &Policy, changes: &'a Changes, responses: &'a [NewResponse]) -> Self {
        let events = &changes.events;
        let mut writes = Self { events, responses, ..Self::default() };
        for RowChange { before, after } in &changes.rows {
            match (before, after) {
                (None, Some(after)) => writes.new_orders.push(after),
                (Some(_), Some(after)) => writes.changed_orders.push(after),
                (Some(before), None) => writes.gone_orders.push(before),
                (None, None) => {}
            }
            let slots = |order: &Option<Order>| -> Vec<SlotRow> {
                order.iter().flat_map(|order| slot_rows(policy, order)).collect()
            };
            let uses = |order: &Option<Order>| -> Vec<ServiceUseRow> {
                order.iter().flat_map(service_use_rows).collect()
            };
            // Unchanged rows are not written.
            let (old, new) = (slots(before), slots(after));
            writes.gone_slots.extend(old.iter().filter(|row| !new.contains(row)).cloned());
            writes.new_slots.extend(new.into_iter().filter(|row| !old.contains(row)));
            let (old, new) = (uses(before), uses(after));
            writes.gone_uses.extend(old.iter().filter(|row| !new.contains(row)).cloned());
            writes.new_uses.extend(new.into_iter().filter(|row| !old.contains(row)));
        }
        writes
    }

    /// The sequence of the last event; 0 where there are no events.
    fn last_sequence(&self) -> i64 {
        self.events.last().map_or(0, |event| rows::bigint(event.sequence))
    }

    /// Returns the parts that have rows, in the order in which they are written. All deletions come
    /// first, because orders may swap places.
    fn parts(&self) -> Vec<Part> {
        let parts = [
            Part::new("gone_slots", Verb::Delete, &ORDER_SLOTS, &self.gone_slots),
            Part::new("gone_uses", Verb::Delete, &ORDER_SERVICES, &self.gone_uses),
            Part::new("gone_orders", Verb::Delete, &ORDERS, self.gone_orders.iter().copied()),
            Part::new("new_orders", Verb::Insert, &ORDERS, self.new_orders.iter().copied()),
            Part::new("changed_orders", Verb::Update, &ORDERS, self.changed_orders.iter().copied()),
            Part::new("new_uses", Verb::Insert, &ORDER_SERVICES, &self.new_uses),
            Part::new("new_slots", Verb::Insert, &ORDER_SLOTS, &self.new_slots),
            Part::new("new_events", Verb::Insert, &EVENTS, self.events),
            // A key may have an expired response that is not purged yet.
            Part::new("new_responses", Verb::Replace, &IDEMPOTENCY_KEYS, self.responses),
        ];
        parts.into_iter().filter(|part| part.rows > 0).collect()
    }
}

fn slot_rows(policy: &Policy, order: &Order) -> Vec<SlotRow> {
    let row = |slot: orders_core::policy::Slot| SlotRow {
        scope: rows::scope_column(slot.calendar),
        start_ms: slot.interval.start().as_millis(),
        end_ms: slot.interval.end_ms(),
        grp: rows::bigint(slot.group.0.get()),
        order_id: order.id.clone(),
    };
    policy.slots(order).into_iter().map(row).collect()
}

fn service_use_rows(order: &Order) -> impl Iterator<Item = ServiceUseRow> {
    order.content.services.iter().map(|id| ServiceUseRow {
        service_id: id.get(),
        datetime_ms: order.content.datetime.as_millis(),
        order_id: order.id.clone(),
        created_at_ms: order.created_at.as_millis(),
    })
}

/// What is done with the rows of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Delete,
    Insert,
    Update,
    /// Inserts, or updates the row that has the key.
    Replace,
}

/// Rows of one table that are written in the same way.
struct Part {
    name: &'static str,
    verb: Verb,
    table: &'static str,
    key: &'static [&'static str],
    /// All columns of the table; of rows to delete, those of the key.
    columns: Vec<(&'static str, Column)>,
    rows: usize,
}

/// The values of a column, one for each row.
enum Column {
    Numbers(Vec<i64>),
    SmallNumbers(Vec<i16>),
    Texts(Vec<String>),
    OptionalTexts(Vec<Option<String>>),
    Bytes(Vec<Vec<u8>>),
}

impl Part {
    fn new<'r, R: 'static>(
        name: &'static str,
        verb: Verb,
        table: &'static Table<R>,
        rows: impl IntoIterator<Item = &'r R>,
    ) -> Self {
        let rows: Vec<&R> = rows.into_iter().collect();
        let columns = table
            .columns
            .iter()
            .filter(|(name, _)| verb != Verb::Delete || table.key.contains(name))
            .map(|(name, get)| (*name, Column::new(get, &rows)))
            .collect();
        Self { name, verb, table: table.name, key: table.key, columns, rows: rows.len() }
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|(name, _)| *name)
    }

    fn names_beside_key(&self) -> impl Iterator<Item = &'static str> {
        self.names().filter(|name| !self.key.contains(name))
    }
}

impl Column {
    fn new<R>(get: &Get<R>, rows: &[&R]) -> Self {
        let rows = rows.iter().copied();
        match get {
            Get::Number(get) => Self::Numbers(rows.map(get).collect()),
            Get::SmallNumber(get) => Self::SmallNumbers(rows.map(get).collect()),
            Get::Text(get) => Self::Texts(rows.map(get).collect()),
            Get::OptionalText(get) => Self::OptionalTexts(rows.map(get).collect()),
            Get::Bytes(get) => Self::Bytes(rows.map(get).collect()),
        }
    }
}

/// Joins what `item` returns for each name.
fn list(
    names: impl IntoIterator<Item = &'static str>,
    separator: &str,
    item: impl Fn(&str) -> String,
) -> String {
    names.into_iter().map(item).collect::<Vec<_>>().join(separator)
}

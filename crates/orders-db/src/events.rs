//! Events read: what happened to an order, each change with the order before it.

use diesel::prelude::*;
use orders_core::{Actor, Event, EventKind, Order, OrderId};

use crate::StoreError;
use crate::connection::AnyConnection;
use crate::rows::{self, OrderRow};
use crate::schema::events;

/// A change to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderChange {
    /// What happened, and the order as it was left.
    pub event: Event,
    /// The order as it was before; `None` before it was created or restored.
    pub before: Option<Order>,
}

impl OrderChange {
    /// The order as the change left it; `None` after its deletion.
    #[must_use]
    pub fn after(&self) -> Option<&Order> {
        match self.event.kind {
            EventKind::Created | EventKind::Updated | EventKind::Restored => {
                Some(&self.event.order)
            }
            EventKind::Deleted => None,
        }
    }
}

/// A row of `events`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = events)]
struct EventRow {
    sequence: i64,
    order_id: String,
    version: i64,
    kind: String,
    time_ms: i64,
    actor: String,
    datetime_ms: i64,
    total_fee: i64,
    services: String,
    grp: i64,
    created_at_ms: i64,
}

impl EventRow {
    fn into_event(self) -> Result<Event, StoreError> {
        let corrupt = || StoreError::Corrupt(format!("event {}", self.sequence));
        Ok(Event {
            sequence: u64::try_from(self.sequence).ok().ok_or_else(corrupt)?,
            kind: EventKind::parse(&self.kind).ok_or_else(corrupt)?,
            time: rows::instant(self.time_ms)?,
            actor: Actor::new(&self.actor),
            order: OrderRow {
                id: self.order_id,
                datetime_ms: self.datetime_ms,
                total_fee: self.total_fee,
                services: self.services,
                version: self.version,
                grp: self.grp,
                created_at_ms: self.created_at_ms,
                updated_at_ms: self.time_ms,
            }
            .into_order()?,
        })
    }
}

/// At most `limit` changes to an order, oldest first, behind the one that led to version `after`.
pub(crate) fn list_of_order(
    connection: &mut AnyConnection,
    id: &OrderId,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<OrderChange>, StoreError> {
    // One row more: what the first change found.
    let most = limit.saturating_add(usize::from(after.is_some()));
    let rows: Vec<EventRow> = events::table
        .filter(events::order_id.eq(id.as_str()))
        .filter(events::version.ge(after.map_or(0, rows::bigint)))
        .order(events::version.asc())
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .select(EventRow::as_select())
        .load(connection)
        .map_err(|error| StoreError::of_read(&error))?;
    let mut before: Option<Order> = None;
    let mut changes = Vec::with_capacity(rows.len());
    for row in rows {
        let event = row.into_event()?;
        let change = OrderChange { event, before: before.take() };
        before = change.after().cloned();
        if after.is_none_or(|after| change.event.order.version > after) {
            changes.push(change);
        }
    }
    Ok(changes)
}

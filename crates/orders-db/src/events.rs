//! Reads events: the history of one order and the feed of all, each change with the order before it.
//! `watch.rs` notifies readers of new events, `retention.rs` trims the feed.

mod retention;
mod watch;

use diesel::prelude::*;
use orders_core::{Actor, Event, EventKind, Order, OrderId};

use crate::StoreError;
use crate::database::connection::AnyConnection;
use crate::database::read_pool::ReadPool;
use crate::database::rows::{self, OrderRow};
use crate::database::schema::{event_feed, events};

pub(crate) use retention::retain;
pub use watch::Subscription;
pub(crate) use watch::{SequenceWatch, find_last, watch};

// The event before another one of the same order.
diesel::alias!(events as previous: Previous);

/// A change to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderChange {
    /// The event, with the order after it.
    pub event: Event,
    /// The order before the event; `None` before a creation or restoration.
    pub before: Option<Order>,
}

impl OrderChange {
    /// Returns the order after the event; `None` after a deletion.
    #[must_use]
    pub fn after(&self) -> Option<&Order> {
        order_after(&self.event)
    }
}

fn order_after(event: &Event) -> Option<&Order> {
    match event.kind {
        EventKind::Created | EventKind::Updated | EventKind::Restored => Some(&event.order),
        EventKind::Deleted => None,
    }
}

/// A page of the feed of all events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventPage {
    /// The changes, oldest first.
    Changes(Vec<OrderChange>),
    /// Some of the requested events are no longer in the feed.
    Gone {
        /// The oldest sequence in the feed; the next one if the feed is empty.
        first: u64,
    },
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
            kind: EventKind::parse(&self.kind).ok().ok_or_else(corrupt)?,
            time: rows::timestamp(self.time_ms)?,
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

impl ReadPool {
    /// Lists at most `limit` changes to an order after version `after`, oldest first; none if there
    /// never was such an order. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_history(
        &self,
        id: &OrderId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<OrderChange>, StoreError> {
        self.read(|connection| list_of_order(connection, id, after, limit))
    }

    /// Lists at most `limit` changes to any orders after sequence `after` (0 for all), oldest first.
    /// Sequences rise in commit order, so a reader that continues from the last one misses nothing and
    /// sees nothing twice. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_events(&self, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        self.read_feed(|connection| list(connection, after, limit))
    }

    /// Finds the sequence of the last committed event; 0 if there was none. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_last_sequence(&self) -> Result<u64, StoreError> {
        self.read_feed(find_last)
    }
}

/// Lists at most `limit` changes to an order after version `after`, oldest first.
pub(crate) fn list_of_order(
    connection: &mut AnyConnection,
    id: &OrderId,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<OrderChange>, StoreError> {
    // One row more, for the order before the first change.
    let most = limit.saturating_add(usize::from(after.is_some()));
    let rows: Vec<EventRow> = events::table
        .filter(events::order_id.eq(id.as_str()))
        .filter(events::version.ge(after.map_or(0, rows::bigint)))
        .order(events::version.asc())
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .select(EventRow::as_select())
        .load(connection)
        .map_err(|error| StoreError::from_read(&error))?;
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

/// Lists at most `limit` changes to any orders after sequence `after`.
pub(crate) fn list(
    connection: &mut AnyConnection,
    after: u64,
    limit: usize,
) -> Result<EventPage, StoreError> {
    let trimmed = trimmed_through(connection)?;
    if after < trimmed {
        return Ok(EventPage::Gone { first: trimmed + 1 });
    }
    let rows: Vec<(EventRow, Option<EventRow>)> = events::table
        .left_join(
            previous.on(previous
                .field(events::order_id)
                .eq(events::order_id)
                .and(previous.field(events::version).eq(events::version - 1))),
        )
        .filter(events::sequence.gt(rows::bigint(after)))
        .order(events::sequence.asc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select((EventRow::as_select(), previous.fields(events::all_columns).nullable()))
        .load(connection)
        .map_err(|error| StoreError::from_read(&error))?;
    let changes = rows.into_iter().map(|(row, earlier)| {
        let earlier = earlier.map(EventRow::into_event).transpose()?;
        let before = earlier.as_ref().and_then(order_after).cloned();
        Ok(OrderChange { event: row.into_event()?, before })
    });
    changes.collect::<Result<_, StoreError>>().map(EventPage::Changes)
}

/// Returns the sequence up to which the feed is trimmed.
pub(crate) fn trimmed_through(connection: &mut AnyConnection) -> Result<u64, StoreError> {
    let through: i64 = event_feed::table
        .select(event_feed::trimmed_through)
        .first(connection)
        .map_err(|error| StoreError::from_read(&error))?;
    u64::try_from(through).map_err(|_negative| StoreError::Corrupt("event_feed".to_owned()))
}

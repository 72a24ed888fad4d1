//! Reads events: the history of one order and the feed of all, each change with the order before it.
//! `watch.rs` notifies readers of new events, `retention.rs` trims the feed.

mod retention;
mod watch;

use diesel::prelude::*;
use diesel::sql_query;
use orders_core::decide::EventFeed;
use orders_core::{Actor, Event, EventKind, Order, OrderId};

use crate::StoreError;
use crate::database::connection::AnyConnection;
use crate::database::read_pool::ReadPool;
use crate::database::rows::{self, OrderRow};
use crate::database::schema::{counters, event_feed, events, removed_events};

diesel::allow_tables_to_appear_in_same_query!(counters, event_feed);

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
    Changes {
        /// The id of the feed.
        feed: String,
        /// The changes.
        changes: Vec<OrderChange>,
    },
    /// The feed cannot be followed from the position.
    Gone(EventFeed),
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

    /// Finds the feed of events. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_event_feed(&self) -> Result<EventFeed, StoreError> {
        self.read_feed(find_feed)
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
    let feed = find_feed(connection)?;
    if !feed.continues_from(after) {
        return Ok(EventPage::Gone(feed));
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
    let changes = changes.collect::<Result<_, StoreError>>()?;
    Ok(EventPage::Changes { feed: feed.id, changes })
}

/// Finds the feed.
pub(crate) fn find_feed(connection: &mut AnyConnection) -> Result<EventFeed, StoreError> {
    let failed = |error| StoreError::from_read(&error);
    let corrupt = |_negative| StoreError::Corrupt("event_feed".to_owned());
    let (id, trimmed_through, last): (String, i64, i64) = event_feed::table
        .inner_join(counters::table.on(counters::id.eq(event_feed::id)))
        .select((event_feed::feed, event_feed::trimmed_through, counters::last_sequence))
        .first(connection)
        .map_err(failed)?;
    let removed: Vec<(i64, i64)> = removed_events::table
        .select((removed_events::first_sequence, removed_events::last_sequence))
        .load(connection)
        .map_err(failed)?;
    let removed =
        removed.into_iter().map(|(first, last)| Ok((first.try_into()?, last.try_into()?)));
    Ok(EventFeed {
        id,
        first_sequence: u64::try_from(trimmed_through).map_err(corrupt)? + 1,
        last_sequence: last.try_into().map_err(corrupt)?,
        removed: removed.collect::<Result<_, _>>().map_err(corrupt)?,
    })
}

/// Replaces the id of the feed, so that followers start over.
pub(crate) fn renew_feed(connection: &mut AnyConnection) -> Result<(), StoreError> {
    const POSTGRES: &str = "UPDATE event_feed SET feed = replace(gen_random_uuid()::text, '-', '')";
    const SQLITE: &str = "UPDATE event_feed SET feed = lower(hex(randomblob(16)))";
    match connection {
        AnyConnection::Postgres(connection) => sql_query(POSTGRES).execute(connection),
        AnyConnection::Sqlite(connection) => sql_query(SQLITE).execute(connection),
    }
    .map(drop)
    .map_err(|error| StoreError::from_read(&error))
}

/// Reserves the sequences up to `last`, which the file before a restore had used, and one more, from
/// which followers can start.
pub(crate) fn reserve(connection: &mut AnyConnection, last: u64) -> Result<(), StoreError> {
    let own = find_feed(connection)?.last_sequence;
    if last <= own {
        return Ok(());
    }
    let last = last + 1;
    let removed = removed_events::table;
    diesel::insert_into(removed)
        .values((
            removed_events::first_sequence.eq(rows::bigint(own + 1)),
            removed_events::last_sequence.eq(rows::bigint(last)),
        ))
        .execute(connection)
        .and_then(|_| {
            diesel::update(counters::table)
                .set(counters::last_sequence.eq(rows::bigint(last)))
                .execute(connection)
        })
        .map(drop)
        .map_err(|error| StoreError::from_read(&error))
}

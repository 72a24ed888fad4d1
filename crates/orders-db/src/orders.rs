//! Orders read: many by their ids at once, and pages of them by time.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;
use orders_core::{Instant, Order, OrderId, ServiceId};

use crate::connection::AnyConnection;
use crate::rows::OrderRow;
use crate::schema::{events, order_services, orders};
use crate::{StoreError, transaction};

/// Which orders a list is to have, in the order of their times, then ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderFilter {
    /// From this time on.
    pub from: Option<Instant>,
    /// Before this time.
    pub to: Option<Instant>,
    /// With any of these services; empty for all orders.
    pub services: BTreeSet<ServiceId>,
    /// Behind this place: the time and id of the last order of the page before.
    pub after: Option<(Instant, OrderId)>,
}

/// A page of orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPage {
    /// The orders.
    pub orders: Vec<Order>,
    /// The place behind which the next page starts; `None` on the last page.
    pub next: Option<(Instant, OrderId)>,
}

/// Orders by their ids. A row that cannot be read is an error of its own, and of no other.
pub(crate) type Found = HashMap<String, Result<Order, StoreError>>;

/// The orders with these ids, as far as there are any, in one query (PostgreSQL) or one cached
/// statement each (SQLite).
pub(crate) fn find_all(connection: &mut AnyConnection, ids: &[&str]) -> Result<Found, StoreError> {
    let rows: QueryResult<Vec<OrderRow>> = match connection {
        AnyConnection::Postgres(connection) => orders::table
            .filter(orders::id.eq_any(ids))
            .select(OrderRow::as_select())
            .load(connection),
        AnyConnection::Sqlite(connection) => ids
            .iter()
            .filter_map(|id| {
                let order = orders::table.find(*id).select(OrderRow::as_select());
                order.first(connection).optional().transpose()
            })
            .collect(),
    };
    let rows = rows.map_err(|error| StoreError::of_read(&error))?;
    Ok(rows.into_iter().map(|row| (row.id.clone(), row.into_order())).collect())
}

/// Whether anything ever happened to an order with this id.
pub(crate) fn has_history(
    connection: &mut AnyConnection,
    id: &OrderId,
) -> Result<bool, StoreError> {
    let of_order = events::table.filter(events::order_id.eq(id.as_str()));
    diesel::select(diesel::dsl::exists(of_order))
        .get_result(connection)
        .map_err(|error| StoreError::of_read(&error))
}

/// A page of at most `limit` orders.
pub(crate) fn list(
    connection: &mut AnyConnection,
    filter: &OrderFilter,
    limit: usize,
) -> Result<OrderPage, StoreError> {
    // One more than asked for tells whether there is another page.
    let wanted = i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX);
    let mut orders = if filter.services.is_empty() {
        list_all(connection, filter, wanted)?
    } else {
        // One state for the keys and for the orders, so that none slips through between the two.
        transaction::read_only(connection, |connection| {
            list_by_service(connection, filter, wanted)
        })?
    };
    let more = orders.len() > limit;
    orders.truncate(limit);
    let last = orders.last().filter(|_| more);
    Ok(OrderPage { next: last.map(|order| (order.content.datetime, order.id.clone())), orders })
}

fn list_all(
    connection: &mut AnyConnection,
    filter: &OrderFilter,
    wanted: i64,
) -> Result<Vec<Order>, StoreError> {
    let mut query = orders::table
        .select(OrderRow::as_select())
        .order((orders::datetime_ms.asc(), orders::id.asc()))
        .limit(wanted)
        .into_boxed();
    if let Some(from) = lowest(filter) {
        query = query.filter(orders::datetime_ms.ge(from));
    }
    if let Some(to) = filter.to {
        query = query.filter(orders::datetime_ms.lt(to.as_millis()));
    }
    if let Some((datetime, id)) = &filter.after {
        let datetime = datetime.as_millis();
        query = query.filter(orders::datetime_ms.gt(datetime).or(orders::id.gt(id.as_str())));
    }
    let rows: Vec<OrderRow> =
        query.load(connection).map_err(|error| StoreError::of_read(&error))?;
    rows.into_iter().map(OrderRow::into_order).collect()
}

/// The keys come from each service's own index, so that a rare service is found as fast as a
/// common one, and the orders by their ids.
fn list_by_service(
    connection: &mut AnyConnection,
    filter: &OrderFilter,
    wanted: i64,
) -> Result<Vec<Order>, StoreError> {
    let mut keys: BTreeSet<(i64, String)> = BTreeSet::new();
    for service in &filter.services {
        let mut query = order_services::table
            .filter(order_services::service_id.eq(service.get()))
            .select((order_services::datetime_ms, order_services::order_id))
            .order((order_services::datetime_ms.asc(), order_services::order_id.asc()))
            .limit(wanted)
            .into_boxed();
        if let Some(from) = lowest(filter) {
            query = query.filter(order_services::datetime_ms.ge(from));
        }
        if let Some(to) = filter.to {
            query = query.filter(order_services::datetime_ms.lt(to.as_millis()));
        }
        if let Some((datetime, id)) = &filter.after {
            query = query.filter(
                order_services::datetime_ms
                    .gt(datetime.as_millis())
                    .or(order_services::order_id.gt(id.as_str())),
            );
        }
        let found: Vec<(i64, String)> =
            query.load(connection).map_err(|error| StoreError::of_read(&error))?;
        keys.extend(found);
    }
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    let keys: Vec<(i64, String)> = keys.into_iter().take(wanted).collect();
    let ids: Vec<&str> = keys.iter().map(|(_, id)| id.as_str()).collect();
    let mut found = find_all(connection, &ids)?;
    ids.iter().filter_map(|id| found.remove(*id)).collect()
}

/// The earliest time that a list can have: an index is entered there.
fn lowest(filter: &OrderFilter) -> Option<i64> {
    let after = filter.after.as_ref().map(|(datetime, _)| datetime.as_millis());
    after.max(filter.from.map(Instant::as_millis))
}

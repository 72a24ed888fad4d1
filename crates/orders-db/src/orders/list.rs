//! Pages of orders. Each is found by a scan of an index from the end of the page before, so the last
//! page takes as long as the first.

use super::query::{OrderFilter, OrderPage, OrderPlace, OrderQuery, SortKey};
use super::select::{Place, Scan, Select};
use crate::database::connection::AnyConnection;
use crate::database::read_pool::ReadPool;
use crate::database::rows::{self, OrderRow};
use crate::{StoreError, database::transaction};

/// The highest number of orders that are read for one page. If a filter selects few of them, the page
/// ends there and is shorter than its limit, so that no page takes long.
const MOST_READ: usize = 10_000;

impl ReadPool {
    /// Lists at most `limit` orders. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_orders(&self, query: &OrderQuery, limit: usize) -> Result<OrderPage, StoreError> {
        self.read(|connection| list(connection, query, limit))
    }
}

/// Lists at most `limit` orders.
pub(crate) fn list(
    connection: &mut AnyConnection,
    query: &OrderQuery,
    limit: usize,
) -> Result<OrderPage, StoreError> {
    if query.filter.services.len() > 1 {
        // One snapshot for all services, so that an order that moves meanwhile is not found twice.
        return transaction::read_only(connection, |connection| page(connection, query, limit));
    }
    page(connection, query, limit)
}

fn page(
    connection: &mut AnyConnection,
    query: &OrderQuery,
    limit: usize,
) -> Result<OrderPage, StoreError> {
    let (filter, key) = (&query.filter, query.sort.key);
    let mut scan = query_scan(query);
    let mut index = key;
    let mut cut = None;
    if filter.bounds_time(key.other()) && is_short(connection, filter, key.other())? {
        index = key.other();
    } else if filter.bounds_time(key.other()) || filter.bounds_fee() {
        cut = find_cut(connection, filter, &scan)?;
        scan.end = cut.clone().unwrap_or(scan.end);
    }
    // One more than requested shows whether there is another page.
    let mut found = rows_along(connection, scan, filter, index, limit.saturating_add(1))?;
    let next = if found.len() > limit {
        found.truncate(limit);
        found.last().map(|row| place_of(row, key))
    } else {
        cut
    };
    Ok(OrderPage {
        orders: found.into_iter().map(OrderRow::into_order).collect::<Result<_, _>>()?,
        next: next.map(order_place).transpose()?,
    })
}

/// Returns the scan of a query from its place on, bounded by the time that it is sorted by.
fn query_scan(query: &OrderQuery) -> Scan {
    let mut scan = whole_scan(&query.filter, query.sort.key);
    let after = query.after.as_ref().map(|place| (place.at.as_millis(), place.id.to_string()));
    if query.sort.descending {
        (scan.start, scan.end) = (scan.end, scan.start);
        scan.descending = true;
        scan.start = after.into_iter().fold(scan.start, Place::min);
    } else {
        scan.start = after.into_iter().fold(scan.start, Place::max);
    }
    scan
}

/// Returns the scan of all orders within the bounds of a time, earliest first.
fn whole_scan(filter: &OrderFilter, key: SortKey) -> Scan {
    let (from, to) = filter.bounds(key);
    // Before the first order of each time: the first bound is within, the second is not.
    let before_all_of = |at: Option<i64>, or: i64| (at.unwrap_or(or), String::new());
    let (start, end) = (before_all_of(from, i64::MIN), before_all_of(to, i64::MAX));
    Scan { key, descending: false, start, end }
}

/// Returns `true` if so few orders are within the bounds of a time that all of them can be read and
/// sorted for one page.
fn is_short(
    connection: &mut AnyConnection,
    filter: &OrderFilter,
    key: SortKey,
) -> Result<bool, StoreError> {
    Ok(find_cut(connection, filter, &whole_scan(filter, key))?.is_none())
}

/// Finds the place up to which orders are read for one page, if there are orders after it.
fn find_cut(
    connection: &mut AnyConnection,
    filter: &OrderFilter,
    scan: &Scan,
) -> Result<Option<Place>, StoreError> {
    let services = services_of(filter);
    let share = MOST_READ.div_ceil(services.len().max(1));
    let mut nearest: Option<Place> = None;
    for service in services {
        let last_and_next = Select::new(scan.clone(), service, 2).skip(bigint(share - 1));
        if let [last, _next] = last_and_next.places(connection)?.as_slice() {
            let nearer = |place: Place| {
                if scan.descending { place.max(last.clone()) } else { place.min(last.clone()) }
            };
            nearest = Some(nearest.map_or_else(|| last.clone(), nearer));
        }
    }
    Ok(nearest)
}

/// Reads the first orders of a scan, at most `wanted`.
fn rows_along(
    connection: &mut AnyConnection,
    mut scan: Scan,
    filter: &OrderFilter,
    index: SortKey,
    wanted: usize,
) -> Result<Vec<OrderRow>, StoreError> {
    let key = scan.key;
    let mut found: Vec<OrderRow> = Vec::new();
    for service in services_of(filter) {
        let select = Select::new(scan.clone(), service, bigint(wanted)).only(filter, index);
        found.extend(select.rows(connection)?);
        found.sort_by(|one, other| {
            let ascending = (time_of(one, key), &one.id).cmp(&(time_of(other, key), &other.id));
            if scan.descending { ascending.reverse() } else { ascending }
        });
        found.dedup_by(|one, other| one.id == other.id);
        found.truncate(wanted);
        // Orders of the next service after the last of a full page are not needed.
        if let Some(last) = found.last().filter(|_| found.len() == wanted) {
            scan.end = place_of(last, key);
        }
    }
    Ok(found)
}

/// Returns the services to scan one after the other; without services, one scan of all orders.
fn services_of(filter: &OrderFilter) -> Vec<Option<i64>> {
    if filter.services.is_empty() {
        return vec![None];
    }
    filter.services.iter().map(|service| Some(service.get())).collect()
}

fn place_of(row: &OrderRow, key: SortKey) -> Place {
    (time_of(row, key), row.id.clone())
}

fn time_of(row: &OrderRow, key: SortKey) -> i64 {
    match key {
        SortKey::Datetime => row.datetime_ms,
        SortKey::CreatedAt => row.created_at_ms,
    }
}

fn order_place((at, id): Place) -> Result<OrderPlace, StoreError> {
    Ok(OrderPlace { at: rows::timestamp(at)?, id: rows::order_id(&id)? })
}

fn bigint(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

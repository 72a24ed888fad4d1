//! Pages of orders: each found by walking along an index from where the page before ended, so that
//! the last page takes as long as the first.

use super::query::{OrderFilter, OrderPage, OrderPlace, OrderQuery, SortKey};
use super::select::{Place, Select, Walk};
use crate::database::connection::AnyConnection;
use crate::database::rows::{self, OrderRow};
use crate::{StoreError, database::transaction};

/// How many orders are looked at for one page. Where a filter passes few of them, the page ends
/// there, with less than it has room for: however rare what is asked for, no page takes long.
const LOOKED_AT: usize = 10_000;

/// A page of at most `limit` orders.
pub(crate) fn list(
    connection: &mut AnyConnection,
    query: &OrderQuery,
    limit: usize,
) -> Result<OrderPage, StoreError> {
    if query.filter.services.len() > 1 {
        // One state for the orders of all services, so that one that moves meanwhile is not found
        // in both its places.
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
    let mut walk = walk_of(query);
    let mut index = key;
    let mut cut = None;
    if filter.bounds_time(key.other()) && is_short(connection, filter, key.other())? {
        index = key.other();
    } else if filter.bounds_time(key.other()) || filter.bounds_fee() {
        cut = cut_of(connection, filter, &walk)?;
        walk.end = cut.clone().unwrap_or(walk.end);
    }
    // One more than asked for tells whether there is another page.
    let mut found = rows_along(connection, walk, filter, index, limit.saturating_add(1))?;
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

/// All that a query asks for, from its place on, were there no other conditions than the time that
/// it is sorted by.
fn walk_of(query: &OrderQuery) -> Walk {
    let mut walk = whole_walk(&query.filter, query.sort.key);
    let after = query.after.as_ref().map(|place| (place.at.as_millis(), place.id.to_string()));
    if query.sort.descending {
        (walk.start, walk.end) = (walk.end, walk.start);
        walk.descending = true;
        walk.start = after.into_iter().fold(walk.start, Place::min);
    } else {
        walk.start = after.into_iter().fold(walk.start, Place::max);
    }
    walk
}

/// All orders within the bounds of a time, the earliest first.
fn whole_walk(filter: &OrderFilter, key: SortKey) -> Walk {
    let (from, to) = filter.bounds(key);
    // Before the first order of each time: the first bound is within, the second is not.
    let before_all_of = |at: Option<i64>, or: i64| (at.unwrap_or(or), String::new());
    let (start, end) = (before_all_of(from, i64::MIN), before_all_of(to, i64::MAX));
    Walk { key, descending: false, start, end }
}

/// Whether so few orders are within the bounds of a time that all of them can be looked at, and
/// sorted, for one page.
fn is_short(
    connection: &mut AnyConnection,
    filter: &OrderFilter,
    key: SortKey,
) -> Result<bool, StoreError> {
    Ok(cut_of(connection, filter, &whole_walk(filter, key))?.is_none())
}

/// The place up to which orders are looked at for one page, if there are any behind it.
fn cut_of(
    connection: &mut AnyConnection,
    filter: &OrderFilter,
    walk: &Walk,
) -> Result<Option<Place>, StoreError> {
    let services = services_of(filter);
    let share = LOOKED_AT.div_ceil(services.len().max(1));
    let mut nearest: Option<Place> = None;
    for service in services {
        let last_and_next = Select::new(walk.clone(), service, 2).skip(bigint(share - 1));
        if let [last, _next] = last_and_next.places(connection)?.as_slice() {
            let nearer = |place: Place| {
                if walk.descending { place.max(last.clone()) } else { place.min(last.clone()) }
            };
            nearest = Some(nearest.map_or_else(|| last.clone(), nearer));
        }
    }
    Ok(nearest)
}

/// The first orders along a walk, at most `wanted`.
fn rows_along(
    connection: &mut AnyConnection,
    mut walk: Walk,
    filter: &OrderFilter,
    index: SortKey,
    wanted: usize,
) -> Result<Vec<OrderRow>, StoreError> {
    let key = walk.key;
    let mut found: Vec<OrderRow> = Vec::new();
    for service in services_of(filter) {
        let select = Select::new(walk.clone(), service, bigint(wanted)).only(filter, index);
        found.extend(select.rows(connection)?);
        found.sort_by(|one, other| {
            let ascending = (time_of(one, key), &one.id).cmp(&(time_of(other, key), &other.id));
            if walk.descending { ascending.reverse() } else { ascending }
        });
        found.dedup_by(|one, other| one.id == other.id);
        found.truncate(wanted);
        // What the next service has behind the last of a full page is not needed.
        if let Some(last) = found.last().filter(|_| found.len() == wanted) {
            walk.end = place_of(last, key);
        }
    }
    Ok(found)
}

/// The services to be walked through one after the other; without any named, all orders at once.
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
    Ok(OrderPlace { at: rows::instant(at)?, id: rows::order_id(&id)? })
}

fn bigint(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

//! Pages of orders. Each is found by a scan of an index from the end of the page before, so the last
//! page takes as long as the first.

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType, Text};
use orders_core::Fee;

use super::query::{OrderPage, OrderPlace, OrderQuery, Place, Scan, SortKey};
use crate::StoreError;
use crate::database::connection::AnyConnection;
use crate::database::read_pool::ReadPool;
use crate::database::rows::OrderRow;
use crate::database::tables::ORDERS;
use crate::database::transaction;

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
    if query.services.len() > 1 {
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
    let key = query.sort;
    let mut scan = query.scan();
    let mut index = key;
    let mut cut = None;
    if query.bounds_time(key.other()) && is_short(connection, query, key.other())? {
        index = key.other();
    } else if query.bounds_time(key.other()) || query.bounds_fee() {
        cut = find_cut(connection, query, &scan)?;
        scan.end = cut.clone().unwrap_or(scan.end);
    }
    // One more than requested shows whether there is another page.
    let mut found = rows_along(connection, scan, query, index, limit.saturating_add(1))?;
    let next = if found.len() > limit {
        found.truncate(limit);
        found.last().map(|row| key.place(row))
    } else {
        cut
    };
    Ok(OrderPage {
        orders: found.into_iter().map(OrderRow::into_order).collect::<Result<_, _>>()?,
        next: next.map(OrderPlace::from_columns).transpose()?,
    })
}

/// Returns `true` if so few orders are within the bounds of a time that all of them can be read and
/// sorted for one page.
fn is_short(
    connection: &mut AnyConnection,
    query: &OrderQuery,
    key: SortKey,
) -> Result<bool, StoreError> {
    Ok(find_cut(connection, query, &query.whole_scan(key))?.is_none())
}

/// Finds the place up to which orders are read for one page, if there are orders after it.
fn find_cut(
    connection: &mut AnyConnection,
    query: &OrderQuery,
    scan: &Scan,
) -> Result<Option<Place>, StoreError> {
    let services = services_of(query);
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
    query: &OrderQuery,
    index: SortKey,
    wanted: usize,
) -> Result<Vec<OrderRow>, StoreError> {
    let key = scan.key;
    let mut found: Vec<OrderRow> = Vec::new();
    for service in services_of(query) {
        let select = Select::new(scan.clone(), service, bigint(wanted)).only(query, index);
        found.extend(select.rows(connection)?);
        found.sort_by(|one, other| {
            let ascending = (key.time(one), &one.id).cmp(&(key.time(other), &other.id));
            if scan.descending { ascending.reverse() } else { ascending }
        });
        found.dedup_by(|one, other| one.id == other.id);
        found.truncate(wanted);
        // Orders of the next service after the last of a full page are not needed.
        if let Some(last) = found.last().filter(|_| found.len() == wanted) {
            scan.end = key.place(last);
        }
    }
    Ok(found)
}

/// Returns the services to scan one after the other; without services, one scan of all orders.
fn services_of(query: &OrderQuery) -> Vec<Option<i64>> {
    if query.services.is_empty() {
        return vec![None];
    }
    query.services.iter().map(|service| Some(service.get())).collect()
}

fn bigint(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Selects orders by an index.
#[derive(Debug, Clone)]
pub(super) struct Select {
    scan: Scan,
    /// With this service; `None` for all orders.
    service: Option<i64>,
    /// The time whose index is used: the scan's own, or the other one where few orders are in its bounds.
    index: SortKey,
    /// Further conditions: a column, an operator and a value.
    conditions: Vec<(&'static str, &'static str, i64)>,
    limit: i64,
    offset: i64,
}

impl Select {
    /// Selects at most `limit` orders of a scan.
    pub(super) fn new(scan: Scan, service: Option<i64>, limit: i64) -> Self {
        Self { index: scan.key, scan, service, conditions: Vec::new(), limit, offset: 0 }
    }

    /// Skips the first orders.
    pub(super) fn skip(self, offset: i64) -> Self {
        Self { offset, ..self }
    }

    /// Adds the query's conditions that the scan does not cover, and chooses the index.
    pub(super) fn only(mut self, query: &OrderQuery, index: SortKey) -> Self {
        self.index = index;
        let other = self.scan.key.other();
        let time = self.time(other);
        let (from, to) = query.bounds(other);
        let (min, max) = (query.min_fee, query.max_fee);
        self.conditions.extend(from.map(|from| (time, " >= ", from)));
        self.conditions.extend(to.map(|to| (time, " < ", to)));
        self.conditions.extend(min.map(|fee| ("o.total_fee", " >= ", Fee::as_hundredths(fee))));
        self.conditions.extend(max.map(|fee| ("o.total_fee", " <= ", Fee::as_hundredths(fee))));
        self
    }

    /// Reads whole orders.
    fn rows(&self, connection: &mut AnyConnection) -> Result<Vec<OrderRow>, StoreError> {
        // With each database's own types, because the shared ones take 50 % longer.
        match connection {
            AnyConnection::Postgres(connection) => Rows(self).load(connection),
            AnyConnection::Sqlite(connection) => Rows(self).load(connection),
        }
        .map_err(|error| StoreError::from_read(&error))
    }

    /// Reads places only, for which the index is enough.
    fn places(&self, connection: &mut AnyConnection) -> Result<Vec<Place>, StoreError> {
        match connection {
            AnyConnection::Postgres(connection) => Places(self).load(connection),
            AnyConnection::Sqlite(connection) => Places(self).load(connection),
        }
        .map_err(|error| StoreError::from_read(&error))
    }

    /// Returns the column of a time. A plus sign changes no value, but keeps the planner from using the
    /// column's index and sorting the rows.
    fn time(&self, key: SortKey) -> &'static str {
        match (key, self.index == key, self.service.is_some()) {
            (SortKey::Datetime, true, true) => "u.datetime_ms",
            (SortKey::Datetime, true, false) => "o.datetime_ms",
            (SortKey::Datetime, false, _) => "+o.datetime_ms",
            (SortKey::CreatedAt, true, true) => "u.created_at_ms",
            (SortKey::CreatedAt, true, false) => "o.created_at_ms",
            (SortKey::CreatedAt, false, _) => "+o.created_at_ms",
        }
    }

    fn id(&self) -> &'static str {
        if self.service.is_some() { "u.order_id" } else { "o.id" }
    }

    fn push_rest<'b, DB>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
    where
        DB: Backend + HasSqlType<BigInt> + HasSqlType<Text>,
        i64: ToSql<BigInt, DB>,
        String: ToSql<Text, DB>,
    {
        let Scan { key, descending, start, end } = &self.scan;
        let (time, id) = (self.time(*key), self.id());
        let (after, up_to) = if *descending { ("<", ">=") } else { (">", "<=") };
        // Compared as rows, which both databases find in an index of both columns.
        out.push_sql(&format!(" WHERE ({time}, {id}) {after} ("));
        push_place(start, out)?;
        out.push_sql(&format!(") AND ({time}, {id}) {up_to} ("));
        push_place(end, out)?;
        out.push_sql(")");
        if let Some(service) = &self.service {
            out.push_sql(" AND u.service_id = ");
            out.push_bind_param::<BigInt, _>(service)?;
        }
        for (column, operator, value) in &self.conditions {
            out.push_sql(&format!(" AND {column}{operator}"));
            out.push_bind_param::<BigInt, _>(value)?;
        }
        let direction = if *descending { " DESC" } else { "" };
        // With a plus sign, because SQLite plans by the value of a bare parameter, and prepares the
        // statement again for each other value.
        out.push_sql(&format!(" ORDER BY {time}{direction}, {id}{direction} LIMIT +"));
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        out.push_sql(" OFFSET ");
        out.push_bind_param::<BigInt, _>(&self.offset)
    }
}

fn push_place<'b, DB>((at, id): &'b Place, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
where
    DB: Backend + HasSqlType<BigInt> + HasSqlType<Text>,
    i64: ToSql<BigInt, DB>,
    String: ToSql<Text, DB>,
{
    out.push_bind_param::<BigInt, _>(at)?;
    out.push_sql(", ");
    out.push_bind_param::<Text, _>(id)
}

/// Selects whole orders.
pub(super) struct Rows<'a>(pub(super) &'a Select);

/// Selects places.
pub(super) struct Places<'a>(pub(super) &'a Select);

impl<DB> QueryFragment<DB> for Rows<'_>
where
    DB: Backend + HasSqlType<BigInt> + HasSqlType<Text>,
    i64: ToSql<BigInt, DB>,
    String: ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        for (position, name) in ORDERS.names().enumerate() {
            out.push_sql(if position == 0 { "SELECT o." } else { ", o." });
            out.push_sql(name);
        }
        out.push_sql(" FROM ");
        out.push_sql(match self.0.service {
            Some(_) => "order_services AS u JOIN orders AS o ON o.id = u.order_id",
            None => "orders AS o",
        });
        self.0.push_rest(&mut out)
    }
}

impl<DB> QueryFragment<DB> for Places<'_>
where
    DB: Backend + HasSqlType<BigInt> + HasSqlType<Text>,
    i64: ToSql<BigInt, DB>,
    String: ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let source = self.0.service.map_or("orders AS o", |_| "order_services AS u");
        let (time, id) = (self.0.time(self.0.scan.key), self.0.id());
        out.push_sql(&format!("SELECT {time}, {id} FROM {source}"));
        self.0.push_rest(&mut out)
    }
}

impl Query for Rows<'_> {
    type SqlType = (Text, BigInt, BigInt, Text, BigInt, BigInt, BigInt, BigInt);
}

impl Query for Places<'_> {
    type SqlType = (BigInt, Text);
}

// The text differs with the query, so that prepared statements are kept by it.
impl QueryId for Rows<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryId for Places<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C: Connection> RunQueryDsl<C> for Rows<'_> {}

impl<C: Connection> RunQueryDsl<C> for Places<'_> {}

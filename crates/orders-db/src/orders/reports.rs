//! Reports of an interval: numbers and fees of orders by quarter of an hour and by service, and the
//! number of conflicts, which the periodic flush adds. Quarters can be added up in any time zone.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use orders_core::{Service, Timestamp};

use crate::database::clock;
use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::database::read_pool::ReadPool;
use crate::{StoreError, services};

/// The most services in a report.
const SERVICES: usize = 50;

/// A number of orders and the sum of their fees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// The number of orders.
    pub orders: i64,
    /// The sum of their fees, in hundredths.
    pub fees: i128,
}

/// The report of an interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderReport {
    /// The quarters of an hour that have orders, counted from the start of the interval.
    pub quarters: Vec<(i64, Amount)>,
    /// The fifty services with the most orders. An order counts for each of its services.
    pub services: Vec<(Service, Amount)>,
    /// The quarters of an hour that have conflicts, and their number.
    pub refusals: Vec<(i64, i64)>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    number: i64,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    orders: i64,
    #[diesel(sql_type = BigInt)]
    whole: i64,
    #[diesel(sql_type = BigInt)]
    rest: i64,
}

impl Row {
    fn amount(&self) -> Amount {
        let fees = i128::from(self.whole) * 100 + i128::from(self.rest);
        Amount { orders: self.orders, fees }
    }
}

// Whole units and hundredths are summed apart: together they might not fit into 64 bits.
const QUARTERS: &str = "\
SELECT (datetime_ms - $1) / 900000 AS number, '' AS name, COUNT(*) AS orders, \
CAST(SUM(total_fee / 100) AS BIGINT) AS whole, CAST(SUM(total_fee % 100) AS BIGINT) AS rest \
FROM orders WHERE datetime_ms >= $1 AND datetime_ms < $2 GROUP BY 1 ORDER BY 1";

// SQLite follows a cross join as written: along the index of each service.
const BY_SERVICE: &str = "\
SELECT s.id AS number, s.name AS name, COUNT(*) AS orders, \
CAST(SUM(o.total_fee / 100) AS BIGINT) AS whole, CAST(SUM(o.total_fee % 100) AS BIGINT) AS rest \
FROM services s CROSS JOIN order_services u CROSS JOIN orders o \
WHERE u.service_id = s.id AND u.datetime_ms >= $1 AND u.datetime_ms < $2 AND o.id = u.order_id \
GROUP BY s.id, s.name ORDER BY 3 DESC, 1 LIMIT 50";

const REFUSALS: &str = "\
SELECT (start_ms - $1) / 900000 AS number, '' AS name, number AS orders, \
CAST(0 AS BIGINT) AS whole, CAST(0 AS BIGINT) AS rest \
FROM refusals WHERE start_ms >= $1 AND start_ms < $2 ORDER BY 1";

impl ReadPool {
    /// Finds the report of the orders in `[from, to)`. Blocks, in proportion to the number of orders.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_report(&self, from: Timestamp, to: Timestamp) -> Result<OrderReport, StoreError> {
        self.read(|connection| find(connection, from, to))
    }
}

/// Finds the report of the orders in `[from, to)`.
pub(crate) fn find(
    connection: &mut AnyConnection,
    from: Timestamp,
    to: Timestamp,
) -> Result<OrderReport, StoreError> {
    let quarters = load(connection, QUARTERS, from, to)?;
    let by_service = load(connection, BY_SERVICE, from, to)?;
    let mut found = Vec::with_capacity(SERVICES);
    for row in by_service {
        let amount = row.amount();
        found.push((services::from_columns(row.number, &row.name)?, amount));
    }
    let quarters = quarters.into_iter().map(|row| (row.number, row.amount()));
    let refusals = load(connection, REFUSALS, from, to)?;
    let refusals = refusals.into_iter().map(|row| (row.number, row.orders));
    Ok(OrderReport { quarters: quarters.collect(), services: found, refusals: refusals.collect() })
}

fn load(
    connection: &mut AnyConnection,
    statement: &str,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Row>, StoreError> {
    let (from, to) = (from.as_millis(), to.as_millis());
    let query = diesel::sql_query(statement).bind::<BigInt, _>(from).bind::<BigInt, _>(to);
    match connection {
        AnyConnection::Postgres(connection) => query.load(connection),
        AnyConnection::Sqlite(connection) => query.load(connection),
    }
    .map_err(|error| StoreError::from_read(&error))
}

/// A quarter of an hour in milliseconds, so that days can be added up in any time zone.
const QUARTER_MS: i64 = 15 * 60_000;

/// Adds conflicts to the current quarter of an hour.
pub(crate) fn add_conflicts(connection: &mut AnyConnection, number: i64) -> Result<(), DbError> {
    let now = clock::now(connection)?;
    let statement = "INSERT INTO refusals (start_ms, number) VALUES ($1, $2) \
                     ON CONFLICT (start_ms) DO UPDATE SET number = refusals.number + excluded.number";
    let insert =
        diesel::sql_query(statement).bind::<BigInt, _>(quarter_of(now)).bind::<BigInt, _>(number);
    match connection {
        AnyConnection::Postgres(connection) => insert.execute(connection),
        AnyConnection::Sqlite(connection) => insert.execute(connection),
    }
    .map(drop)
    .map_err(|error| DbError::from_diesel(&error))
}

fn quarter_of(at: Timestamp) -> i64 {
    at.as_millis() - at.as_millis().rem_euclid(QUARTER_MS)
}

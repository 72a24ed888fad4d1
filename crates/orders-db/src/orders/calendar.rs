//! The calendar view of an interval, in one statement: its orders, all services, the policy, the
//! nearest orders outside, and the position of the event feed.

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType, Text};
use orders_core::{Fee, OrderId, Policy, Service, Services, Timestamp};

use crate::StoreError;
use crate::database::connection::AnyConnection;
use crate::database::read_pool::ReadPool;
use crate::database::rows;
use crate::services;

/// A query for a calendar view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalendarQuery {
    /// The start of the interval.
    pub from: Timestamp,
    /// The end of the interval, exclusive.
    pub to: Timestamp,
    /// The most orders, including those within the minimum gap before and after.
    pub limit: u32,
}

/// An order in a calendar view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarOrder {
    /// Its id.
    pub id: OrderId,
    /// Its time.
    pub datetime: Timestamp,
    /// Its fee.
    pub total_fee: Fee,
    /// Its services.
    pub services: Services,
    /// Its version.
    pub version: u64,
}

/// The calendar view of an interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarView {
    /// The orders, earliest first, also those within the minimum gap before and after the interval,
    /// which block a part of it.
    pub orders: Vec<CalendarOrder>,
    /// The first thousand services, by number.
    pub services: Vec<Service>,
    /// The policy.
    pub policy: Policy,
    /// The time of the last order before the interval.
    pub previous: Option<Timestamp>,
    /// The time of the first order after the interval.
    pub next: Option<Timestamp>,
    /// The sequence of the last event that the view includes.
    pub sequence: u64,
}

/// The statement, which returns rows of six kinds.
const STATEMENT: [&str; 6] = [
    "WITH p AS (SELECT window_ms, scope, edit_lock_ms FROM policy WHERE id = 1) \
     SELECT * FROM (SELECT CAST(1 AS BIGINT) AS kind, o.id AS id, o.datetime_ms AS at_ms, \
     o.total_fee AS number, o.services AS name, o.version AS version FROM orders o, p \
     WHERE o.datetime_ms > ",
    " - p.window_ms AND o.datetime_ms < ",
    " + p.window_ms ORDER BY o.datetime_ms, o.id LIMIT +",
    ") a UNION ALL SELECT * FROM (SELECT CAST(2 AS BIGINT), CAST(s.id AS TEXT), s.id, \
     CAST(0 AS BIGINT), s.name, CAST(0 AS BIGINT) FROM services s ORDER BY s.id LIMIT 1000) b \
     UNION ALL SELECT CAST(3 AS BIGINT), '', window_ms, COALESCE(edit_lock_ms, 0), scope, \
     CAST(0 AS BIGINT) FROM p \
     UNION ALL SELECT CAST(4 AS BIGINT), '', last_sequence, CAST(0 AS BIGINT), '', \
     CAST(0 AS BIGINT) FROM counters WHERE id = 1 \
     UNION ALL SELECT CAST(5 AS BIGINT), '', datetime_ms, CAST(0 AS BIGINT), '', \
     CAST(0 AS BIGINT) FROM (SELECT datetime_ms FROM orders WHERE datetime_ms < ",
    " ORDER BY datetime_ms DESC LIMIT 1) c \
     UNION ALL SELECT CAST(6 AS BIGINT), '', datetime_ms, CAST(0 AS BIGINT), '', \
     CAST(0 AS BIGINT) FROM (SELECT datetime_ms FROM orders WHERE datetime_ms >= ",
    " ORDER BY datetime_ms LIMIT 1) d",
];

struct Statement {
    values: [i64; 5],
}

impl<DB> QueryFragment<DB> for Statement
where
    DB: Backend + HasSqlType<BigInt>,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let mut values = self.values.iter();
        for part in STATEMENT {
            out.push_sql(part);
            if let Some(value) = values.next() {
                out.push_bind_param::<BigInt, _>(value)?;
            }
        }
        Ok(())
    }
}

impl Query for Statement {
    type SqlType = (BigInt, Text, BigInt, BigInt, Text, BigInt);
}

// Cached as a prepared statement by its text, which is constant, so that it takes one round trip.
impl QueryId for Statement {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C: Connection> RunQueryDsl<C> for Statement {}

type Row = (i64, String, i64, i64, String, i64);

impl ReadPool {
    /// Finds the calendar view of an interval, with one statement. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_calendar(&self, query: &CalendarQuery) -> Result<CalendarView, StoreError> {
        self.read(|connection| find(connection, query))
    }
}

/// Finds the calendar view, at one moment.
pub(crate) fn find(
    connection: &mut AnyConnection,
    query: &CalendarQuery,
) -> Result<CalendarView, StoreError> {
    let (from, to) = (query.from.as_millis(), query.to.as_millis());
    let statement = Statement { values: [from, to, i64::from(query.limit), from, to] };
    let rows: Vec<Row> = match connection {
        AnyConnection::Postgres(connection) => statement.load(connection),
        AnyConnection::Sqlite(connection) => statement.load(connection),
    }
    .map_err(|error| StoreError::from_read(&error))?;
    let mut calendar = CalendarView {
        orders: Vec::with_capacity(rows.len()),
        services: Vec::new(),
        policy: Policy::default(),
        previous: None,
        next: None,
        sequence: 0,
    };
    for row in rows {
        calendar.take(row)?;
    }
    Ok(calendar)
}

impl CalendarView {
    fn take(&mut self, (kind, id, at_ms, number, name, version): Row) -> Result<(), StoreError> {
        match kind {
            1 => self.orders.push(CalendarOrder {
                datetime: rows::timestamp(at_ms)?,
                total_fee: Fee::from_hundredths(number)
                    .ok_or_else(|| StoreError::Corrupt(format!("order {id}: fee")))?,
                services: rows::read_services(&name)?,
                version: u64::try_from(version).unwrap_or_default(),
                id: rows::order_id(&id)?,
            }),
            2 => self.services.push(services::from_columns(at_ms, &name)?),
            3 => {
                let edit_lock = (number > 0).then_some(number);
                self.policy = rows::read_policy(at_ms, &name, edit_lock)?;
            }
            4 => self.sequence = u64::try_from(at_ms).unwrap_or_default(),
            5 => self.previous = Some(rows::timestamp(at_ms)?),
            _ => self.next = Some(rows::timestamp(at_ms)?),
        }
        Ok(())
    }
}

//! The control on SQLite: one connection for writes, a few for reads.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error;
use r2d2::{ManageConnection, Pool};

use crate::database::{Created, POOL_TIMEOUT};
use crate::rows::{
    GLOBAL, OrderRow, OrderServiceRow, ServiceRow, WINDOW_MS, counters, events, order_services,
    order_slots, orders, services,
};

/// Connections for reads. Writes have one connection, because SQLite has one writer at a time.
const READERS: u32 = 4;

const MIGRATIONS: [&str; 7] = [
    include_str!("../../../../migrations/sqlite/2026-11-21-000000_orders/up.sql"),
    include_str!("../../../../migrations/sqlite/2026-11-21-000100_idempotency_keys/up.sql"),
    include_str!("../../../../migrations/sqlite/2026-11-21-000200_orders_by_created_at/up.sql"),
    include_str!("../../../../migrations/sqlite/2026-11-21-000300_keys/up.sql"),
    include_str!("../../../../migrations/sqlite/2026-11-21-000400_event_feed/up.sql"),
    include_str!("../../../../migrations/sqlite/2026-11-21-000500_webhooks/up.sql"),
    include_str!("../../../../migrations/sqlite/2026-11-21-000600_console/up.sql"),
];

pub(crate) struct Sqlite {
    writer: Pool<Manager>,
    readers: Pool<Manager>,
}

impl Sqlite {
    /// Opens the file and creates the schema if it is empty.
    pub(crate) fn open(path: &str) -> Result<Self, String> {
        let pool = |size| {
            Pool::builder()
                .max_size(size)
                .test_on_check_out(false)
                .connection_timeout(POOL_TIMEOUT)
                .build(Manager { path: path.to_owned() })
                .map_err(|error| error.to_string())
        };
        let writer = pool(1)?;
        let conn = &mut *writer.get().map_err(|error| error.to_string())?;
        if orders::table.count().get_result::<i64>(conn).is_err() {
            for migration in MIGRATIONS {
                conn.batch_execute(migration).map_err(|error| error.to_string())?;
            }
        }
        Ok(Self { readers: pool(READERS)?, writer })
    }

    pub(crate) fn create_service(&self, row: &ServiceRow) -> Result<(), String> {
        let conn = &mut *self.writer.get().map_err(|error| error.to_string())?;
        let stored = diesel::insert_into(services::table).values(row).execute(conn);
        stored.map(drop).map_err(|error| error.to_string())
    }

    /// Stores the order unless another is too close.
    pub(crate) fn create(&self, order: &mut OrderRow, uses: &[i64]) -> Result<Created, String> {
        let conn = &mut *self.writer.get().map_err(|error| error.to_string())?;
        // IMMEDIATE, because a deferred BEGIN cannot wait for the lock once it has read.
        conn.immediate_transaction(|conn| insert(conn, order, uses))
            .map_err(|error| error.to_string())
    }

    pub(crate) fn find(&self, id: &str) -> Result<Option<OrderRow>, String> {
        let conn = &mut *self.readers.get().map_err(|error| error.to_string())?;
        let found = orders::table.find(id).select(OrderRow::as_select()).first(conn);
        found.optional().map_err(|error| error.to_string())
    }
}

fn insert(
    conn: &mut SqliteConnection,
    order: &mut OrderRow,
    uses: &[i64],
) -> Result<Created, Error> {
    let neighbours: Vec<(String, i64)> = order_slots::table
        .filter(order_slots::scope.eq(GLOBAL))
        .filter(order_slots::start_ms.gt(order.datetime_ms - WINDOW_MS))
        .filter(order_slots::start_ms.lt(order.datetime_ms + WINDOW_MS))
        .select((order_slots::order_id, order_slots::start_ms))
        .load(conn)?;
    if !neighbours.is_empty() {
        return Ok(Created::TooClose(neighbours));
    }
    order.grp = diesel::update(counters::table)
        .set(counters::last_sequence.eq(counters::last_sequence + 1))
        .returning(counters::last_sequence)
        .get_result(conn)?;
    diesel::insert_into(orders::table).values(&*order).execute(conn)?;
    // One by one, because Diesel caches no prepared statement for several rows.
    for &service_id in uses {
        let row = OrderServiceRow {
            service_id,
            datetime_ms: order.datetime_ms,
            order_id: &order.id,
            created_at_ms: order.created_at_ms,
        };
        diesel::insert_into(order_services::table).values(row).execute(conn)?;
    }
    diesel::insert_into(order_slots::table).values(order.slot()).execute(conn)?;
    diesel::insert_into(events::table).values(order.created()).execute(conn)?;
    Ok(Created::Stored)
}

struct Manager {
    path: String,
}

impl ManageConnection for Manager {
    type Connection = SqliteConnection;
    type Error = diesel::ConnectionError;

    fn connect(&self) -> Result<SqliteConnection, diesel::ConnectionError> {
        let mut conn = SqliteConnection::establish(&self.path)?;
        conn.batch_execute(
            "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA foreign_keys = ON;",
        )
        .map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
        Ok(conn)
    }

    fn is_valid(&self, _: &mut SqliteConnection) -> Result<(), diesel::ConnectionError> {
        Ok(())
    }

    fn has_broken(&self, _: &mut SqliteConnection) -> bool {
        false
    }
}

//! Fills large calendars with SQL. Over HTTP this would take hours.

use std::io;

use crate::database::{Database, Engine};
use crate::workload::{CELL_MS, CELLS, FIRST_MS, WINDOW_MS};

/// Fills the tables with orders, evenly spread over the calendar, as if the service had created them.
/// The service that they use must exist.
pub(crate) fn fill(database: &Database<'_>, engine: Engine, orders: u64) -> io::Result<()> {
    let every_ms = CELL_MS * i64::try_from(CELLS / orders.max(1)).unwrap_or(1);
    let (numbers, id, after) = match engine {
        Engine::Sqlite => (
            format!(
                "WITH RECURSIVE numbers (n) AS \
                 (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {orders}) \
                 SELECT n FROM numbers"
            ),
            "printf('order-%08d', n)",
            // Leave no checkpoint for the first run.
            "ANALYZE; PRAGMA wal_checkpoint(TRUNCATE);",
        ),
        Engine::Postgres => (
            format!("SELECT n FROM generate_series(0::bigint, {orders} - 1) n"),
            "'order-' || lpad(n::text, 8, '0')",
            "VACUUM ANALYZE; CHECKPOINT;",
        ),
    };
    // An order has the number of its event, which is also that of its group.
    let select = |columns: &str| {
        let columns = columns
            .replace("{id}", id)
            .replace("{at}", &format!("{FIRST_MS} + n * {every_ms}"))
            .replace("{window}", &WINDOW_MS.to_string());
        format!("SELECT {columns} FROM ({numbers}) AS numbers")
    };
    let orders_rows = select("{id}, {at}, 10000, '[123]', 1, n + 1, {at}, {at}");
    let uses = select("123, {at}, {id}, {at}");
    let slots = select("0, {at}, {at} + {window}, n + 1, {id}");
    let events =
        select("n + 1, {id}, 1, 'created', {at}, 'anonymous', {at}, 10000, '[123]', n + 1, {at}");
    database.run(&format!(
        "BEGIN;
         INSERT INTO orders (id, datetime_ms, total_fee, services, version, grp, created_at_ms,
                             updated_at_ms) {orders_rows};
         INSERT INTO order_services (service_id, datetime_ms, order_id, created_at_ms) {uses};
         INSERT INTO order_slots (scope, start_ms, end_ms, grp, order_id) {slots};
         INSERT INTO events (sequence, order_id, version, kind, time_ms, actor, datetime_ms,
                             total_fee, services, grp, created_at_ms) {events};
         UPDATE counters SET last_sequence = {orders};
         COMMIT;"
    ))?;
    after.split_inclusive(';').try_for_each(|statement| database.run(statement))
}

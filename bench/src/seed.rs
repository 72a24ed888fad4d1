//! Large calendars, laid out by statements of the database: over HTTP it would take hours.

use std::io;

use crate::database::{Database, Engine};
use crate::workload::{CALENDAR, FIRST_MS, STRETCH_MS, WINDOW_MS};

/// Fills the service's tables with so many orders, evenly over the calendar, as if each had been
/// created through it. The service they use must be there.
pub(crate) fn fill(database: &Database<'_>, engine: Engine, orders: u64) -> io::Result<()> {
    let every_ms = STRETCH_MS * i64::try_from(CALENDAR / orders.max(1)).unwrap_or(1);
    let (numbers, id, after) = match engine {
        Engine::Sqlite => (
            format!(
                "WITH RECURSIVE numbers (n) AS \
                 (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {orders}) \
                 SELECT n FROM numbers"
            ),
            "printf('order-%08d', n)",
            // All in the file, and nothing left for a checkpoint of the first turn.
            "ANALYZE; PRAGMA wal_checkpoint(TRUNCATE);",
        ),
        Engine::Postgres => (
            format!("SELECT n FROM generate_series(0::bigint, {orders} - 1) n"),
            "'order-' || lpad(n::text, 8, '0')",
            "VACUUM ANALYZE; CHECKPOINT;",
        ),
    };
    // The number of an order is that of its event, and of the group that it is alone in.
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

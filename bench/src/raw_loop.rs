//! The limit of SQLite: a loop that inserts the rows of creates in transactions of 64.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::workload::{FIRST_MS, WINDOW_MS};

const CREATES: i64 = 64;

/// Measures creates per second in a database that has the schema and the one service.
pub(crate) fn creates_per_second(path: &Path, measured: Duration) -> io::Result<f64> {
    run(path, measured).map_err(io::Error::other)
}

fn run(path: &Path, measured: Duration) -> rusqlite::Result<f64> {
    let mut connection = Connection::open(path)?;
    // The settings of the service.
    connection.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_mode = WAL; \
         PRAGMA synchronous = FULL;",
    )?;
    let started = Instant::now();
    let mut creates = 0_u32;
    while started.elapsed() < measured {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        insert(&transaction)?;
        transaction.commit()?;
        creates += CREATES.unsigned_abs().try_into().unwrap_or(0);
    }
    Ok(f64::from(creates) / started.elapsed().as_secs_f64())
}

fn insert(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    // Once per transaction, as in the service.
    let last: i64 = transaction
        .prepare_cached(
            "UPDATE counters SET last_sequence = last_sequence + ? RETURNING last_sequence",
        )?
        .query_row([CREATES], |row| row.get(0))?;
    let mut order = transaction.prepare_cached(
        "INSERT INTO orders (id, datetime_ms, total_fee, services, version, grp, created_at_ms, \
         updated_at_ms) VALUES (?1, ?2, 10000, '[123]', 1, ?3, ?2, ?2)",
    )?;
    let mut used = transaction.prepare_cached(
        "INSERT INTO order_services (service_id, datetime_ms, order_id, created_at_ms) \
         VALUES (123, ?1, ?2, ?1)",
    )?;
    let mut slot = transaction.prepare_cached(
        "INSERT INTO order_slots (scope, start_ms, end_ms, grp, order_id) \
         VALUES (0, ?, ?, ?, ?)",
    )?;
    let mut event = transaction.prepare_cached(
        "INSERT INTO events (sequence, order_id, version, kind, time_ms, actor, datetime_ms, \
         total_fee, services, grp, created_at_ms) \
         VALUES (?1, ?2, 1, 'created', ?3, 'anonymous', ?3, 10000, '[123]', ?1, ?3)",
    )?;
    for number in last - CREATES + 1..=last {
        let id = uuid::Uuid::now_v7().to_string();
        let datetime_ms = FIRST_MS + number * WINDOW_MS;
        order.execute(params![id, datetime_ms, number])?;
        used.execute(params![datetime_ms, id])?;
        slot.execute(params![datetime_ms, datetime_ms + WINDOW_MS, number, id])?;
        event.execute(params![number, id, datetime_ms])?;
    }
    Ok(())
}

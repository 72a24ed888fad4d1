//! Deletes expired idempotency responses periodically.

use std::sync::mpsc;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::StoreError;
use crate::database::clock::{POSTGRES_NOW, sqlite_now};
use crate::database::connection::{AnyConnection, Manager};
use crate::database::error::DbError;

/// How many responses one statement deletes: few enough that no write waits long.
const PURGED_AT_ONCE: i64 = 100;
/// The pause between two such statements.
const PURGE_PAUSE: Duration = Duration::from_millis(50);

/// Deletes expired responses periodically until the store is closed.
pub(crate) fn run(manager: &Manager, interval: Duration, stopped: &mpsc::Receiver<()>) {
    let goes_on = |pause| stopped.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Timeout);
    while goes_on(interval) {
        if let Err(error) = purge(manager, goes_on) {
            log::debug!("cannot delete expired idempotency responses: {error}");
        }
    }
}

/// Deletes expired responses until none is left or `goes_on` returns false.
fn purge(manager: &Manager, goes_on: impl Fn(Duration) -> bool) -> Result<(), StoreError> {
    let mut connection = manager.open()?;
    loop {
        let purged = purge_some(&mut connection)?;
        if purged > 0 {
            log::debug!("deleted {purged} expired idempotency responses");
        }
        if i64::try_from(purged).unwrap_or(i64::MAX) < PURGED_AT_ONCE || !goes_on(PURGE_PAUSE) {
            return Ok(());
        }
    }
}

fn purge_some(connection: &mut AnyConnection) -> Result<usize, DbError> {
    match connection {
        // SKIP LOCKED skips rows that a write has locked.
        AnyConnection::Postgres(connection) => diesel::sql_query(format!(
            "DELETE FROM idempotency_keys k USING (\
                SELECT caller, key FROM idempotency_keys WHERE expires_ms <= {POSTGRES_NOW} \
                ORDER BY expires_ms LIMIT {PURGED_AT_ONCE} FOR UPDATE SKIP LOCKED\
             ) old WHERE k.caller = old.caller AND k.key = old.key"
        ))
        .execute(connection),
        AnyConnection::Sqlite(connection) => diesel::sql_query(format!(
            "DELETE FROM idempotency_keys WHERE rowid IN (\
                SELECT rowid FROM idempotency_keys WHERE expires_ms <= ? \
                ORDER BY expires_ms LIMIT {PURGED_AT_ONCE})"
        ))
        .bind::<BigInt, _>(sqlite_now()?.as_millis())
        .execute(connection),
    }
    .map_err(|error| DbError::from_diesel(&error))
}

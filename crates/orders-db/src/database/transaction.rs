//! Transactions that hold the lock of the database. Every writer holds it, so what it read under the
//! lock is still true when it commits.

use std::time::Instant;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::StoreError;
use crate::database::connection::{AnyConnection, LOCK_TIMEOUT};
use crate::database::error::DbError;

/// Takes PostgreSQL's lock of the database until the end of the transaction.
pub(crate) const POSTGRES_LOCK: &str = "SELECT pg_advisory_xact_lock(7310868735434190196)";

/// Opens a transaction and waits for the lock.
pub(crate) fn begin(connection: &mut AnyConnection) -> Result<(), DbError> {
    let begun = match connection {
        // The lock is a statement of its own under READ COMMITTED: the next statement takes its
        // snapshot after the lock was taken, so it sees what the last holder committed.
        AnyConnection::Postgres(_) => connection.batch_execute(&format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {POSTGRES_LOCK}"
        )),
        AnyConnection::Sqlite(connection) => begin_sqlite(connection),
    };
    begun.map_err(|error| {
        let error = DbError::from_diesel(&error);
        roll_back(connection);
        error
    })
}

/// Begins a transaction with frequent retries. SQLite itself waits up to 100 ms between two attempts, in
/// which a busy process takes the lock again and again.
fn begin_sqlite(connection: &mut SqliteConnection) -> QueryResult<()> {
    let deadline = Instant::now() + LOCK_TIMEOUT;
    connection.batch_execute("PRAGMA busy_timeout = 8")?;
    let begun = loop {
        // IMMEDIATE, because a deferred BEGIN cannot wait for the lock once it has read.
        match connection.batch_execute("BEGIN IMMEDIATE") {
            Err(error)
                if DbError::from_diesel(&error) == DbError::Locked && Instant::now() < deadline => {
            }
            begun => break begun,
        }
    };
    let busy_timeout = LOCK_TIMEOUT.as_millis();
    connection.batch_execute(&format!("PRAGMA busy_timeout = {busy_timeout}")).and(begun)
}

/// Runs several queries on one snapshot of the database.
pub(crate) fn read_only<T>(
    connection: &mut AnyConnection,
    queries: impl FnOnce(&mut AnyConnection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let begin = match connection {
        AnyConnection::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        AnyConnection::Sqlite(_) => "BEGIN DEFERRED",
    };
    connection.batch_execute(begin).map_err(|error| StoreError::from_read(&error))?;
    let result = queries(connection);
    // Nothing was written, so nothing is lost.
    roll_back(connection);
    result
}

/// Commits. After an error, it is unknown whether the commit took place.
pub(crate) fn commit(connection: &mut AnyConnection) -> Result<(), DbError> {
    connection.batch_execute("COMMIT").map_err(|error| DbError::from_diesel(&error))
}

/// Ends the transaction so that an earlier one, whose commit failed, cannot take effect later.
///
/// When SQLite has written a transaction to its log and the disk then fails to make it durable, it
/// reports the error and treats the transaction as rolled back. But the transaction stays in the log,
/// and after a crash the next process to open the file replays it. Whatever is written next overwrites
/// it there, so this writes something.
pub(crate) fn neutralize_failed_commit(connection: &mut AnyConnection) -> Result<(), DbError> {
    let ended = match connection {
        // PostgreSQL's log decides, and it was checked.
        AnyConnection::Postgres(_) => connection.batch_execute("ROLLBACK"),
        // Nothing reads this number. Setting it writes a page, even if the number does not change.
        AnyConnection::Sqlite(connection) => {
            connection.batch_execute("PRAGMA user_version = 0; COMMIT")
        }
    };
    ended.map_err(|error| DbError::from_diesel(&error))
}

/// Rolls back the transaction, if one is open.
pub(crate) fn roll_back(connection: &mut AnyConnection) {
    // If this fails, the connection is lost, and the transaction with it.
    if let Err(error) = connection.batch_execute("ROLLBACK") {
        log::debug!("rollback: {error}");
    }
}

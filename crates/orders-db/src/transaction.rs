//! Transactions that hold the lock of the database. Whoever writes holds it, so what it read under
//! the lock is still true when it commits.

use diesel::connection::SimpleConnection;

use crate::StoreError;
use crate::connection::AnyConnection;
use crate::error::Trouble;

/// Takes PostgreSQL's lock of the database until the end of the transaction.
pub(crate) const POSTGRES_LOCK: &str = "SELECT pg_advisory_xact_lock(7310868735434190196)";

/// Opens a transaction and waits for the lock.
pub(crate) fn begin(connection: &mut AnyConnection) -> Result<(), Trouble> {
    let begun = match connection {
        // The lock in a statement of its own under READ COMMITTED: the next one takes its snapshot
        // after the lock is had, and so sees what the last holder committed.
        AnyConnection::Postgres(_) => connection.batch_execute(&format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {POSTGRES_LOCK}"
        )),
        // IMMEDIATE, because a deferred BEGIN cannot wait for the lock once it has read.
        AnyConnection::Sqlite(_) => connection.batch_execute("BEGIN IMMEDIATE"),
    };
    begun.map_err(|error| {
        let trouble = Trouble::of(&error);
        roll_back(connection);
        trouble
    })
}

/// Runs several queries on one state of the database.
pub(crate) fn read_only<T>(
    connection: &mut AnyConnection,
    queries: impl FnOnce(&mut AnyConnection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let begin = match connection {
        AnyConnection::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        AnyConnection::Sqlite(_) => "BEGIN DEFERRED",
    };
    connection.batch_execute(begin).map_err(|error| StoreError::of_read(&error))?;
    let result = queries(connection);
    // Nothing was written, so there is nothing that this could lose.
    roll_back(connection);
    result
}

/// Commits. After an error nobody knows yet whether it took place.
pub(crate) fn commit(connection: &mut AnyConnection) -> Result<(), Trouble> {
    connection.batch_execute("COMMIT").map_err(|error| Trouble::of(&error))
}

/// Gives up the transaction, if there is one.
pub(crate) fn roll_back(connection: &mut AnyConnection) {
    // Where this fails the connection is lost, and the transaction with it.
    if let Err(error) = connection.batch_execute("ROLLBACK") {
        log::debug!("rollback: {error}");
    }
}

//! Transactions that hold the lock of the database. Whoever writes holds it, so what it read under
//! the lock is still true when it commits.

use std::time::Instant;

use diesel::connection::SimpleConnection;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool, Text};

use crate::StoreError;
use crate::clock::{self, POSTGRES_NOW, Reading};
use crate::connection::{AnyConnection, LOCK_TIMEOUT};
use crate::error::Trouble;

/// The number of PostgreSQL's lock of the database, as a literal to build statements of.
macro_rules! lock_number {
    () => {
        7_310_868_735_434_190_196
    };
}

const LOCK_NUMBER: i64 = lock_number!();
/// Takes it until the end of the transaction.
pub(crate) const POSTGRES_LOCK: &str =
    concat!("SELECT pg_advisory_xact_lock(", lock_number!(), ")");

/// Opens a transaction and waits for the lock.
pub(crate) fn begin(connection: &mut AnyConnection) -> Result<(), Trouble> {
    let begun = match connection {
        // The lock in a statement of its own under READ COMMITTED: the next one takes its snapshot
        // after the lock is had, and so sees what the last holder committed.
        AnyConnection::Postgres(_) => connection.batch_execute(&format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {POSTGRES_LOCK}"
        )),
        AnyConnection::Sqlite(connection) => begin_sqlite(connection),
    };
    begun.map_err(|error| {
        let trouble = Trouble::of(&error);
        roll_back(connection);
        trouble
    })
}

/// Tries often. Left to itself, SQLite waits up to 100 ms between two tries, in which somebody who
/// writes one transaction after the other has the lock again and again.
fn begin_sqlite(connection: &mut SqliteConnection) -> QueryResult<()> {
    let deadline = Instant::now() + LOCK_TIMEOUT;
    connection.batch_execute("PRAGMA busy_timeout = 8")?;
    let begun = loop {
        // IMMEDIATE, because a deferred BEGIN cannot wait for the lock once it has read.
        match connection.batch_execute("BEGIN IMMEDIATE") {
            Err(error) if Trouble::of(&error) == Trouble::Locked && Instant::now() < deadline => {}
            begun => break begun,
        }
    };
    let busy_timeout = LOCK_TIMEOUT.as_millis();
    connection.batch_execute(&format!("PRAGMA busy_timeout = {busy_timeout}")).and(begun)
}

/// Takes PostgreSQL's lock. While it is held, the database ends a session that is idle for 5 seconds:
/// one that freezes must not hold up all others. Should the lock not be had, that is not set either.
const LOCK: &str = concat!(
    "SELECT set_config('idle_session_timeout', '5000', false), pg_advisory_lock(",
    lock_number!(),
    ")::text, "
);
/// Gives it to whoever waits for it, and takes it again.
const LOCK_AGAIN: &str = concat!(
    "SELECT pg_advisory_unlock(",
    lock_number!(),
    ")::text, pg_advisory_lock(",
    lock_number!(),
    ")::text, "
);

/// One of these two, and then what time it is: the columns of a result are computed from the first to the
/// last.
struct TakeLock {
    statement: &'static str,
}

impl QueryId for TakeLock {
    type QueryId = ();
    // The two are told apart, and so prepared, by their text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for TakeLock {
    type SqlType = (Text, Text, BigInt);
}

impl RunQueryDsl<PgConnection> for TakeLock {}

impl QueryFragment<Pg> for TakeLock {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(self.statement);
        out.push_sql(POSTGRES_NOW);
        Ok(())
    }
}

/// Waits for PostgreSQL's lock, and holds it until [`unlock`], over the ends of transactions. Tells when
/// it was had, by the clock of the database.
pub(crate) fn lock(connection: &mut PgConnection) -> Result<Reading, Trouble> {
    take_lock(connection, LOCK)
}

/// Gives the lock to whoever waits for it, and waits for it again. Tells when it was had.
pub(crate) fn lock_again(connection: &mut PgConnection) -> Result<Reading, Trouble> {
    take_lock(connection, LOCK_AGAIN)
}

fn take_lock(connection: &mut PgConnection, statement: &'static str) -> Result<Reading, Trouble> {
    let (_, _, now): (String, String, i64) =
        TakeLock { statement }.get_result(connection).map_err(|error| Trouble::of(&error))?;
    clock::read(now)
}

diesel::define_sql_function! {
    fn set_config(name: Text, value: Text, is_local: Bool) -> Text;
}
diesel::define_sql_function! {
    fn pg_advisory_unlock(key: BigInt) -> Bool;
}

/// Gives up the lock that [`lock`] took.
pub(crate) fn unlock(connection: &mut PgConnection) -> Result<(), Trouble> {
    let (was_held, _): (bool, String) = diesel::select((
        pg_advisory_unlock(LOCK_NUMBER),
        set_config("idle_session_timeout", "0", false),
    ))
    .get_result(connection)
    .map_err(|error| Trouble::of(&error))?;
    if was_held { Ok(()) } else { Err(not_ours()) }
}

/// That the lock which was to be given up was not held.
pub(crate) fn not_ours() -> Trouble {
    let text = "the lock of the database was another session's: is there a pooler in between?";
    Trouble::Failed(text.to_owned())
}

/// Gives up the lock where nobody knows whether it is held.
pub(crate) fn unlock_if_held(connection: &mut PgConnection) -> Result<(), Trouble> {
    connection
        .batch_execute(
            "SELECT pg_advisory_unlock_all(), set_config('idle_session_timeout', '0', false)",
        )
        .map_err(|error| Trouble::of(&error))
}

/// What a statement that writes has to return to give up, with its commit, the lock that [`lock`] took:
/// whether it was held. The transaction holds it, too, until it is over, as the server has it.
pub(crate) const POSTGRES_GIVE_UP: &str = concat!(
    "pg_advisory_xact_lock(",
    lock_number!(),
    ") IS NOT NULL, pg_advisory_unlock(",
    lock_number!(),
    "), set_config('idle_session_timeout', '0', false) = '0'"
);

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

/// Ends the transaction so that one before it, whose commit failed and which is not there, stays away.
///
/// When SQLite has written a transaction to its log and then the disk fails to make it last, it
/// tells of the error and counts it as not done; but it stays in the log, and whoever opens the
/// file next after a crash counts all that the log holds. What is written next takes its place
/// there, so something is written.
pub(crate) fn bury(connection: &mut AnyConnection) -> Result<(), Trouble> {
    match connection {
        // What its log holds of a commit that was not answered, the look has already found.
        AnyConnection::Postgres(_) => Ok(()),
        // Nobody uses this number; to set it writes a page, be it as it was.
        AnyConnection::Sqlite(connection) => connection
            .batch_execute("PRAGMA user_version = 0; COMMIT")
            .map_err(|error| Trouble::of(&error)),
    }
}

/// Gives up the transaction, if there is one.
pub(crate) fn roll_back(connection: &mut AnyConnection) {
    // Where this fails the connection is lost, and the transaction with it.
    if let Err(error) = connection.batch_execute("ROLLBACK") {
        log::debug!("rollback: {error}");
    }
}

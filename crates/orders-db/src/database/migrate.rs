//! Migrations: built in, and run under a lock, so that processes that start together migrate once.

use std::collections::BTreeSet;

use diesel::backend::Backend;
use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::StoreError;
use crate::database::connection::{AnyConnection, Manager, Purpose};
use crate::database::error::DbError;
use crate::database::transaction;
use crate::database::url::DatabaseUrl;

const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// Migrates the schema to the newest version. Returns how many migrations ran.
///
/// # Errors
/// - [`StoreError::TooNew`] if the database has migrations that this program does not know.
/// - [`StoreError::Unavailable`] or [`StoreError::Migration`] if it failed. The schema is unchanged.
pub fn migrate(url: &DatabaseUrl) -> Result<usize, StoreError> {
    let mut connection = Manager::new(url, Purpose::Write).open()?;
    // Usually there is nothing to do, so neither the lock nor the right to create tables is needed.
    if is_current(&mut connection)? {
        return Ok(0);
    }
    // In Diesel's own transactions, since each migration is a savepoint within them.
    match &mut connection {
        AnyConnection::Postgres(connection) => {
            connection.build_transaction().read_committed().run(|connection| {
                // Another process may be migrating, which takes longer than any write.
                connection.batch_execute("SET LOCAL lock_timeout = 60000")?;
                connection.batch_execute(transaction::POSTGRES_LOCK)?;
                run_pending(connection, POSTGRES)
            })
        }
        AnyConnection::Sqlite(connection) => {
            connection
                .batch_execute("PRAGMA busy_timeout = 60000")
                .map_err(|error| StoreError::from_read(&error))?;
            connection.immediate_transaction(|connection| run_pending(connection, SQLITE))
        }
    }
    .map_err(|MigrateError(error)| error)
}

diesel::table! {
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}

/// The versions of the migrations that this program knows.
fn versions<DB: Backend>(known: &EmbeddedMigrations) -> Result<BTreeSet<String>, StoreError>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let all = MigrationSource::<DB>::migrations(known).map_err(failed)?;
    Ok(all.iter().map(|migration| migration.name().version().to_string()).collect())
}

#[expect(clippy::needless_pass_by_value, reason = "used in map_err")]
fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Migration(error.to_string())
}

/// Returns `true` if exactly the migrations that this program knows have run.
fn is_current(connection: &mut AnyConnection) -> Result<bool, StoreError> {
    let known = match connection {
        AnyConnection::Postgres(_) => versions::<Pg>(&POSTGRES)?,
        AnyConnection::Sqlite(_) => versions::<Sqlite>(&SQLITE)?,
    };
    let run: QueryResult<Vec<String>> = __diesel_schema_migrations::table
        .select(__diesel_schema_migrations::version)
        .load(connection);
    match run {
        Ok(run) => Ok(known == run.into_iter().collect()),
        Err(error) => match DbError::from_diesel(&error) {
            error @ (DbError::Lost(_) | DbError::Locked) => Err(error.into()),
            // The table does not exist yet.
            DbError::Failed(_) | DbError::Violation(_) => Ok(false),
        },
    }
}

/// Finds the migrations that a database lacks, and those that this program does not know.
pub(crate) fn difference(
    connection: &mut AnyConnection,
) -> Result<(Vec<String>, Vec<String>), StoreError> {
    let known = match connection {
        AnyConnection::Postgres(_) => versions::<Pg>(&POSTGRES)?,
        AnyConnection::Sqlite(_) => versions::<Sqlite>(&SQLITE)?,
    };
    let run: Vec<String> = __diesel_schema_migrations::table
        .select(__diesel_schema_migrations::version)
        .load(connection)
        .map_err(|error| StoreError::from_read(&error))?;
    let run: BTreeSet<String> = run.into_iter().collect();
    let without = |all: &BTreeSet<String>, others| all.difference(others).cloned().collect();
    Ok((without(&known, &run), without(&run, &known)))
}

/// An error that ends Diesel's transaction.
struct MigrateError(StoreError);

impl From<diesel::result::Error> for MigrateError {
    fn from(error: diesel::result::Error) -> Self {
        Self(StoreError::from_read(&error))
    }
}

/// Runs pending migrations in the transaction that holds the lock, each as a savepoint.
fn run_pending<C>(connection: &mut C, known: EmbeddedMigrations) -> Result<usize, MigrateError>
where
    C: MigrationHarness<C::Backend> + Connection + 'static,
    EmbeddedMigrations: MigrationSource<C::Backend>,
{
    let failed = |error| MigrateError(failed(error));
    let applied = connection.applied_migrations().map_err(failed)?;
    let known_versions = versions::<C::Backend>(&known).map_err(MigrateError)?;
    let unknown = applied.iter().map(ToString::to_string).find(|v| !known_versions.contains(v));
    if let Some(unknown) = unknown {
        return Err(MigrateError(StoreError::TooNew(unknown)));
    }
    connection.run_pending_migrations(known).map(|run| run.len()).map_err(failed)
}

//! Migrations: built in, and run under a lock, so that processes starting together migrate once.

use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::connection::{AnyConnection, DatabaseUrl, Manager, Purpose};
use crate::{StoreError, transaction};

const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// Brings the schema up to date. Answers how many migrations it ran.
///
/// # Errors
/// [`StoreError::TooNew`] if the database has migrations that this program does not know;
/// [`StoreError::Unavailable`] or [`StoreError::Migration`] if it did not work out, in which case
/// the schema is as it was.
pub fn migrate(url: &DatabaseUrl) -> Result<usize, StoreError> {
    let mut connection = Manager::new(url, Purpose::Write).open()?;
    // Another process may be migrating, which takes longer than any write.
    let patience = match &connection {
        AnyConnection::Postgres(_) => "SET lock_timeout = 60000",
        AnyConnection::Sqlite(_) => "PRAGMA busy_timeout = 60000",
    };
    connection.batch_execute(patience).map_err(|error| StoreError::of_read(&error))?;
    transaction::begin(&mut connection).map_err(StoreError::from)?;
    let migrated = match &mut connection {
        AnyConnection::Postgres(connection) => run_pending(connection, POSTGRES),
        AnyConnection::Sqlite(connection) => run_pending(connection, SQLITE),
    };
    match migrated {
        Ok(count) => {
            connection
                .batch_execute("COMMIT")
                .map_err(|error| StoreError::Migration(error.to_string()))?;
            Ok(count)
        }
        Err(error) => {
            transaction::roll_back(&mut connection);
            Err(error)
        }
    }
}

/// Runs within the transaction that holds the lock; each migration becomes a savepoint of it.
fn run_pending<C>(connection: &mut C, known: EmbeddedMigrations) -> Result<usize, StoreError>
where
    C: MigrationHarness<C::Backend> + Connection + 'static,
    EmbeddedMigrations: MigrationSource<C::Backend>,
{
    let failed =
        |error: Box<dyn std::error::Error + Send + Sync>| StoreError::Migration(error.to_string());
    let applied = connection.applied_migrations().map_err(failed)?;
    let all = MigrationSource::<C::Backend>::migrations(&known).map_err(failed)?;
    let known_versions: Vec<_> =
        all.iter().map(|migration| migration.name().version().as_owned()).collect();
    if let Some(unknown) = applied.iter().find(|version| !known_versions.contains(version)) {
        return Err(StoreError::TooNew(unknown.to_string()));
    }
    connection.run_pending_migrations(known).map(|run| run.len()).map_err(failed)
}

//! Migrations: built in, and run under a lock, so that processes starting together migrate once.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::connection::{AnyConnection, Manager, Purpose};
use crate::error::Trouble;
use crate::url::DatabaseUrl;
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
    // Most starts find nothing to do, and need neither the lock nor the right to make tables.
    if is_current(&mut connection)? {
        return Ok(0);
    }
    // By Diesel's own transactions, since it makes each migration a savepoint within them.
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
                .map_err(|error| StoreError::of_read(&error))?;
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

/// Whether exactly the migrations that this program knows have been run.
fn is_current(connection: &mut AnyConnection) -> Result<bool, StoreError> {
    let failed =
        |error: Box<dyn std::error::Error + Send + Sync>| StoreError::Migration(error.to_string());
    let known = match connection {
        AnyConnection::Postgres(_) => MigrationSource::<Pg>::migrations(&POSTGRES)
            .map_err(failed)?
            .iter()
            .map(|migration| migration.name().version().to_string())
            .collect::<BTreeSet<String>>(),
        AnyConnection::Sqlite(_) => MigrationSource::<Sqlite>::migrations(&SQLITE)
            .map_err(failed)?
            .iter()
            .map(|migration| migration.name().version().to_string())
            .collect(),
    };
    let run: QueryResult<Vec<String>> = __diesel_schema_migrations::table
        .select(__diesel_schema_migrations::version)
        .load(connection);
    match run {
        Ok(run) => Ok(known == run.into_iter().collect()),
        Err(error) => match Trouble::of(&error) {
            trouble @ (Trouble::Lost(_) | Trouble::Locked) => Err(trouble.into()),
            // The table is not there yet.
            Trouble::Failed(_) | Trouble::Violation(_) => Ok(false),
        },
    }
}

/// Lets Diesel end the transaction by an error of ours.
struct MigrateError(StoreError);

impl From<diesel::result::Error> for MigrateError {
    fn from(error: diesel::result::Error) -> Self {
        Self(StoreError::of_read(&error))
    }
}

/// Runs within the transaction that holds the lock; each migration becomes a savepoint of it.
fn run_pending<C>(connection: &mut C, known: EmbeddedMigrations) -> Result<usize, MigrateError>
where
    C: MigrationHarness<C::Backend> + Connection + 'static,
    EmbeddedMigrations: MigrationSource<C::Backend>,
{
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        MigrateError(StoreError::Migration(error.to_string()))
    };
    let applied = connection.applied_migrations().map_err(failed)?;
    let all = MigrationSource::<C::Backend>::migrations(&known).map_err(failed)?;
    let known_versions: Vec<_> =
        all.iter().map(|migration| migration.name().version().as_owned()).collect();
    if let Some(unknown) = applied.iter().find(|version| !known_versions.contains(version)) {
        return Err(MigrateError(StoreError::TooNew(unknown.to_string())));
    }
    connection.run_pending_migrations(known).map(|run| run.len()).map_err(failed)
}

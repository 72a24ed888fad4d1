//! Migrations: built in, and run under a lock, so that processes that start together migrate once.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;

use diesel::backend::Backend;
use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::StoreError;
use crate::database::connection::{AnyConnection, Manager, Purpose};
use crate::database::process_lock::create_folder;
use crate::database::transaction;
use crate::database::url::DatabaseUrl;

const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// The schema of a database, compared with this program's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaState {
    /// There is no file, or it has no schema of this program.
    Missing,
    /// These migrations have not run.
    Outdated(Vec<String>),
    /// The schema is up to date.
    Current,
    /// A newer program ran this migration.
    TooNew(String),
}

impl SchemaState {
    /// Fails unless the schema is up to date.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Outdated`] or [`StoreError::TooNew`].
    pub fn check(self, url: &DatabaseUrl) -> Result<(), StoreError> {
        match self {
            Self::Missing => Err(StoreError::Missing(url.place())),
            Self::Outdated(_) => Err(StoreError::Outdated(url.to_string())),
            Self::TooNew(version) => Err(StoreError::TooNew(version)),
            Self::Current => Ok(()),
        }
    }
}

/// Reads the state of a schema. Creates and changes nothing.
///
/// # Errors
/// [`StoreError::Unavailable`] or [`StoreError::File`] if the database cannot be read.
pub fn schema_state(url: &DatabaseUrl) -> Result<SchemaState, StoreError> {
    match url.check_exists() {
        Err(StoreError::Missing(_)) => return Ok(SchemaState::Missing),
        checked => checked?,
    }
    state_of(&mut Manager::new(url, Purpose::Find).open()?)
}

fn state_of(connection: &mut AnyConnection) -> Result<SchemaState, StoreError> {
    let table = match connection {
        AnyConnection::Postgres(_) => {
            "SELECT count(to_regclass('__diesel_schema_migrations')) AS number"
        }
        AnyConnection::Sqlite(_) => {
            "SELECT count(*) AS number FROM sqlite_master WHERE name = '__diesel_schema_migrations'"
        }
    };
    let table: QueryResult<Number> = match connection {
        AnyConnection::Postgres(connection) => diesel::sql_query(table).get_result(connection),
        AnyConnection::Sqlite(connection) => diesel::sql_query(table).get_result(connection),
    };
    if table.map_err(|error| StoreError::from_read(&error))?.number == 0 {
        return Ok(SchemaState::Missing);
    }
    let (lacking, unknown) = difference(connection)?;
    Ok(match unknown.into_iter().next() {
        Some(newer) => SchemaState::TooNew(newer),
        None if lacking.is_empty() => SchemaState::Current,
        None => SchemaState::Outdated(lacking),
    })
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// Migrates the schema to the newest version, of a new database too. Returns how many migrations ran.
///
/// # Errors
/// - [`StoreError::TooNew`] if the database has migrations that this program does not know.
/// - [`StoreError::Unavailable`], [`StoreError::File`] or [`StoreError::Migration`] if it failed. The
///   schema is unchanged.
pub fn migrate(url: &DatabaseUrl) -> Result<usize, StoreError> {
    if let DatabaseUrl::Sqlite(path) = url {
        create_file(path)?;
    }
    let mut connection = Manager::new(url, Purpose::Write).open()?;
    // Usually there is nothing to do, so neither the lock nor the right to create tables is needed.
    if state_of(&mut connection)? == SchemaState::Current {
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

/// Creates the file of an SQLite database and its folder, unless it exists. An empty file is an empty
/// database.
fn create_file(path: &Path) -> Result<(), StoreError> {
    // Its owner may have made an existing file read-only; opening it reports that.
    if path.exists() {
        return Ok(());
    }
    create_folder(path)?;
    match OpenOptions::new().create_new(true).write(true).open(path) {
        // Another process has created it at the same time.
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(StoreError::File(format!(
            "cannot create the database {}: {error}; name another with --data-dir or --database-url",
            path.display()
        ))),
        Ok(_) | Err(_) => Ok(()),
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

//! The database of a command: which one, and what the command may do to its schema.

use std::ffi::OsString;

use orders_db::{DatabaseUrl, ProcessLock, SchemaState, StoreError, migrate, schema_state};

use super::Common;

impl Common {
    /// The URL of the database.
    pub(crate) fn database(&self) -> Result<DatabaseUrl, StoreError> {
        #[expect(clippy::disallowed_methods, reason = "settings are read here")]
        let usual = std::env::var_os("DATABASE_URL").filter(|url| !url.is_empty());
        let url = self.database_url.clone().map(OsString::from).or(usual);
        match url.map(OsString::into_string) {
            Some(Ok(url)) => DatabaseUrl::parse(&url),
            Some(Err(_)) => Err(StoreError::Url("DATABASE_URL is not UTF-8".to_owned())),
            None => Ok(DatabaseUrl::Sqlite(self.data_dir.join("orders.db"))),
        }
    }
}

/// For a command that uses a database as it is.
pub(crate) fn lock_existing(database: &DatabaseUrl) -> Result<ProcessLock, StoreError> {
    // Before the lock, which creates a file.
    database.check_exists()?;
    let lock = ProcessLock::shared(database)?;
    schema_state(database)?.check(database)?;
    Ok(lock)
}

/// For a command that creates a missing database, but changes no schema.
pub(crate) fn lock_or_create(database: &DatabaseUrl) -> Result<ProcessLock, StoreError> {
    let lock = ProcessLock::shared(database)?;
    let state = schema_state(database)?;
    if state == SchemaState::Missing {
        migrate(database)?;
        log::info!("created the database: {database}");
    } else {
        state.check(database)?;
    }
    Ok(lock)
}

/// For a command that creates a missing database and brings its schema up to date.
pub(crate) fn lock_and_migrate(database: &DatabaseUrl) -> Result<ProcessLock, StoreError> {
    let lock = ProcessLock::shared(database)?;
    let is_missing = schema_state(database)? == SchemaState::Missing;
    let run = migrate(database)?;
    if is_missing && run > 0 {
        log::info!("created the database: {database}");
    }
    log::info!("{database}: schema up to date, {run} migrations run");
    Ok(lock)
}

/// Describes what [`lock_and_migrate`] would do. Changes nothing.
pub(crate) fn describe_migration(database: &DatabaseUrl) -> Result<String, StoreError> {
    Ok(match schema_state(database)? {
        SchemaState::Missing => format!("{database}: the database would be created\n"),
        SchemaState::Current => format!("{database}: the schema is up to date\n"),
        SchemaState::Outdated(lacking) => {
            let lines = lacking.iter().map(|version| format!("{version} would be run\n"));
            format!("{database}: the schema is older\n{}", lines.collect::<String>())
        }
        newer @ SchemaState::TooNew(_) => return newer.check(database).map(|()| String::new()),
    })
}

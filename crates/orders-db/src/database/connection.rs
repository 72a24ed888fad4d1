//! Connections: opened by the scheme of the database's URL, each with its time limits set.
#![expect(clippy::disallowed_methods, reason = "this is the place that opens connections")]

use std::error::Error;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::StoreError;
use crate::database::error::{DbError, one_line};
use crate::database::url::{DatabaseUrl, sqlite_name};

/// A connection to either database.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    /// To PostgreSQL.
    Postgres(PgConnection),
    /// To SQLite.
    Sqlite(SqliteConnection),
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The writer, migrations.
    Write,
    /// Reads of few rows by key.
    Find,
    /// Reads of many rows.
    List,
}

/// Opens connections, alone or for an `r2d2` pool.
#[derive(Debug, Clone)]
pub(crate) struct Manager {
    pub(crate) url: DatabaseUrl,
    pub(crate) purpose: Purpose,
}

/// How long a connection waits for the lock of the database.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(4);

impl Manager {
    pub(crate) fn new(url: &DatabaseUrl, purpose: Purpose) -> Self {
        Self { url: url.clone(), purpose }
    }

    pub(crate) fn open(&self) -> Result<AnyConnection, StoreError> {
        match &self.url {
            DatabaseUrl::Postgres(url) => self.open_postgres(url).map(AnyConnection::Postgres),
            DatabaseUrl::Sqlite(path) => self.open_sqlite(path).map(AnyConnection::Sqlite),
        }
    }

    fn open_postgres(&self, url: &str) -> Result<PgConnection, StoreError> {
        let statement_timeout = match self.purpose {
            Purpose::Write => 30_000,
            Purpose::Find | Purpose::List => 10_000,
        };
        // Always plans by key. A plan chosen on an empty table stays with its prepared statement.
        let plans = match self.purpose {
            Purpose::Write | Purpose::Find => {
                "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off;"
            }
            // Lists are read from an index in order. Sorting and parallel workers would only cost time.
            Purpose::List => {
                "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off;
                 SET enable_bitmapscan = off; SET enable_sort = off;
                 SET max_parallel_workers_per_gather = 0; SET default_transaction_read_only = on;"
            }
        };
        let lock_timeout = LOCK_TIMEOUT.as_millis();
        let limited = with_limits(url);
        let mut connection = PgConnection::establish(&limited).map_err(|error| {
            // libpq quotes the URL where it cannot read it.
            let shown = self.url.without_password().unwrap_or_default();
            let text = error.to_string().replace(&limited, &shown);
            let lines: Vec<String> = text.lines().map(one_line).collect();
            let text = lines.join("; ");
            if text.starts_with("invalid ") || text.contains(" in URI") {
                return StoreError::Url(format!("the database URL cannot be read: {text}"));
            }
            StoreError::Unavailable(text)
        })?;
        connection
            .batch_execute(&format!(
                "SET client_encoding = 'UTF8';
                 SET statement_timeout = {statement_timeout};
                 SET lock_timeout = {lock_timeout};
                 SET idle_in_transaction_session_timeout = 5000;
                 SET default_transaction_isolation = 'read committed';
                 -- Planning a statement for each set of values takes longer than running it, and
                 -- there is only one plan.
                 SET plan_cache_mode = force_generic_plan;
                 -- A disabled plan that cannot be avoided gets so high a cost that PostgreSQL
                 -- would compile it, which takes a hundred times as long as running it.
                 SET jit = off;
                 {plans}
                 DO $$ BEGIN
                     IF current_setting('server_version_num')::int < 140000 THEN
                         RAISE EXCEPTION 'PostgreSQL 14 or newer is needed, this is %',
                             current_setting('server_version');
                     END IF;
                     -- Errors are told apart by their text; only a superuser may choose it.
                     PERFORM set_config('lc_messages', 'C', false);
                 EXCEPTION WHEN insufficient_privilege THEN NULL;
                 END $$"
            ))
            .map_err(|error| StoreError::Unavailable(one_line(&error.to_string())))?;
        Ok(connection)
    }

    fn open_sqlite(&self, path: &Path) -> Result<SqliteConnection, StoreError> {
        let failed = |error: &dyn Error| cannot_open(path, &error.to_string());
        let mut connection =
            SqliteConnection::establish(&sqlite_name(path)).map_err(|error| failed(&error))?;
        let busy_timeout = LOCK_TIMEOUT.as_millis();
        let mode = match self.purpose {
            Purpose::Write => "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
            Purpose::Find | Purpose::List => "PRAGMA query_only = ON;",
        };
        // The writer touches pages all over its indexes, which grow with the number of orders.
        let cache_kib = match self.purpose {
            Purpose::Write => 32 * 1024,
            Purpose::Find => 8 * 1024,
            Purpose::List => 2 * 1024,
        };
        connection
            .batch_execute(&format!(
                "PRAGMA busy_timeout = {busy_timeout};
                 PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 1000;
                 PRAGMA cache_size = -{cache_kib};"
            ))
            .map_err(|error| failed(&error))?;
        // After the timeout was set: preparing any statement reads the schema, for which it waits.
        let library: LibraryVersion = diesel::sql_query("SELECT sqlite_version() AS version")
            .get_result(&mut connection)
            .map_err(|error| failed(&error))?;
        library.check()?;
        // Processes that create a file at the same time block each other here, and SQLite does not
        // wait for the switch to WAL as it waits for other locks.
        let deadline = Instant::now() + LOCK_TIMEOUT;
        while let Err(error) = connection.batch_execute(mode) {
            if DbError::from_diesel(&error) != DbError::Locked || Instant::now() > deadline {
                return Err(failed(&error));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(connection)
    }
}

/// Why SQLite cannot open a file. The system knows the cause better than SQLite.
fn cannot_open(path: &Path, why: &str) -> StoreError {
    let file = path.display();
    match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => StoreError::Missing(file.to_string()),
        Err(error) => StoreError::File(format!(
            "cannot open the database {file}: {error}; give this user access to it, or name another \
             with --data-dir or --database-url"
        )),
        Ok(_) if why.contains("file is not a database") => StoreError::File(format!(
            "{file} is not an SQLite database; name another with --data-dir or --database-url"
        )),
        Ok(_) => StoreError::Unavailable(format!("{file}: {why}")),
    }
}

/// Adds the limits that only the connection string can set, where it does not set them itself.
fn with_limits(url: &str) -> String {
    const LIMITS: [(&str, &str); 7] = [
        ("connect_timeout", "2"),
        ("tcp_user_timeout", "4000"),
        ("keepalives_idle", "5"),
        ("keepalives_interval", "2"),
        ("keepalives_count", "3"),
        ("application_name", "orders-api"),
        // A session on a standby could not write.
        ("target_session_attrs", "read-write"),
    ];
    let mut limited = url.to_owned();
    for (name, value) in LIMITS {
        if !url.contains(&format!("{name}=")) {
            limited.push(if limited.contains('?') { '&' } else { '?' });
            limited.extend([name, "=", value]);
        }
    }
    limited
}

#[derive(QueryableByName)]
struct LibraryVersion {
    #[diesel(sql_type = Text)]
    version: String,
}

impl LibraryVersion {
    /// Rejects SQLite before 3.51.3, where two connections that write and checkpoint at the same time
    /// can corrupt a WAL database.
    fn check(self) -> Result<(), StoreError> {
        let numbers = self.version.split('.').filter_map(|part| part.parse::<u32>().ok());
        if numbers.lt([3, 51, 3]) {
            return Err(StoreError::FaultyLibrary(self.version));
        }
        Ok(())
    }
}

/// A connection in a pool.
pub(crate) struct Pooled {
    pub(crate) connection: AnyConnection,
    /// Whether it has run a query.
    pub(crate) was_used: bool,
    /// Whether the last query found the connection lost.
    pub(crate) is_lost: bool,
}

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = StoreError;

    fn connect(&self) -> Result<Pooled, StoreError> {
        Ok(Pooled { connection: self.open()?, was_used: false, is_lost: false })
    }

    fn is_valid(&self, pooled: &mut Pooled) -> Result<(), StoreError> {
        let result = pooled.connection.batch_execute("SELECT 1");
        result.map_err(|error| StoreError::from_read(&error))
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        // A panic during a query leaves the connection in an unknown state.
        pooled.is_lost || std::thread::panicking()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_added_where_the_url_has_none() {
        let limited = with_limits("postgres://h/d?connect_timeout=9");
        assert!(limited.starts_with("postgres://h/d?connect_timeout=9&tcp_user_timeout="));
        assert!(with_limits("postgres://h/d").starts_with("postgres://h/d?connect_timeout=2&"));
    }
}

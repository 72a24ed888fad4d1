//! Raw SQL, past the service: what a stray client of the database could do.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{
    Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types,
};

/// A connection to either database.
pub enum Sql {
    /// To a SQLite file.
    Sqlite(SqliteConnection),
    /// To PostgreSQL.
    Postgres(PgConnection),
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = sql_types::BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Text {
    #[diesel(sql_type = sql_types::Text)]
    text: String,
}

impl Sql {
    /// Connects to PostgreSQL.
    pub(crate) fn connect(url: &str) -> Self {
        let mut tries = 0;
        loop {
            match PgConnection::establish(url) {
                Ok(connection) => return Self::Postgres(connection),
                // A crowd at the door passes; anything else would still be so after a minute.
                Err(error) => assert!(tries < 600, "{url}: {error}"),
            }
            tries += 1;
            sleep(Duration::from_millis(100));
        }
    }

    /// Opens a SQLite file.
    ///
    /// # Panics
    /// If it cannot be opened.
    #[must_use]
    pub fn open(file: &Path) -> Self {
        let path = file.to_str().expect("the path is text");
        let mut connection = SqliteConnection::establish(path).unwrap();
        connection.batch_execute("PRAGMA busy_timeout = 60000; PRAGMA foreign_keys = ON").unwrap();
        Self::Sqlite(connection)
    }

    /// Runs statements.
    ///
    /// # Errors
    /// The error of the database.
    pub fn run(&mut self, statements: &str) -> Result<(), String> {
        match self {
            Self::Sqlite(connection) => connection.batch_execute(statements),
            Self::Postgres(connection) => connection.batch_execute(statements),
        }
        .map_err(|error| error.to_string())
    }

    /// Has PostgreSQL count the statements of this database from now on. Those of others stay counted:
    /// other tests use the same server.
    ///
    /// # Panics
    /// If the extension that counts is not there.
    pub fn count_statements_anew(&mut self) {
        let reset = "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database \
                     WHERE datname = current_database()";
        self.run(reset).expect("what was counted can be forgotten");
    }

    /// The one number that a query returns in a column named `number`.
    ///
    /// # Panics
    /// If it returns anything else.
    #[must_use]
    pub fn number(&mut self, query: &str) -> i64 {
        let row: Number = match self {
            Self::Sqlite(connection) => sql_query(query).get_result(connection),
            Self::Postgres(connection) => sql_query(query).get_result(connection),
        }
        .unwrap_or_else(|error| panic!("{query}: {error}"));
        row.number
    }

    /// The texts that a query returns in a column named `text`.
    ///
    /// # Panics
    /// If it returns anything else.
    #[must_use]
    pub fn texts(&mut self, query: &str) -> Vec<String> {
        let rows: Vec<Text> = match self {
            Self::Sqlite(connection) => sql_query(query).load(connection),
            Self::Postgres(connection) => sql_query(query).load(connection),
        }
        .unwrap_or_else(|error| panic!("{query}: {error}"));
        rows.into_iter().map(|row| row.text).collect()
    }
}

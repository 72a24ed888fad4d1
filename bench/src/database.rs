//! Fresh databases of both kinds, and copies of them.

use std::cell::Cell;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use serde::Serialize;

use crate::cluster::Cluster;
use crate::supervisor::Supervisor;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

pub(crate) const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

/// Creates databases with unique names.
pub(crate) struct Databases<'a> {
    supervisor: &'a Supervisor,
    cluster: Cluster<'a>,
    next: Cell<u32>,
}

/// A database. Dropping it removes it.
pub(crate) enum Database<'a> {
    Sqlite { dir: PathBuf },
    Postgres { cluster: &'a Cluster<'a>, name: String },
}

impl<'a> Databases<'a> {
    /// On a PostgreSQL server with these settings, each `NAME=VALUE`.
    pub(crate) fn new(supervisor: &'a Supervisor, settings: &[String]) -> io::Result<Self> {
        Ok(Self { supervisor, cluster: Cluster::start(supervisor, settings)?, next: Cell::new(0) })
    }

    pub(crate) fn fresh(&self, engine: Engine) -> io::Result<Database<'_>> {
        match engine {
            Engine::Sqlite => self.fresh_dir(),
            Engine::Postgres => self.fresh_postgres("template1"),
        }
    }

    /// Copies a database that is not in use.
    pub(crate) fn copy(&self, original: &Database<'_>) -> io::Result<Database<'_>> {
        match original {
            Database::Sqlite { dir } => {
                let copy = self.fresh_dir()?;
                if let Database::Sqlite { dir: to } = &copy {
                    // Includes the WAL, if there is one.
                    for entry in fs::read_dir(dir)? {
                        let entry = entry?;
                        fs::copy(entry.path(), to.join(entry.file_name()))?;
                    }
                }
                Ok(copy)
            }
            Database::Postgres { name, .. } => self.fresh_postgres(name),
        }
    }

    fn fresh_dir(&self) -> io::Result<Database<'_>> {
        let dir = self.supervisor.dir().join(self.next_name());
        fs::create_dir(&dir)?;
        Ok(Database::Sqlite { dir })
    }

    fn fresh_postgres(&self, template: &str) -> io::Result<Database<'_>> {
        let name = self.next_name();
        self.cluster.run(&format!("CREATE DATABASE {name} TEMPLATE {template}"))?;
        Ok(Database::Postgres { cluster: &self.cluster, name })
    }

    fn next_name(&self) -> String {
        self.next.set(self.next.get() + 1);
        format!("bench{}", self.next.get())
    }
}

impl Engine {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }

    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

impl Database<'_> {
    /// The path of a program of the same PostgreSQL installation.
    pub(crate) fn program(&self, name: &str) -> io::Result<PathBuf> {
        match self {
            Self::Sqlite { .. } => Err(io::Error::other("SQLite has no programs")),
            Self::Postgres { cluster, .. } => Ok(cluster.program(name)),
        }
    }

    /// Runs statements in it.
    pub(crate) fn run(&self, statements: &str) -> io::Result<()> {
        match self {
            Self::Sqlite { .. } => rusqlite::Connection::open(self.url())
                .and_then(|connection| connection.execute_batch(statements))
                .map_err(io::Error::other),
            Self::Postgres { .. } => PgConnection::establish(&self.url())
                .map_err(io::Error::other)?
                .batch_execute(statements)
                .map_err(io::Error::other),
        }
    }

    /// Brings it to the state of a server that has run for a while: writes everything from earlier
    /// runs to disk, so that no run pays for another, and reads the files into memory.
    pub(crate) fn flush_and_warm(&self) -> io::Result<()> {
        let dir = match self {
            Self::Sqlite { dir } => dir.clone(),
            Self::Postgres { cluster, name } => {
                cluster.run("CHECKPOINT")?;
                cluster.tables(name)?
            }
        };
        rustix::fs::sync();
        read_all(&dir)
    }

    /// The process of the database server, or `None` if there is none.
    pub(crate) fn server_id(&self) -> Option<u32> {
        match self {
            Self::Sqlite { .. } => None,
            Self::Postgres { cluster, .. } => Some(cluster.server_id()),
        }
    }

    /// Its URL or, for SQLite, its path.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite { dir } => dir.join("orders.db").display().to_string(),
            Self::Postgres { cluster, name } => cluster.url(name),
        }
    }
}

/// Reads all files into the page cache.
fn read_all(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            read_all(&path)?;
            continue;
        }
        match File::open(path) {
            Ok(mut file) => drop(io::copy(&mut file, &mut io::sink())?),
            // PostgreSQL has removed it in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        // Whatever is left is removed with the supervisor's directory.
        match self {
            Self::Sqlite { dir } => drop(fs::remove_dir_all(dir)),
            Self::Postgres { cluster, name } => {
                drop(cluster.run(&format!("DROP DATABASE {name} WITH (FORCE)")));
            }
        }
    }
}

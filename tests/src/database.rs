//! The two databases, and throwaway instances of each.

use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, fs};

use crate::cluster::{Cluster, cluster};
use crate::sql::Sql;
use crate::{binary, guard};

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// SQLite, in a file.
    Sqlite,
    /// PostgreSQL, in a cluster of this process's own.
    Postgres,
}

/// A fresh database and a directory, both gone when the last handle is dropped.
#[derive(Clone)]
pub struct Scratch(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    name: String,
    cluster: Option<&'static Cluster>,
    _turn: Option<Turn>,
}

impl Database {
    /// Creates an empty database.
    ///
    /// # Panics
    /// If it cannot be created, for example because PostgreSQL is not installed.
    #[must_use]
    pub fn fresh(self) -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (cluster, turn) = match self {
            Self::Sqlite => (None, None),
            Self::Postgres => (Some(cluster()), Some(Turn::wait())),
        };
        let name = format!("scratch{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = guard::dir().join(&name);
        fs::DirBuilder::new().mode(0o700).create(&dir).unwrap();
        if let Some(cluster) = cluster {
            let mut admin = Sql::connect(&cluster.url("postgres"));
            admin.run(&format!("CREATE DATABASE {name}")).unwrap();
        }
        Scratch(Arc::new(Inner { dir, name, cluster, _turn: turn }))
    }
}

impl Scratch {
    /// The URL of the database.
    #[must_use]
    pub fn url(&self) -> String {
        match self.0.cluster {
            Some(cluster) => cluster.url(&self.0.name),
            None => format!("sqlite://{}", self.file().display()),
        }
    }

    /// The file of a SQLite database.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.0.dir.join("orders.db")
    }

    /// A directory of this database's own.
    #[must_use]
    pub fn dir(&self) -> &std::path::Path {
        &self.0.dir
    }

    /// Opens a direct connection, as a foreign client would.
    #[must_use]
    pub fn sql(&self) -> Sql {
        match self.0.cluster {
            Some(cluster) => Sql::connect(&cluster.url(&self.0.name)),
            None => Sql::open(&self.file()),
        }
    }

    /// Runs a command of the program on this database to its end.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> binary::Run {
        binary::orders_api(self.dir(), &[("ORDERS_DATABASE_URL", &self.url())], arguments)
    }

    /// Runs a command of the program on this database, and kills it after a time; answers the run
    /// if it had ended by itself.
    #[must_use]
    pub fn run_killed(&self, arguments: &[&str], after: Duration) -> Option<binary::Run> {
        let variables = [("ORDERS_DATABASE_URL", &*self.url())];
        binary::killed_after(self.dir(), &variables, arguments, after)
    }

    /// Runs a command of the program on this database, and interrupts it once `is_time` returns
    /// `true`.
    #[must_use]
    pub fn run_interrupted(
        &self,
        arguments: &[&str],
        is_time: impl FnMut() -> bool,
    ) -> binary::Run {
        let variables = [("ORDERS_DATABASE_URL", &*self.url())];
        binary::interrupted(self.dir(), &variables, arguments, is_time)
    }

    /// Writes a file beside the database and returns its path.
    ///
    /// # Panics
    /// If it cannot be written.
    #[must_use]
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.dir().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// Checks that PostgreSQL reported no deadlock and no crash in this database.
    ///
    /// # Panics
    /// If it did.
    pub fn assert_calm(&self) {
        if let Some(cluster) = self.0.cluster {
            let log = cluster.log(&self.0.name);
            for trouble in ["deadlock", "PANIC", "could not serialize", "out of shared memory"] {
                assert!(!log.contains(trouble), "{trouble} in the log of PostgreSQL:\n{log}");
            }
        }
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(cluster) = self.cluster {
            let mut admin = Sql::connect(&cluster.url("postgres"));
            // What is left goes with the cluster.
            drop(admin.run(&format!("DROP DATABASE {} WITH (FORCE)", self.name)));
        }
        drop(fs::remove_dir_all(&self.dir));
    }
}

/// A permit to use the cluster. Limits how many tests use it at once, so that its connections
/// suffice, even on a machine with many cores.
struct Turn;

const TURNS: u32 = 8;
static TAKEN: Mutex<u32> = Mutex::new(0);
static GIVEN_BACK: Condvar = Condvar::new();

impl Turn {
    fn wait() -> Self {
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = GIVEN_BACK
            .wait_while(taken, |taken| *taken >= TURNS)
            .unwrap_or_else(PoisonError::into_inner);
        *taken += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        GIVEN_BACK.notify_one();
    }
}

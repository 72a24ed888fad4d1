//! A throwaway PostgreSQL cluster with default settings. Unlike the tests' clusters it syncs to
//! disk, because syncs are a large part of the cost of a write.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::sql_types::{Oid, Text};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_query};
use rustix::process::{Signal, geteuid};

use crate::supervisor::{Supervised, Supervisor};

const START_TIMEOUT: Duration = Duration::from_mins(1);

pub(crate) struct Cluster<'a> {
    port: u16,
    bin: PathBuf,
    /// Contains a directory for each database.
    tables: PathBuf,
    /// Stops when dropped.
    server: Supervised<'a>,
}

impl<'a> Cluster<'a> {
    /// Starts a cluster with these settings, each `NAME=VALUE`.
    pub(crate) fn start(supervisor: &'a Supervisor, settings: &[String]) -> io::Result<Self> {
        let bin = binaries().ok_or_else(|| io::Error::other("PostgreSQL is not installed"))?;
        let dir = supervisor.dir().join("postgres");
        fs::create_dir(&dir)?;
        // PostgreSQL refuses to run as root.
        let user = if geteuid().is_root() { Some(unprivileged_user()?) } else { None };
        if let Some((uid, gid)) = user {
            chown(&dir, Some(uid), Some(gid))?;
        }
        let as_user = |program: &str| {
            let mut command = Command::new(bin.join(program));
            command.current_dir(&dir);
            if let Some((uid, gid)) = user {
                command.uid(uid).gid(gid);
            }
            command
        };

        let initdb = as_user("initdb")
            .args(["--pgdata=data", "--username=orders", "--auth=trust", "--no-sync"])
            .args(["--encoding=UTF8", "--locale=C"])
            .output()?;
        if !initdb.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&initdb.stderr).into_owned()));
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = dir.join("log");
        let mut postgres = as_user("postgres");
        postgres
            .args(["-D", "data", "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", &format!("port={port}"), "-c", "unix_socket_directories="])
            .args(settings.iter().flat_map(|setting| ["-c", setting]))
            .stdout(Stdio::null())
            .stderr(File::create(&log)?);
        // SIGINT is a fast shutdown: it ends the sessions, then the server.
        let mut server = supervisor.spawn(&mut postgres, Signal::INT)?;
        wait_until_ready(&mut server, port, &log)?;
        Ok(Self { port, bin, tables: dir.join("data/base"), server })
    }

    /// The server's process, whose children are its sessions.
    pub(crate) fn server_id(&self) -> u32 {
        self.server.id()
    }

    /// The directory of a database's tables.
    pub(crate) fn tables(&self, database: &str) -> io::Result<PathBuf> {
        let number: Number = sql_query("SELECT oid FROM pg_database WHERE datname = $1")
            .bind::<Text, _>(database)
            .get_result(&mut self.connect()?)
            .map_err(io::Error::other)?;
        Ok(self.tables.join(number.oid.to_string()))
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://orders@127.0.0.1:{}/{database}", self.port)
    }

    /// A program of the same installation, or else of PATH.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        // The file found may be a link.
        let server = self.bin.join("postgres").canonicalize().unwrap_or_default();
        let beside = server.with_file_name(name);
        if beside.is_file() { beside } else { PathBuf::from(name) }
    }

    /// Runs a statement in the `postgres` database.
    pub(crate) fn run(&self, statement: &str) -> io::Result<()> {
        self.connect()?.batch_execute(statement).map_err(io::Error::other)
    }

    fn connect(&self) -> io::Result<PgConnection> {
        PgConnection::establish(&self.url("postgres")).map_err(io::Error::other)
    }
}

/// The name of a database's directory.
#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = Oid)]
    oid: u32,
}

fn wait_until_ready(server: &mut Supervised<'_>, port: u16, log: &Path) -> io::Result<()> {
    let url = format!("postgres://orders@127.0.0.1:{port}/postgres");
    let until = Instant::now() + START_TIMEOUT;
    while PgConnection::establish(&url).is_err() {
        if server.child().try_wait()?.is_some() || Instant::now() > until {
            let log = fs::read_to_string(log).unwrap_or_default();
            return Err(io::Error::other(format!("PostgreSQL does not start:\n{log}")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The directory of PostgreSQL's programs: from PATH, or else the newest that Debian installed.
fn binaries() -> Option<PathBuf> {
    let has_both = |dir: &PathBuf| dir.join("initdb").is_file() && dir.join("postgres").is_file();
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).find(has_both).or_else(|| {
        let version = |dir: &PathBuf| dir.file_name()?.to_str()?.parse::<u32>().ok();
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|dir| dir.path());
        let newest = versions.filter(|dir| has_both(&dir.join("bin"))).max_by_key(version)?;
        Some(newest.join("bin"))
    })
}

/// User and group id of `postgres`, or else of `nobody`.
fn unprivileged_user() -> io::Result<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd")?;
    let ids = |name: &str| {
        let fields: Vec<&str> = users
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields.first() == Some(&name))?;
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    };
    ids("postgres")
        .or_else(|| ids("nobody"))
        .ok_or_else(|| io::Error::other("PostgreSQL needs a user postgres or nobody to run as"))
}

//! PostgreSQL servers of a test's own, which may be stopped, frozen, copied and promoted.

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use crate::cluster::{installed, unprivileged_user};
use crate::{Sql, guard};

/// A server and its data, both gone when this is dropped.
#[derive(Debug)]
pub struct Postgres {
    bin: PathBuf,
    dir: PathBuf,
    data: PathBuf,
    port: u16,
    running: Option<Child>,
}

impl Postgres {
    /// A fresh server that runs.
    ///
    /// # Panics
    /// If it cannot be created.
    #[must_use]
    pub fn fresh() -> Self {
        Self::unmade().make(&[])
    }

    /// A fresh server that accepts connections by TLS only.
    ///
    /// # Panics
    /// If it cannot be created.
    #[must_use]
    pub fn fresh_with_tls(certificate: &Path, key: &Path) -> Self {
        let mut made = Self::fresh();
        made.stop(false);
        for (from, to) in [(certificate, "server.crt"), (key, "server.key")] {
            let to = made.data.join(to);
            fs::copy(from, &to).unwrap();
            // The server rejects a key that others could read.
            fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
            give_to_server(&to);
        }
        fs::write(made.data.join("pg_hba.conf"), "hostssl all all 127.0.0.1/32 trust\n").unwrap();
        let settings = made.data.join("postgresql.conf");
        writeln!(File::options().append(true).open(settings).unwrap(), "ssl = on").unwrap();
        made.start();
        made
    }

    /// The same on a disk of its own, with the log of its writes or without that.
    ///
    /// # Panics
    /// If it cannot be created.
    #[must_use]
    pub fn fresh_on(disk: &Path, with_log_of_writes: bool) -> Self {
        let mut made = Self::unmade();
        made.data = disk.join("data");
        give_to_server(disk);
        let elsewhere = made.dir.join("log-of-writes").display().to_string();
        let more = ["--wal-segsize=1", "-X", &elsewhere];
        made.make(if with_log_of_writes { &more[..1] } else { &more })
    }

    fn make(mut self, more: &[&str]) -> Self {
        let data = self.data.to_str().expect("a path of ours is UTF-8");
        let initdb = ["-D", data, "-U", "orders", "-A", "trust", "-N", "-E", "UTF8", "--locale=C"];
        self.run("initdb", &[&initdb, more].concat());
        self.start();
        self.sql("postgres").run("CREATE DATABASE orders").expect("a database is made");
        self
    }

    /// A copy of this server that follows it; this one then acknowledges nothing that the copy does
    /// not have.
    ///
    /// # Panics
    /// If it cannot be created.
    #[must_use]
    pub fn standby(&self) -> Self {
        let mut standby = Self::unmade();
        let source =
            format!("host=127.0.0.1 port={} user=orders application_name=standby", self.port);
        let data = standby.data.to_str().expect("a path of ours is UTF-8");
        // -R configures the standby to follow the primary.
        standby
            .run("pg_basebackup", &["-d", &source, "-D", data, "-R", "-X", "stream", "-c", "fast"]);
        standby.start();
        let mut sql = self.sql("postgres");
        sql.run("ALTER SYSTEM SET synchronous_standby_names = 'standby'").expect("it is set");
        assert_eq!(sql.number("SELECT pg_reload_conf()::int::bigint AS number"), 1);
        let followed =
            "SELECT count(*) AS number FROM pg_stat_replication WHERE sync_state = 'sync'";
        let deadline = Instant::now() + Duration::from_secs(30);
        while sql.number(followed) != 1 {
            assert!(Instant::now() < deadline, "it is not followed:\n{}", standby.log());
            sleep(Duration::from_millis(20));
        }
        standby
    }

    /// The URL of the database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://orders@127.0.0.1:{}/orders", self.port)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A connection to one of its databases.
    #[must_use]
    pub fn sql(&self, database: &str) -> Sql {
        Sql::connect(&format!("postgres://orders@127.0.0.1:{}/{database}", self.port))
    }

    /// Starts it, and waits until it takes connections.
    ///
    /// # Panics
    /// If it does not within half a minute.
    pub fn start(&mut self) {
        let log = File::options().append(true).create(true).open(self.dir.join("log")).unwrap();
        let child = self
            .command("postgres")
            .arg("-D")
            .arg(&self.data)
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
            .args(["-c", &format!("port={}", self.port), "-c", "max_connections=100"])
            .arg("-c")
            .arg(format!("unix_socket_directories={}", self.dir.display()))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        guard::began(child.id());
        self.running = Some(child);
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let state = fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
            let ours = state.lines().next().and_then(|line| line.trim().parse().ok())
                == self.running.as_ref().map(Child::id);
            let status = state.lines().nth(7).map(str::trim);
            if ours && matches!(status, Some("ready" | "standby")) {
                return;
            }
            assert!(Instant::now() < deadline, "it does not start:\n{}", self.log());
            sleep(Duration::from_millis(20));
        }
    }

    /// Ends it: in order, or at once, as a crash does.
    ///
    /// # Panics
    /// If it runs not.
    pub fn stop(&mut self, at_once: bool) {
        let mut child = self.running.take().expect("it runs");
        let signal = if at_once { Signal::QUIT } else { Signal::INT };
        kill_process(Pid::from_child(&child), signal).expect("it can be signalled");
        child.wait().unwrap();
        guard::ended(child.id());
    }

    /// Stops all its processes where they are.
    pub fn freeze(&self) {
        self.signal_all(Signal::STOP);
    }

    /// Resumes them.
    pub fn thaw(&self) {
        self.signal_all(Signal::CONT);
    }

    /// Makes a standby one that takes writes.
    ///
    /// # Panics
    /// If it does not become one.
    pub fn promote(&self) {
        let promoted = "SELECT pg_promote(true, 30)::int::bigint AS number";
        assert_eq!(self.sql("postgres").number(promoted), 1);
    }

    /// Signals the server and all its child processes.
    fn signal_all(&self, signal: Signal) {
        let Some(server) = &self.running else { return };
        let id = server.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let children = children.unwrap_or_default();
        let children = children.split_whitespace().filter_map(|child| child.parse().ok());
        // The server first, so that it starts no more of them; it has one thread.
        for id in std::iter::once(id.cast_signed()).chain(children) {
            if let Some(process) = Pid::from_raw(id) {
                let sent = kill_process(process, signal);
                // One of them may have ended by itself.
                assert!(matches!(sent, Ok(()) | Err(Errno::SRCH)), "{sent:?}");
            }
        }
    }

    fn unmade() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let bin = installed();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir =
            std::env::temp_dir().join(format!("orders-tests-own-{}-{number}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        give_to_server(&dir);
        guard::will_remove(&dir);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = dir.join("data");
        Self { bin, dir, data, port, running: None }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let ended = self.command(program).args(arguments).output().expect("it starts");
        assert!(ended.status.success(), "{program}: {}", String::from_utf8_lossy(&ended.stderr));
    }

    fn command(&self, program: &str) -> Command {
        // Debian has the programs of clients elsewhere, too.
        let beside = self.bin.join(program);
        let found = if beside.is_file() { beside } else { PathBuf::from(program) };
        let mut command = Command::new(found);
        command.current_dir(Path::new("/")).stdin(Stdio::null());
        if let Some((uid, gid)) = other_user() {
            command.uid(uid).gid(gid);
        }
        command
    }
}

/// Makes a file or directory the server's own.
fn give_to_server(path: &Path) {
    if let Some((uid, gid)) = other_user() {
        chown(path, Some(uid), Some(gid)).unwrap();
    }
}

/// The server refuses to run as root.
fn other_user() -> Option<(u32, u32)> {
    rustix::process::geteuid().is_root().then(unprivileged_user)
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.running.is_some() {
            self.thaw();
            self.stop(true);
        }
        drop(fs::remove_dir_all(&self.dir));
    }
}

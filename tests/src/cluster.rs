//! One throwaway PostgreSQL cluster for each test process, gone when the process is.

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::thread::sleep;
use std::time::Duration;
use std::{env, fs};

/// Makes a cluster, runs it, and ends and removes it when standard input closes, which happens
/// however the test process ends, also by SIGKILL.
const SCRIPT: &str = r#"
bin=$1 dir=$2 port=$3
exec 3<&0
"$bin/initdb" --pgdata="$dir/data" --username=orders --auth=trust --no-sync \
    --encoding=UTF8 --locale=C --no-instructions >"$dir/log" 2>&1 || { echo FATAL >>"$dir/log"; }
"$bin/postgres" -D "$dir/data" -c listen_addresses=127.0.0.1 -c "port=$port" \
    -c "unix_socket_directories=$dir" -c max_connections=300 -c fsync=off \
    -c shared_preload_libraries=pg_stat_statements -c "log_line_prefix=%d %p " >>"$dir/log" 2>&1 </dev/null &
server=$!
( read -r _; kill -QUIT "$server" ) <&3 &
wait "$server"
kill "$!" 2>/dev/null
rm -rf "$dir"
"#;

/// A running cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    dir: PathBuf,
    port: u16,
    /// What holds the cluster up: it goes down when this closes.
    _pipe: Mutex<ChildStdin>,
}

/// The cluster of this process, or why there is none.
pub(crate) fn cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    CLUSTER.get_or_init(|| installed().map(|bin| start(&bin))).as_ref()
}

/// Where PostgreSQL is installed; says so, or fails, where it is not.
pub(crate) fn installed() -> Option<PathBuf> {
    let found = binaries();
    if found.is_none() {
        tell_what_is_left_out();
    }
    found
}

fn tell_what_is_left_out() {
    let why = "no PostgreSQL is installed (no initdb on PATH or in /usr/lib/postgresql)";
    let required = env::var_os("ORDERS_TESTS_REQUIRE_POSTGRES");
    assert!(required.is_none_or(|value| value != "1"), "{why}");
    // Written, not printed: libtest captures what is printed.
    let line = format!("LEFT OUT: every test of this program on PostgreSQL, because {why}");
    writeln!(std::io::stderr(), "{line}").expect("standard error takes a line");
}

impl Cluster {
    /// The URL of a database of this cluster.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://orders@127.0.0.1:{}/{database}", self.port)
    }

    /// What the servers of the cluster logged so far about a database.
    pub(crate) fn log(&self, database: &str) -> String {
        let all = fs::read(self.dir.join("log")).expect("the cluster's log can be read");
        let prefix = format!("{database} ");
        let all = String::from_utf8_lossy(&all);
        all.lines().filter(|line| line.starts_with(&prefix)).collect::<Vec<_>>().join("\n")
    }
}

/// The directory of `initdb` and `postgres`: on PATH, or else Debian's newest.
fn binaries() -> Option<PathBuf> {
    let has_both = |dir: &PathBuf| dir.join("initdb").is_file() && dir.join("postgres").is_file();
    let path = env::var_os("PATH").unwrap_or_default();
    if let Some(dir) = env::split_paths(&path).find(has_both) {
        return Some(dir);
    }
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let number = |dir: &Path| dir.file_name()?.to_str()?.parse::<u32>().ok();
    versions
        .filter_map(|entry| Some((number(&entry.path())?, entry.path().join("bin"))))
        .filter(|(_, bin)| has_both(bin))
        .max()
        .map(|(_, bin)| bin)
}

fn start(bin: &Path) -> Cluster {
    // Another process may take the free port before the cluster does: then with another one.
    for _ in 0..10 {
        let dir = tempfile::Builder::new().prefix("orders-tests-pg-").tempdir().unwrap().keep();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", SCRIPT, "orders-tests-cluster"])
            .args([bin, &dir])
            .arg(port.to_string())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        if rustix::process::geteuid().is_root() {
            // The server refuses to run as root.
            let (uid, gid) = unprivileged_user();
            std::os::unix::fs::chown(&dir, Some(uid), Some(gid)).unwrap();
            shell.uid(uid).gid(gid);
        }
        let pipe = shell.spawn().expect("sh starts").stdin.take().unwrap();
        if is_ready(&dir) {
            return Cluster { dir, port, _pipe: Mutex::new(pipe) };
        }
    }
    panic!("PostgreSQL is installed in {} but does not start", bin.display());
}

/// Waits until the cluster takes connections, or has given up.
fn is_ready(dir: &Path) -> bool {
    loop {
        // Only the server that runs in this very directory writes this file.
        let state = fs::read_to_string(dir.join("data/postmaster.pid")).unwrap_or_default();
        if state.lines().nth(7).is_some_and(|status| status.trim() == "ready") {
            return true;
        }
        let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
        if log.contains("FATAL") || !dir.exists() {
            return false;
        }
        sleep(Duration::from_millis(20));
    }
}

/// The ids of the user `postgres`, or else `nobody`, and their group.
pub(crate) fn unprivileged_user() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").expect("users are listed");
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    ids("postgres").or_else(|| ids("nobody")).expect("there is a user other than root")
}

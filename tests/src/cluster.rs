//! One throwaway PostgreSQL cluster for each test process, gone when the process is.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::thread::sleep;
use std::time::Duration;

use crate::installation;

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

/// The cluster of this process.
///
/// # Panics
/// If PostgreSQL is not installed, or does not start.
pub(crate) fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| start(&installed()))
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

/// The directory of `initdb` and `postgres`, as the build script finds it.
///
/// # Panics
/// If PostgreSQL is not installed.
pub(crate) fn installed() -> PathBuf {
    installation::postgres().expect("PostgreSQL is installed: ./tests/run installs it")
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

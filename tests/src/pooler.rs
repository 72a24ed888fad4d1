//! pgbouncer, before a PostgreSQL server.

use std::fs;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::cluster::unprivileged_user;
use crate::{Postgres, free_address, guard};

/// A pooler that runs until this is dropped.
#[derive(Debug)]
pub struct Pooler {
    child: Child,
    address: String,
    settings: PathBuf,
}

impl Pooler {
    /// A pooler before a server, in a mode such as `session`.
    ///
    /// # Panics
    /// If it does not start: if it is not installed, for one.
    #[must_use]
    pub fn before(server: &Postgres, mode: &str) -> Self {
        let address = free_address();
        let (host, port) = address.split_once(':').expect("an address has a port");
        let behind = server.address();
        let (_, behind) = behind.split_once(':').expect("an address has a port");
        let settings = std::env::temp_dir().join(format!("orders-tests-pgbouncer-{port}.ini"));
        guard::will_remove(&settings);
        fs::write(
            &settings,
            format!(
                "[databases]\norders = host=127.0.0.1 port={behind} user=orders dbname=orders\n\
                 [pgbouncer]\nlisten_addr = {host}\nlisten_port = {port}\nauth_type = any\n\
                 unix_socket_dir =\npool_mode = {mode}\ndefault_pool_size = 60\n\
                 server_login_retry = 1\nignore_startup_parameters = extra_float_digits,options\n"
            ),
        )
        .expect("the settings are written");
        let mut command = Command::new("pgbouncer");
        command.arg("-q").arg(&settings);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // It refuses to run as root.
        if rustix::process::geteuid().is_root() {
            let (uid, gid) = unprivileged_user();
            command.uid(uid).gid(gid).current_dir("/");
        }
        let child = command.spawn().expect("pgbouncer is installed");
        guard::began(child.id());
        let pooler = Self { child, address, settings };
        let patience = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(&pooler.address).is_err() {
            assert!(Instant::now() < patience, "pgbouncer does not listen");
            sleep(Duration::from_millis(10));
        }
        pooler
    }

    /// What the program is told to find its database behind it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://orders@{}/orders", self.address)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        guard::ended(self.child.id());
        drop(fs::remove_file(&self.settings));
    }
}

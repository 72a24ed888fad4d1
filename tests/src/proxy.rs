//! haproxy, as it is shipped, before two processes of the service.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{Client, guard};

/// A proxy that runs until this is dropped.
#[derive(Debug)]
pub struct Proxy {
    child: Child,
    client: Client,
}

impl Proxy {
    /// A proxy before two addresses, as `deploy/haproxy.cfg` has it.
    ///
    /// # Panics
    /// If it does not start: if it is not installed, for one.
    #[must_use]
    pub fn before(first: &str, second: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/haproxy.cfg");
        let address = free_address();
        let child = Command::new("haproxy")
            .arg("-db")
            .arg("-f")
            .arg(file)
            .envs([("BIND", address.as_str()), ("ORDERS_1", first), ("ORDERS_2", second)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.expect("haproxy is installed");
        guard::began(child.id());
        let proxy = Self { child, client: Client::new(address) };
        let patience = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(proxy.client.address()).is_err() {
            assert!(Instant::now() < patience, "haproxy does not listen");
            sleep(Duration::from_millis(10));
        }
        proxy
    }

    /// A client that asks through it.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        guard::ended(self.child.id());
    }
}

/// An address of this machine on which nobody listens at this moment.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

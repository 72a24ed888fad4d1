//! haproxy with the shipped configuration, in front of two processes of the service.

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
    /// A proxy in front of two addresses, configured by `deploy/haproxy.cfg`.
    ///
    /// # Panics
    /// If it does not start, for example because it is not installed.
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
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(proxy.client.address()).is_err() {
            assert!(Instant::now() < deadline, "haproxy does not listen");
            sleep(Duration::from_millis(10));
        }
        proxy
    }

    /// A client that uses it.
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

/// A local address with a free port.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

//! Servers that deliver to webhooks, and webhooks as their owners see them.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Client, Receiver, Scratch, Server, Setup};

/// The key of the servers that are started here.
pub const OWN_KEY: &str = "a-key-that-the-operator-has-made-up-1234";

/// A server that delivers to this machine, with the sample data; and a client with an admin's key.
#[must_use]
pub fn delivering(scratch: &Scratch, arguments: &[&str]) -> (Server, Client) {
    let private = ["--allow-private-webhooks", "--sample-data"];
    keyed(scratch, &[&private[..], arguments].concat())
}

/// A server that has a key, and a client with it.
#[must_use]
pub fn keyed(scratch: &Scratch, arguments: &[&str]) -> (Server, Client) {
    let setup = Setup { arguments, variables: &[("ORDERS_API_KEY", OWN_KEY)], ..Setup::default() };
    let server = Server::start_as(scratch, &setup);
    let admin = server.with_key(OWN_KEY);
    (server, admin)
}

/// A webhook, as it was created.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Its path.
    pub path: String,
    /// Its first secret.
    pub secret: String,
}

impl Hook {
    /// Sends all events to a receiver.
    ///
    /// # Panics
    /// If it is rejected.
    pub fn make(admin: &Client, receiver: &Receiver) -> Self {
        let body = json!({"url": receiver.url(), "events": ["order.*"], "description": "test"});
        let made = admin.post("/webhooks", &body).assert_status(201).json();
        let member = |name: &str| made[name].as_str().expect("it is text").to_owned();
        Self { path: format!("/webhooks/{}", member("id")), secret: member("secret") }
    }

    /// Its current state.
    #[must_use]
    pub fn find(&self, admin: &Client) -> Value {
        admin.get(&*self.path).assert_status(200).json()
    }

    /// Changes it.
    pub fn patch(&self, admin: &Client, body: &Value) -> Value {
        admin.request("PATCH", &*self.path).json(body).send().assert_status(200).json()
    }

    /// Redelivers everything after a sequence.
    pub fn replay(&self, admin: &Client, after: u64) -> Value {
        let body = json!({"after": after.to_string()});
        admin.post(format!("{}/replay", self.path), &body).assert_status(200).json()
    }

    /// Its deliveries, newest first.
    #[must_use]
    pub fn log(&self, admin: &Client) -> Vec<Value> {
        admin.all(&format!("{}/deliveries", self.path))
    }

    /// Waits until its response satisfies a condition.
    ///
    /// # Panics
    /// If it is not within a minute.
    pub fn wait_until(&self, admin: &Client, is_so: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let webhook = self.find(admin);
            if is_so(&webhook) {
                return webhook;
            }
            assert!(began.elapsed() < Duration::from_mins(1), "{webhook}");
            sleep(Duration::from_millis(20));
        }
    }

    /// Waits until everything is delivered, and written down.
    pub fn wait_until_idle(&self, admin: &Client) -> Value {
        self.wait_until(admin, |webhook| webhook["state"]["pending"] == 0)
    }
}

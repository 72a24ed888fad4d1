//! The example consumers of docs/EVENTS.md: whatever is killed, their copy ends up equal to the
//! service's orders.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use orders_tests::{Client, Database, HOUR, Server, order};
use rstest::rstest;
use rstest_reuse::apply;
use serde_json::Value;

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

/// A stable address for a server that restarts on other ports.
struct Front {
    url: String,
    target: Arc<Mutex<String>>,
}

impl Front {
    fn of(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let target = Arc::new(Mutex::new(server.address().to_owned()));
        let current = Arc::clone(&target);
        spawn(move || {
            for near in listener.incoming().flatten() {
                let target = current.lock().unwrap().clone();
                let Ok(far) = TcpStream::connect(target) else { continue };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    spawn(move || pass(from, to));
                }
            }
        });
        Self { url, target }
    }

    fn lead_to(&self, server: &Server) {
        server.address().clone_into(&mut self.target.lock().unwrap());
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut piece = [0; 8 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Python,
    Rust,
}

/// A consumer that runs, and its copy.
struct Consumer {
    language: Language,
    url: String,
    file: PathBuf,
    child: Child,
}

impl Consumer {
    fn start(language: Language, url: &str, dir: &Path) -> Self {
        let file = dir.join("copy");
        let child = Self::spawn(language, url, &file);
        Self { language, url: url.to_owned(), file, child }
    }

    fn spawn(language: Language, url: &str, file: &Path) -> Child {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        let mut command = match language {
            Language::Python => {
                let mut command = Command::new("python3");
                command.arg(examples.join("copy_orders.py"));
                command
            }
            // Cargo builds the examples of a package beside its tests.
            Language::Rust => {
                let tests = std::env::current_exe().unwrap();
                let built = tests.parent().and_then(Path::parent).unwrap();
                Command::new(built.join("examples/copy_orders"))
            }
        };
        command.arg(url).arg(file).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Kills it and starts it again.
    fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = Self::spawn(self.language, &self.url, &self.file);
    }

    /// The orders that it has, by their ids.
    fn orders(&self) -> Vec<Value> {
        let mut orders: Vec<Value> = match self.language {
            Language::Rust => {
                let Ok(text) = fs::read(&self.file) else { return vec![] };
                let copy: Value = serde_json::from_slice(&text).unwrap();
                copy["orders"].as_object().unwrap().values().cloned().collect()
            }
            Language::Python => {
                let show = "import sqlite3, sys\n\
                            copy = sqlite3.connect(sys.argv[1])\n\
                            for row in copy.execute('SELECT body FROM orders'): print(row[0])";
                let run = Command::new("python3").args(["-c", show]).arg(&self.file).output();
                let text = String::from_utf8(run.unwrap().stdout).unwrap();
                text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
            }
        };
        orders.sort_by_key(|order| order["id"].to_string());
        orders
    }

    fn wait_for(&self, client: &Client) {
        let mut orders = client.all("/orders");
        orders.sort_by_key(|order| order["id"].to_string());
        let began = Instant::now();
        while self.orders() != orders {
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "{} of {} orders",
                self.orders().len(),
                orders.len()
            );
            sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Creates, changes, deletes and restores.
fn write(client: &Client, round: i64) {
    for number in 0..12 {
        let id = format!("o{}", round * 8 + number);
        let time = NOON + (round * 12 + number) * 24 * HOUR;
        // Some are there from the round before.
        if client.post("/orders", &order(&id, time)).status == 409 {
            drop(client.put(format!("/orders/{id}"), &order(&id, time + HOUR)));
        }
        if number % 3 == 0 {
            drop(client.delete(format!("/orders/{id}")));
        }
        if number % 6 == 0 && round % 2 == 0 {
            drop(client.request("POST", format!("/orders/{id}/restore")).send());
        }
    }
}

#[apply(both_databases)]
fn a_consumer_has_every_order_whatever_is_killed(
    #[values(Language::Python, Language::Rust)] language: Language,
    database: Database,
) {
    let mut server = Server::fresh(database);
    let front = Front::of(&server);
    let scratch = server.scratch().clone();
    let mut consumer = Consumer::start(language, &front.url, scratch.dir());
    for round in 0..6 {
        write(&server, round);
        match round % 3 {
            0 => consumer.restart(),
            1 => {
                server = server.restart();
                front.lead_to(&server);
            }
            _ => {
                server = server.restart();
                consumer.restart();
                front.lead_to(&server);
            }
        }
        write(&server, round);
        if round % 2 == 1 {
            consumer.wait_for(&server);
        }
    }
    consumer.wait_for(&server);
    // What it needs next is gone: it starts over.
    consumer.child.kill().unwrap();
    write(&server, 6);
    let last = "(SELECT max(sequence) - 3 FROM events)";
    scratch.sql().run(&format!("UPDATE event_feed SET trimmed_through = {last}")).unwrap();
    consumer.restart();
    consumer.wait_for(&server);
    write(&server, 7);
    consumer.wait_for(&server);
}

/// SQLite has a command to restore; PostgreSQL's own tools restore into another database.
#[rstest]
fn a_consumer_starts_over_after_a_restore(
    #[values(Language::Python, Language::Rust)] language: Language,
    #[values(false, true)] is_running: bool,
) {
    let mut server = Server::fresh(Database::Sqlite);
    let front = Front::of(&server);
    let scratch = server.scratch().clone();
    let mut consumer = Consumer::start(language, &front.url, scratch.dir());
    write(&server, 0);
    let backup = scratch.dir().join("backup.db");
    drop(scratch.run(&["backup", backup.to_str().unwrap()]).assert_fine());
    write(&server, 1);
    consumer.wait_for(&server);
    if !is_running {
        consumer.child.kill().unwrap();
    }
    server.terminate();
    assert_eq!(server.wait(), Some(0));
    drop(scratch.run(&["restore", backup.to_str().unwrap()]).assert_fine());
    let server = Server::start(&scratch);
    // The same ids get other contents, and more events than were removed.
    write(&server, 2);
    write(&server, 1);
    front.lead_to(&server);
    if !is_running {
        consumer.restart();
    }
    consumer.wait_for(&server);
    drop(scratch.run(&["doctor"]).assert_fine());
}

//! Disk writes that fail, one after the other: every response is correct, even after a crash, and the
//! service recovers once the disk does.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use orders_tests::{Database, Fault, HOUR, Injected, Scratch, Server, order};
use rstest::rstest;
use serde_json::{Value, json};

const NOON: i64 = 1_700_000_000_000;
const WINDOW: i64 = 3 * HOUR;

/// The outcomes of the requests, by the ids of the orders.
#[derive(Default)]
struct Told {
    next: i64,
    acknowledged: BTreeSet<String>,
    refused: BTreeSet<String>,
    unknown: BTreeSet<String>,
}

impl Told {
    /// Creates an order alone, or three in a batch, or one in the place of another that goes.
    /// Returns whether that was done.
    fn ask(&mut self, server: &Server) -> bool {
        self.next += 1;
        let number = self.next;
        let one = |n: i64| {
            let id = format!("o{number}n{n}");
            (order(&id, NOON + (number * 4 + n) * WINDOW), id)
        };
        let orders: Vec<(Value, String)> =
            (0..if number % 3 == 0 { 3 } else { 1 }).map(one).collect();
        let ids = orders.iter().map(|(_, id)| id.clone());
        let answer = if let [(body, _)] = orders.as_slice() {
            server.post("/orders", body)
        } else {
            let create = |(body, _): &(Value, String)| json!({"op": "create", "order": body});
            let operations: Vec<Value> = orders.iter().map(create).collect();
            server.post("/orders/batch", &json!({"mode": "atomic", "operations": operations}))
        };
        match answer.status {
            200 | 201 => self.acknowledged.extend(ids),
            507 => self.refused.extend(ids),
            _ if answer.text().contains("outcome-unknown") => self.unknown.extend(ids),
            _ => {
                answer.problem(503, "database-unavailable");
                assert!(answer.header("Retry-After").is_some(), "{answer}");
                self.refused.extend(ids);
            }
        }
        answer.status < 300
    }

    /// Checks that the responses were true.
    fn assert_true(&mut self, server: &Server, what: &str) {
        let stored = server.all("/orders");
        let stored: BTreeSet<String> = stored
            .iter()
            .filter_map(|order| order.get("id")?.as_str().map(str::to_owned))
            .collect();
        let lost: Vec<_> = self.acknowledged.difference(&stored).collect();
        assert!(lost.is_empty(), "{what}: acknowledged and lost: {lost:?}");
        let late: Vec<_> = self.refused.intersection(&stored).collect();
        assert!(late.is_empty(), "{what}: refused and done: {late:?}");
        let known: BTreeSet<_> = self.acknowledged.union(&self.unknown).cloned().collect();
        assert!(stored.is_subset(&known), "{what}: nothing else is there");
    }

    /// Waits until a write is done again.
    fn wait_until_well(&mut self, server: &Server, what: &str) {
        let start = Instant::now();
        while !self.ask(server) {
            assert!(start.elapsed() < Duration::from_secs(10), "{what}: {}", server.log());
        }
    }
}

fn fresh() -> (Scratch, Server) {
    let server = Server::fresh(Database::Sqlite);
    (server.scratch().clone(), server)
}

#[rstest]
#[cfg_attr(no_strace, ignore = "strace is not installed")]
fn whichever_write_fails_every_answer_is_true_and_all_goes_on(
    // The writes of one transaction, and what makes a transaction last: one call each.
    #[values(("pwrite64", 12), ("fdatasync,fsync", 3))] (calls, number): (&str, u32),
    #[values("EIO", "ENOSPC")] error: &str,
    // Once, or until the disk is repaired.
    #[values("", "+")] lasting: &str,
) {
    let (scratch, server) = fresh();
    let mut told = Told::default();
    let mut failed = 0;
    for n in 1..=number {
        let when = format!("{n}{lasting}");
        let what = format!("{error} of {calls} {when}");
        let fault = Fault { calls, error, when: &when, file: None };
        let injected = Injected::into(&server, &fault);
        for _ in 0..3 {
            // On a disk that stays broken, each is rejected for the same reason.
            if !told.ask(&server) && lasting == "+" {
                break;
            }
        }
        failed += usize::from(injected.number() > 0);
        drop(injected);
        told.wait_until_well(&server, &what);
        told.assert_true(&server, &what);
    }
    let server = server.restart();
    told.assert_true(&server, "after a restart");
    drop(server);
    drop(scratch.run(&["doctor"]).assert_fine());
    eprintln!(
        "{failed} rounds with faults, {} acknowledged, {} refused, {} unknown",
        told.acknowledged.len(),
        told.refused.len(),
        told.unknown.len()
    );
    assert!(failed > 2, "{failed} faults");
    assert!(lasting.is_empty() || told.refused.len() + told.unknown.len() > 2);
}

#[rstest]
#[cfg_attr(no_strace, ignore = "strace is not installed")]
fn what_was_refused_for_an_error_of_the_disk_is_not_done_by_a_crash(
    #[values("EIO", "ENOSPC")] error: &str,
    // The first kind strikes a commit and its second try, and spares what is written in between (to the
    // log, and once to its folder); the others last.
    #[values(
        ("fdatasync,fsync", "1..4+3 2..5+3"),
        ("fdatasync,fsync", "1+ 2+ 3+"),
        ("pwrite64", "1+ 2+ 3+ 4+ 6+ 9+ 13+ 18+")
    )]
    (calls, whens): (&str, &str),
) {
    let (scratch, mut server) = fresh();
    let mut told = Told::default();
    let mut killed = 0;
    let whens: Vec<&str> = whens.split(' ').collect();
    for when in &whens {
        // The first commit has more calls than any after it.
        assert!(told.ask(&server));
        let fault = Fault { calls, error, when, file: None };
        let injected = Injected::into(&server, &fault);
        // At its first rejection, before another write can hide a leftover.
        killed += usize::from((0..4).any(|_| !told.ask(&server)));
        server.kill9();
        drop(injected);
        server = Server::start(&scratch);
        told.assert_true(&server, &format!("{calls} {when}"));
    }
    drop(server);
    drop(scratch.run(&["doctor"]).assert_fine());
    eprintln!("{killed} kills, {} refused, {} unknown", told.refused.len(), told.unknown.len());
    assert!(killed * 2 >= whens.len(), "something was refused {killed} times");
    assert!(!told.refused.is_empty() || whens.contains(&"1+"), "it is refused, not left open");
}

#[rstest]
#[cfg_attr(no_strace, ignore = "strace is not installed")]
fn a_checkpoint_that_fails_loses_nothing(
    #[values("pwrite64", "fdatasync,fsync")] calls: &str,
    #[values("1", "1+")] when: &str,
) {
    let (scratch, mut server) = fresh();
    let mut told = Told::default();
    let (file, log) = (scratch.file(), format!("{}-wal", scratch.file().display()));
    // Only a checkpoint writes to the database file.
    let fault = Fault { calls, error: "EIO", when, file: Some(&file) };
    // Until the log is nearly as long as it gets.
    while fs::metadata(&log).unwrap().len() < 3_900_000 {
        told.ask(&server);
    }
    let injected = Injected::into(&server, &fault);
    for _ in 0..30 {
        told.ask(&server);
    }
    let failed = injected.number();
    server.kill9();
    drop(injected);
    let server = Server::start(&scratch);
    told.assert_true(&server, when);
    told.wait_until_well(&server, when);
    drop(server);
    drop(scratch.run(&["doctor"]).assert_fine());
    eprintln!("{failed} faults, {} refused", told.refused.len());
    assert!(failed > 0, "no checkpoint was met");
}

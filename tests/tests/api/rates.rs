//! Rate limits of each caller, and the headers that report them.
#![expect(clippy::panic, reason = "a test may fail")]

use std::time::Instant;

use orders_tests::{Answer, Client, Database, Server, Setup, order};
use rstest::rstest;
use rstest_reuse::apply;
use serde_json::json;

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;
const KEY: &str = "a-key-that-the-operator-has-made-up-1234";

fn start(database: Database, arguments: &[&str]) -> Server {
    let variables = [("ORDERS_API_KEY", KEY)];
    let setup = Setup { arguments, variables: &variables, ..Setup::default() };
    Server::start_as(&database.fresh(), &setup)
}

/// Sends requests until one is rejected. Returns the number of accepted ones, and the rejection.
fn exhaust(ask: impl Fn() -> Answer) -> (u64, Answer) {
    for accepted in 0..200 {
        let answer = ask();
        if answer.status == 429 {
            return (accepted, answer);
        }
    }
    panic!("no request was rejected");
}

/// Asserts that a full bucket of 20 tokens is exhausted, which regains one token a second.
fn assert_exhausts_20(ask: impl Fn() -> Answer) -> Answer {
    let start = Instant::now();
    let (accepted, refused) = exhaust(ask);
    let regained = start.elapsed().as_secs() + 1;
    assert!((20..=20 + regained).contains(&accepted), "{accepted} of 20 + {regained}");
    refused
}

#[apply(both_databases)]
fn each_key_has_a_bucket_and_so_has_each_address_without_one(database: Database) {
    let slow = ["--rate-limit", "1", "--rate-burst", "20"];
    let server = start(database, &slow);
    let admin = server.with_key(KEY);
    let made = admin.post("/keys", &json!({"name": "x", "role": "reader"})).assert_status(201);
    let told = made.header("RateLimit").unwrap().to_owned();
    assert!(told.starts_with("\"key\";r=19;t="), "{told}");
    assert_eq!(made.header("RateLimit-Policy"), Some("\"key\";q=20;w=20"));
    let holder = server.with_key(made.json()["key"].as_str().unwrap());
    let refused = assert_exhausts_20(|| holder.get("/policy"));
    refused.problem(429, "rate-limited");
    assert!(refused.header("Retry-After").unwrap().parse::<u64>().is_ok_and(|wait| wait >= 1));
    assert!(refused.header("RateLimit").unwrap().starts_with("\"key\";r=0;"));
    // Other callers do not feel it, nor does what is open to anyone.
    admin.get("/policy").assert_status(200);
    assert_eq!(holder.get("/healthz").assert_status(200).header("RateLimit"), None);
    holder.get("/none").problem(404, "not-found");
    holder.post("/orders", &json!({})).problem(403, "forbidden");
    let (_, refused) = exhaust(|| holder.get("/orders?limit=0"));
    refused.problem(429, "rate-limited");
    let wrong = server.with_key("wrong");
    assert_exhausts_20(|| wrong.get("/policy"));
    // Without a key, the caller has the bucket of its address, too.
    let (accepted, _) = exhaust(|| server.get("/policy"));
    assert!(accepted < 10, "{accepted}");
    admin.get("/policy").assert_status(200);
}

#[apply(both_databases)]
fn a_batch_costs_a_token_for_each_operation(database: Database) {
    let slow = ["--rate-limit", "1", "--rate-burst", "20", "--sample-data"];
    let server = start(database, &slow);
    let admin = server.with_key(KEY);
    let batch = |operations: i64| {
        let one =
            |number| json!({"op": "create", "order": order(&format!("o{number}"), NOON + number)});
        let operations: Vec<_> = (0..operations).map(one).collect();
        admin.post("/orders/batch", &json!({"mode": "each", "operations": operations}))
    };
    let answer = batch(15).assert_status(200);
    assert!(answer.header("RateLimit").unwrap().starts_with("\"key\";r=5;"), "{answer}");
    batch(15).problem(429, "rate-limited");
    batch(21).problem(429, "rate-limited");
}

#[rstest]
fn proxies_are_believed_only_if_they_are_trusted(
    #[values(Database::Sqlite)] database: Database,
    #[values(false, true)] trusted: bool,
) {
    let slow = ["--rate-limit", "1", "--rate-burst", "5", "--trust-proxy", "127.0.0.1"];
    let server = start(database, if trusted { &slow } else { &slow[..4] });
    let ask = |client: &Client, from: &str| {
        client.request("GET", "/policy").header("X-Forwarded-For", from).send()
    };
    exhaust(|| ask(&server, "9.9.9.9, 1.1.1.1"));
    let other: Vec<u16> = (0..5).map(|_| ask(&server, "1.1.1.1, 9.9.9.9").status).collect();
    assert_eq!(other.contains(&429), !trusted, "{other:?}");
}

#[rstest]
fn on_loopback_nothing_is_limited_unless_it_is_asked_for(
    #[values(Database::Sqlite)] database: Database,
) {
    let server = start(database, &[]);
    let answer = server.with_key(KEY).get("/policy").assert_status(200);
    assert_eq!((answer.header("RateLimit"), answer.header("RateLimit-Policy")), (None, None));
}

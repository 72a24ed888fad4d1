//! Database outages: nothing is written meanwhile, and the service recovers.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail")]

use std::thread::sleep;
use std::time::Duration;

use orders_tests::{
    Answer, Bulk, Database, EventStream, HOUR, Raw, Scratch, Server, Setup, TcpProxy, order,
};
use serde_json::json;

const NOON: i64 = 1_700_000_000_000;

/// Checks that this is a 503 without effect, which says when to retry.
fn assert_unavailable(answer: &Answer) {
    let problem = answer.json();
    let code = problem["type"].as_str().and_then(|kind| kind.strip_prefix("/problems/"));
    assert!(matches!(code, Some("database-unavailable" | "overloaded")), "{answer}");
    answer.problem(503, code.unwrap_or_default());
    let seconds: Option<u32> = answer.header("Retry-After").and_then(|text| text.parse().ok());
    assert!(seconds.is_some(), "{answer}");
}

/// A server whose way to its database leads through a TCP proxy.
fn behind_a_proxy(scratch: &Scratch) -> (Server, TcpProxy) {
    let url = scratch.url();
    let target = url.split(['@', '/']).nth(3).unwrap().to_owned();
    let proxy = TcpProxy::to(target.clone());
    let far_url = url.replace(&target, &proxy.address);
    let setup = Setup { url: Some(&far_url), ..Setup::default() };
    (Server::start_as(scratch, &setup), proxy)
}

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn while_the_database_is_gone_nothing_is_written_and_afterwards_all_goes_on() {
    let server = Server::fresh(Database::Postgres);
    let scratch = server.scratch().clone();
    let (far, proxy) = behind_a_proxy(&scratch);
    far.post("/orders", &order("before", NOON)).assert_status(201);
    for round in 0..3 {
        proxy.close();
        for number in 0..3 {
            let at = NOON + (1 + round * 3 + number) * 24 * HOUR;
            let refused = far.post("/orders", &order(&format!("refused{round}{number}"), at));
            assert_unavailable(&refused);
            assert_unavailable(&far.get("/orders/before"));
            assert_unavailable(&far.get("/orders"));
            assert_unavailable(&far.delete("/orders/before"));
        }
        assert_eq!(far.get("/readyz").status, 503);
        far.get("/healthz").assert_status(200);
        // Faults that need no database are reported as usual.
        far.post("/orders", &json!({})).problem(422, "invalid-order");
        proxy.reopen();
        while far.get("/readyz").status != 200 {
            sleep(Duration::from_millis(20));
        }
        let at = NOON - (1 + round) * 24 * HOUR;
        let mut answer = far.post("/orders", &order(&format!("after{round}"), at));
        // A request may still meet a dead connection; a later one gets a new connection.
        while answer.status == 503 {
            assert_unavailable(&answer);
            answer = far.post("/orders", &order(&format!("after{round}"), at));
        }
        answer.assert_status(201);
        let ids: Vec<_> =
            server.all("/orders").into_iter().map(|order| order["id"].clone()).collect();
        assert!(
            ids.iter().all(|id| !id.as_str().is_some_and(|id| id.starts_with("refused"))),
            "{ids:?}"
        );
        assert_eq!(i64::try_from(ids.len()), Ok(2 + round));
        assert_eq!(far.all("/orders").len(), ids.len());
    }
}

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn connections_ended_by_the_database_are_replaced() {
    let server = Server::fresh(Database::Postgres);
    let mut sql = server.scratch().sql();
    for round in 0..10 {
        let ended = sql.number(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) AS number FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        assert!(ended >= 1);
        let at = NOON + round * 24 * HOUR;
        let mut tries = 0;
        loop {
            let answer = server.post("/orders", &order(&format!("o{round}"), at));
            match answer.status {
                201 => break,
                _ => assert_unavailable(&answer),
            }
            tries += 1;
            assert!(tries < 1_000, "{answer}");
            sleep(Duration::from_millis(10));
        }
    }
    assert_eq!(server.all("/orders").len(), 10);
}

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn a_writer_that_waits_for_a_foreign_lock_is_told_and_nothing_is_written_later() {
    let server = Server::fresh(Database::Postgres);
    let mut sql = server.scratch().sql();
    // A stray client that holds everything up for longer than a request may wait.
    sql.run("BEGIN; LOCK TABLE order_slots, orders, counters IN ACCESS EXCLUSIVE MODE").unwrap();
    assert_unavailable(&server.post("/orders", &order("a", NOON)));
    sql.run("ROLLBACK").unwrap();
    let mut answer = server.post("/orders", &order("b", NOON));
    while answer.status == 503 {
        assert_unavailable(&answer);
        answer = server.post("/orders", &order("b", NOON));
    }
    // Had the first been carried out after all, this would be a conflict.
    answer.assert_status(201);
    assert_eq!(server.all("/orders").len(), 1);
}

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn a_stream_is_cut_short_when_the_database_goes_away() {
    let scratch = Database::Postgres.fresh();
    let (far, proxy) = behind_a_proxy(&scratch);
    let bulk = Bulk { number: 100_000, at_once: 1 };
    bulk.store(&mut scratch.sql());
    let host = far.address();
    let request =
        format!("GET /orders.ndjson HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    // More than fits between the two: what is not read is not yet fetched from the database.
    let stalled = Raw::connect(host).send(&request).read_past("\r\n\r\n");
    sleep(Duration::from_millis(500));
    proxy.close();
    let bytes = stalled.read_to_end();
    assert!(bytes.windows(8).any(|eight| eight == b"o1000099"), "the first orders were sent");
    assert!(!bytes.ends_with(b"0\r\n\r\n"), "and it does not look whole");
    far.wait_for_log("/orders.ndjson, cut short");
    assert_unavailable(&far.get("/orders.ndjson"));
    proxy.reopen();
    while far.get("/readyz").status != 200 {
        sleep(Duration::from_millis(20));
    }
    let bytes = Raw::connect(host).send(&request).read_to_end();
    assert!(bytes.ends_with(b"\r\n0\r\n\r\n"), "the next one is whole");
}

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn a_stream_of_events_outlives_an_outage_of_the_database_and_misses_nothing() {
    let server = Server::fresh(Database::Postgres);
    let (far, proxy) = behind_a_proxy(server.scratch());
    let create = |number: i64| {
        let body = order(&format!("o{number}"), NOON + number * 24 * HOUR);
        drop(server.post("/orders", &body).assert_status(201));
    };
    create(1);
    let mut stream = EventStream::open(&far, "", &[]);
    assert_eq!(stream.event().0, 1);
    proxy.close();
    // Meanwhile another process continues.
    for number in 2..=4 {
        create(number);
    }
    assert_unavailable(&far.get("/events"));
    assert_eq!(stream.next(Duration::from_secs(10)), None, "nothing can be known");
    create(5);
    proxy.reopen();
    let sequences: Vec<u64> = (0..4).map(|_| stream.event().0).collect();
    assert_eq!(sequences, [2, 3, 4, 5]);
    create(6);
    assert_eq!(stream.event().0, 6);
}

//! The next decision sees what other processes write, whatever a process has cached.

use std::time::{Duration, Instant};

use orders_tests::{Client, Database, HOUR, Scratch, Server, Setup, TcpProxy, order};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;
const DAY: i64 = 24 * HOUR;

/// A database with services, and a process that writes to it.
fn seeded(database: Database) -> (Scratch, Server) {
    let scratch = database.fresh();
    drop(scratch.run(&["seed"]).assert_fine());
    let server = Server::start(&scratch);
    (scratch, server)
}

#[apply(both_databases)]
fn a_time_that_another_process_has_taken_is_refused(database: Database) {
    let (scratch, server) = seeded(database);
    let other = Server::start(&scratch);
    let count = |table| scratch.sql().number(&format!("SELECT count(*) AS number FROM {table}"));
    let (events, slots) = (count("events"), count("order_slots"));
    let start = NOON + 1_000 * DAY;
    for round in 0..50 {
        let at = start + round * DAY;
        let (taken, free) = (format!("taken{round}"), format!("free{round}"));
        drop(other.post("/orders", &order(&taken, at)).assert_status(201));
        drop(server.post("/orders", &order(&free, at + 12 * HOUR)).assert_status(201));
        let refused = server.post("/orders", &order("x", at + 3 * HOUR - 1)).assert_status(409);
        assert_eq!(refused.json()["conflicts"][0]["order_id"], json!(taken));
        let touching = format!("touching{round}");
        drop(server.post("/orders", &order(&touching, at + 3 * HOUR)).assert_status(201));
    }
    assert_eq!(count("events") - events, 150, "what was refused left nothing behind");
    assert_eq!(count("order_slots") - slots, 150);
}

#[apply(both_databases)]
fn what_was_written_past_the_service_is_seen(database: Database) {
    let (scratch, server) = seeded(database);
    let mut sql = scratch.sql();
    for round in 0..50 {
        let at = NOON + round * DAY;
        drop(server.post("/orders", &order(&format!("o{round}"), at)).assert_status(201));
        let slot = at + 12 * HOUR;
        sql.run(&format!(
            "INSERT INTO order_slots (scope, start_ms, end_ms, grp, order_id) \
             VALUES (0, {slot}, {}, {}, 'foreign{round}')",
            slot + 3 * HOUR,
            1_000_000 + round
        ))
        .expect("the slot is free");
        server.post("/orders", &order("x", slot + HOUR)).assert_status(409);
    }
}

/// Creates orders one after the other, so that the process has loaded and cached what it needs.
fn be_alone(server: &Server, start: i64) {
    for day in 0..3 {
        let at = start + day * DAY;
        server.post("/orders", &order(&format!("alone{at}"), at)).assert_status(201);
    }
}

#[apply(both_databases)]
fn what_another_process_changes_is_seen(database: Database) {
    let (scratch, server) = seeded(database);
    let other = Server::start(&scratch);
    let keyed = |client: &Client, body: &Value| {
        client.request("POST", "/orders").header("Idempotency-Key", "k").json(body).send()
    };

    be_alone(&server, NOON);
    drop(other.post("/orders", &order("taken", NOON + 10 * DAY)).assert_status(201));
    let body = order("x", NOON + 10 * DAY + HOUR);
    let refused = server.post("/orders", &body).assert_status(409);
    assert_eq!(refused.json()["conflicts"][0]["order_id"], "taken");

    be_alone(&server, NOON + 20 * DAY);
    let body = order("repeated", NOON + 30 * DAY);
    let first = keyed(&other, &body).assert_status(201);
    let again = keyed(&server, &body).assert_status(201);
    assert_eq!(again.header("Idempotency-Replayed"), Some("true"), "{again}");
    assert_eq!(again.body, first.body);

    // What follows leaves no event of an order.
    drop(other.post("/services", &json!({"id": 999, "name": "Survey"})).assert_status(201));
    be_alone(&server, NOON + 40 * DAY);
    drop(other.delete("/services/999").assert_status(204));
    let mut body = order("x", NOON + 50 * DAY);
    body["services"] = json!([{"id": 123}, {"id": 999}]);
    server.post("/orders", &body).problem(422, "unknown-service");

    be_alone(&server, NOON + 60 * DAY);
    drop(scratch.run(&["policy", "set", "--window", "PT6H"]).assert_fine());
    // The slot of such an order would end, by the old window, before the next one begins.
    let body = order("x", NOON + 60 * DAY - 4 * HOUR);
    server.post("/orders", &body).assert_status(409);

    be_alone(&server, NOON + 70 * DAY);
    drop(scratch.run(&["policy", "set", "--scope", "service"]).assert_fine());
    let mut body = order("beside", NOON + 72 * DAY + 4 * HOUR);
    body["services"] = json!([{"id": 789}]);
    drop(server.post("/orders", &body).assert_status(201));
    body["id"] = json!("x");
    server.post("/orders", &body).assert_status(409);
}

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn an_order_alone_takes_four_round_trips() {
    let scratch = Database::Postgres.fresh();
    drop(scratch.run(&["seed"]).assert_fine());
    let url = scratch.url();
    let target = url.split(['@', '/']).nth(3).expect("the URL has a host").to_owned();
    let proxy = TcpProxy::to(target.clone());
    let through = url.replace(&target, &proxy.address);
    let server = Server::start_as(&scratch, &Setup { url: Some(&through), ..Setup::default() });
    // The first prepare their statements, and other threads of the process ask now and then.
    let deadline = Instant::now() + Duration::from_mins(1);
    for day in 0.. {
        let before = proxy.chunks_sent();
        server.post("/orders", &order(&format!("o{day}"), NOON + day * DAY)).assert_status(201);
        if proxy.chunks_sent() == before + 4 {
            return;
        }
        assert!(Instant::now() < deadline, "none of {day} orders took four round trips");
    }
}

//! `/metrics`: what is counted, under a bounded set of names and labels.

use std::time::{Duration, Instant};

use orders_tests::{
    Database, EventStream, HOUR, Hook, Metrics, OWN_KEY, Receiver, Reply, Server, Setup,
    delivering, order, raw,
};
use rstest::rstest;
use rstest_reuse::apply;
use serde_json::json;

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

/// Fractions are never counted, so these are exact.
#[track_caller]
fn assert_is(value: f64, expected: u32) {
    assert!((value - f64::from(expected)).abs() < 1e-9, "{value} is not {expected}");
}

#[apply(both_databases)]
fn requests_are_counted_by_route_method_and_status(database: Database) {
    let server = Server::fresh(database);
    server.post("/orders", &order("a", NOON)).assert_status(201);
    server.post("/orders", &order("b", NOON + HOUR)).problem(409, "order-conflict");
    for _ in 0..3 {
        server.get("/orders/a").assert_status(200);
    }
    server.get("/orders/none").problem(404, "not-found");
    server.request("HEAD", "/orders/a").send().assert_status(200);
    server.delete("/policy").problem(405, "method-not-allowed");
    server.request("OPTIONS", "/orders").send().assert_status(204);
    let metrics = Metrics::of(&server);
    let count = |route, method, status| {
        let labels = [("route", route), ("method", method), ("status", status)];
        metrics.value("orders_http_requests_total", &labels)
    };
    assert_is(count("/orders", "POST", "201"), 1);
    assert_is(count("/orders", "POST", "409"), 1);
    assert_is(count("/services", "POST", "201"), 3);
    assert_is(count("/orders/{id}", "GET", "200"), 3);
    assert_is(count("/orders/{id}", "GET", "404"), 1);
    assert_is(count("/orders/{id}", "HEAD", "200"), 1);
    assert_is(count("/policy", "DELETE", "405"), 1);
    assert_is(count("/orders", "OPTIONS", "204"), 1);
    let of_reads = [("route", "/orders/{id}"), ("method", "GET")];
    assert_is(metrics.value("orders_http_request_duration_seconds_count", &of_reads), 4);
    let sum = metrics.value("orders_http_request_duration_seconds_sum", &of_reads);
    assert!(sum > 0.0 && sum < 60.0, "{sum}");
    let infinite = [of_reads[0], of_reads[1], ("le", "+Inf")];
    assert_is(metrics.value("orders_http_request_duration_seconds_bucket", &infinite), 4);
    assert_is(metrics.sum("orders_conflicts_total"), 1);
    // Now this scrape is counted, too.
    let labels = [("route", "/metrics"), ("method", "GET"), ("status", "200")];
    assert_is(Metrics::of(&server).value("orders_http_requests_total", &labels), 1);
}

#[rstest]
fn no_client_can_make_up_names(#[values(Database::Sqlite)] database: Database) {
    let server = Server::fresh(database);
    let before = Metrics::of(&server).values_of("route").len();
    for number in 0..200 {
        server.get(format!("/orders/o{number}")).problem(404, "not-found");
        server.get(format!("/made-up-{number}")).problem(404, "not-found");
        let head =
            format!("BREW{number} /orders HTTP/1.1\r\nHost: $HOST\r\nConnection: close\r\n\r\n");
        raw(server.address(), &head).problem(405, "method-not-allowed");
    }
    let metrics = Metrics::of(&server);
    assert!(metrics.values_of("route").len() <= before + 4, "{:?}", metrics.values_of("route"));
    let methods = metrics.values_of("method");
    assert!(methods.iter().all(|method| ["GET", "POST", "other"].contains(method)), "{methods:?}");
    let labels = [("route", "none"), ("method", "GET"), ("status", "404")];
    assert_is(metrics.value("orders_http_requests_total", &labels), 200);
    let labels = [("route", "/orders"), ("method", "other"), ("status", "405")];
    assert_is(metrics.value("orders_http_requests_total", &labels), 200);
    assert!(!server.get("/metrics").text().contains("made-up"));
}

#[apply(both_databases)]
fn what_the_writer_and_the_readers_do_is_counted(database: Database) {
    let server = Server::fresh(database);
    let operations: Vec<_> = (0..20)
        .map(|number| json!({"op": "create", "order": order(&format!("o{number}"), NOON + number * 4 * HOUR)}))
        .collect();
    let batch = json!({"mode": "each", "operations": operations});
    server.post("/orders/batch", &batch).assert_status(200);
    let again = json!({"mode": "each", "operations": [
        {"op": "create", "order": order("x", NOON + 1)},
        {"op": "create", "order": order("y", NOON + 2)},
    ]});
    server.post("/orders/batch", &again).assert_status(200);
    server.get("/orders/o1").assert_status(200);
    drop(server.all("/orders"));
    let metrics = Metrics::of(&server);
    assert_is(metrics.sum("orders_conflicts_total"), 2);
    let write = [("lane", "write")];
    // Three services, one by one, and two batches.
    assert_is(metrics.value("orders_lane_batch_size_sum", &write), 3 + 20 + 2);
    assert_is(metrics.value("orders_lane_batch_size_count", &write), 5);
    assert_is(metrics.value("orders_lane_wait_seconds_count", &write), 5);
    assert_is(metrics.value("orders_lane_waiting", &write), 0);
    assert!(metrics.value("orders_lane_room", &write) >= 1_000.0);
    assert_is(metrics.value("orders_lane_batch_size_sum", &[("lane", "read")]), 1);
    assert_is(metrics.value("orders_write_step_seconds_count", &[("step", "lock")]), 5);
    assert_is(metrics.value("orders_write_step_seconds_count", &[("step", "commit")]), 4);
    let lists = [("pool", "lists")];
    let most = metrics.value("orders_database_connections_max", &lists);
    let in_use = metrics.value("orders_database_connections", &[lists[0], ("state", "in_use")]);
    let idle = metrics.value("orders_database_connections", &[lists[0], ("state", "idle")]);
    assert!(idle >= 1.0 && in_use + idle <= most, "{in_use} {idle} {most}");
    assert_is(metrics.sum("orders_events_last_sequence"), 20);
    assert_is(metrics.sum("orders_database_up"), 1);
    assert_is(metrics.sum("orders_database_errors_total"), 0);
    assert!(metrics.sum("process_resident_memory_bytes") > 1e6);
    assert!(metrics.sum("process_start_time_seconds") > 1.6e9);
    let kind = if database == Database::Sqlite { "sqlite" } else { "postgres" };
    assert!(metrics.values_of("database").contains(kind));
    assert_is(metrics.sum("orders_build_info"), 1);
}

#[apply(both_databases)]
fn streams_are_counted_while_they_are_open(database: Database) {
    let server = Server::fresh(database);
    assert_is(Metrics::of(&server).sum("orders_event_streams"), 0);
    let mut stream = EventStream::open(&server, "", &[]);
    server.post("/orders", &order("a", NOON)).assert_status(201);
    assert_eq!(stream.event().0, 1);
    let metrics = Metrics::of(&server);
    assert_is(metrics.sum("orders_event_streams"), 1);
    assert_is(metrics.sum("orders_event_stream_lag"), 0);
    drop(stream);
    let patience = Instant::now() + Duration::from_secs(10);
    while Metrics::of(&server).sum("orders_event_streams") > 0.0 {
        assert!(Instant::now() < patience, "it is counted for ever");
    }
}

#[apply(both_databases)]
fn webhooks_are_counted_by_how_they_are(database: Database) {
    let scratch = database.fresh();
    let (_server, admin) = delivering(&scratch, &[]);
    let refusing = Receiver::answering(|_, _| Reply::Status(500));
    let hooks = [Hook::make(&admin, &refusing), Hook::make(&admin, &Receiver::start())];
    drop(hooks[1].patch(&admin, &json!({"disabled": true})));
    admin.post("/orders", &order("a", NOON)).assert_status(201);
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        let metrics = Metrics::of(&admin);
        let are = |state| metrics.value("orders_webhooks", &[("state", state)]);
        assert_is(are("disabled"), 1);
        if are("retrying") > 0.5 {
            assert_is(are("active"), 0);
            assert_is(metrics.sum("orders_webhook_pending_events"), 1);
            assert_is(metrics.sum("orders_webhook_failed_deliveries"), 0);
            break;
        }
        assert!(Instant::now() < patience, "{metrics:?}");
    }
}

#[rstest]
fn metrics_take_a_key_unless_the_operator_opens_them(
    #[values(Database::Sqlite)] database: Database,
    #[values(false, true)] open: bool,
) {
    let scratch = database.fresh();
    let arguments: &[&str] = if open { &["--metrics-open"] } else { &[] };
    let variables = [("ORDERS_API_KEY", OWN_KEY)];
    let setup = Setup { arguments, variables: &variables, ..Setup::default() };
    let server = Server::start_as(&scratch, &setup);
    if open {
        server.get("/metrics").assert_status(200);
    } else {
        server.get("/metrics").problem(401, "unauthenticated");
    }
    server.with_key(OWN_KEY).get("/metrics").assert_status(200);
    server.get("/orders").problem(401, "unauthenticated");
}

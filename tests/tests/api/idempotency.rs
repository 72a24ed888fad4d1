//! Safe retries: a request repeated with its `Idempotency-Key` is done once and answered with the same
//! bytes.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use orders_tests::{Answer, Client, Database, HOUR, Raw, Scratch, Server, order};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

fn send(client: &Client, method: &str, path: &str, key: &str, body: Option<&Value>) -> Answer {
    let request = client.request(method, path).header("Idempotency-Key", key);
    match body {
        Some(body) => request.json(body).send(),
        None => request.send(),
    }
}

/// Both responses are equal, byte for byte, except that the second is marked as a replay.
fn assert_replayed(first: &Answer, again: &Answer) {
    assert_eq!(first.header("Idempotency-Replayed"), None, "{first}");
    assert_eq!(again.header("Idempotency-Replayed"), Some("true"), "{again}");
    assert_eq!((again.status, &again.body), (first.status, &first.body), "{again}");
    for name in ["location", "etag", "content-type", "content-length"] {
        assert_eq!(again.header(name), first.header(name), "{name}: {again}");
    }
}

fn seeded(database: Database) -> (Scratch, Server) {
    let scratch = database.fresh();
    let server = Server::start(&scratch);
    for (id, name) in [(123, "Inspection"), (789, "Testing"), (456, "Analysis")] {
        drop(server.post("/services", &json!({"id": id, "name": name})).assert_status(201));
    }
    (scratch, server)
}

fn events(scratch: &Scratch) -> i64 {
    scratch.sql().number("SELECT count(*) AS number FROM events")
}

#[apply(both_databases)]
fn every_unsafe_method_is_answered_as_the_first_time(database: Database) {
    let (scratch, server) = seeded(database);
    let at = order("a", NOON);
    let moved = order("a", NOON + HOUR);
    let batch = json!({"mode": "each", "operations": [
        {"op": "create", "order": order("b", NOON + 9 * HOUR)},
        {"op": "create", "order": order("c", NOON + 10 * HOUR)},
        {"op": "create", "order": {"totalfee": 1}},
    ]});
    let fee = json!({"totalfee": 7});
    let service = json!({"id": 5, "name": "Calibration"});
    let renamed = json!({"name": "Calibrating"});
    let steps: [(&str, &str, Option<&Value>, u16); 10] = [
        ("POST", "/orders", Some(&at), 201),
        ("PUT", "/orders/a", Some(&moved), 200),
        ("PATCH", "/orders/a", Some(&fee), 200),
        ("PATCH", "/orders/a", Some(&fee), 200),
        ("DELETE", "/orders/a", None, 204),
        ("POST", "/orders/a/restore", None, 200),
        ("POST", "/orders/batch", Some(&batch), 200),
        ("POST", "/services", Some(&service), 201),
        ("PUT", "/services/5", Some(&renamed), 200),
        ("DELETE", "/services/5", None, 204),
    ];
    let answers: Vec<Answer> = (0..)
        .zip(steps)
        .map(|(number, (method, path, body, status))| {
            send(&server, method, path, &format!("step-{number}"), body).assert_status(status)
        })
        .collect();
    let before = events(&scratch);
    // A later repeat is not decided again.
    for ((number, (method, path, body, _)), first) in (0..).zip(steps).zip(&answers) {
        let again = send(&server, method, path, &format!("step-{number}"), body);
        assert_replayed(first, &again);
    }
    assert_eq!(events(&scratch), before, "nothing was done again");
}

#[apply(both_databases)]
fn an_answer_is_kept_across_restarts_and_given_by_every_process(database: Database) {
    let (scratch, server) = seeded(database);
    let body = order("a", NOON);
    let first = send(&server, "POST", "/orders", "k", Some(&body)).assert_status(201);
    let other = Server::start(&scratch);
    assert_replayed(&first, &send(&other, "POST", "/orders", "k", Some(&body)));
    drop((server, other));
    let again = Server::start(&scratch);
    assert_replayed(&first, &send(&again, "POST", "/orders", "k", Some(&body)));
}

#[apply(both_databases)]
fn sixty_four_parallel_requests_with_one_key_are_one_order_and_get_equal_answers(
    database: Database,
    #[values(1, 2)] processes: usize,
) {
    let (scratch, server) = seeded(database);
    let more: Vec<Server> = (1..processes).map(|_| Server::start(&scratch)).collect();
    let servers: Vec<&Server> = std::iter::once(&server).chain(&more).collect();
    for round in 0..10 {
        let before = events(&scratch);
        let key = format!("round-{round}");
        // Without an id, so that each would be another order.
        let body = json!({
            "datetime": orders_tests::at(NOON + round * 24 * HOUR),
            "totalfee": 100, "services": [{"id": "123"}],
        });
        let gate = Barrier::new(64);
        let answers: Vec<Answer> = thread::scope(|threads| {
            let ask = |number: usize| {
                let client = servers[number % servers.len()].another();
                let (gate, key, body) = (&gate, &key, &body);
                threads.spawn(move || {
                    gate.wait();
                    send(&client, "POST", "/orders", key, Some(body))
                })
            };
            let asked: Vec<_> = (0..64).map(ask).collect();
            asked.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let first = answers.iter().find(|answer| answer.header("idempotency-replayed").is_none());
        let first = first.expect("one of them was the first");
        for answer in &answers {
            assert_eq!((answer.status, &answer.body), (201, &first.body), "{answer}");
            assert_eq!(answer.header("location"), first.header("location"));
        }
        let replayed = |answer: &&Answer| answer.header("idempotency-replayed").is_some();
        assert_eq!(answers.iter().filter(replayed).count(), 63);
        assert_eq!(events(&scratch), before + 1, "one order was made");
    }
}

#[apply(both_databases)]
fn a_key_stands_for_one_method_path_query_and_body(database: Database) {
    let (scratch, server) = seeded(database);
    let body = order("a", NOON);
    drop(send(&server, "POST", "/orders", "k", Some(&body)).assert_status(201));
    drop(send(&server, "POST", "/services", "s", Some(&json!({"name": "New"}))).assert_status(201));
    let before = events(&scratch);
    let other = order("b", NOON + 24 * HOUR);
    for (method, path, key, body) in [
        ("POST", "/orders", "k", Some(&other)),
        ("PUT", "/orders/a", "k", Some(&body)),
        ("PATCH", "/orders/a", "k", Some(&body)),
        ("DELETE", "/orders/a", "k", None),
        ("POST", "/orders/a/restore", "k", None),
        (
            "POST",
            "/orders/batch",
            "k",
            Some(&json!({"mode": "each", "operations": [
            {"op": "delete", "id": "a"}]})),
        ),
        ("DELETE", "/services/456", "k", None),
        ("POST", "/orders", "s", Some(&other)),
        ("POST", "/services", "s", Some(&json!({"name": "Newer"}))),
    ] {
        let answer = send(&server, method, path, key, body);
        answer.problem(422, "idempotency-key-reused");
    }
    assert_eq!(events(&scratch), before);
    assert_eq!(server.get("/services/456").status, 200);
    // The version in the header is not part of the request: the first request was done with another.
    let moved = order("a", NOON + HOUR);
    let replace = |version| {
        let request = server.request("PUT", "/orders/a").header("Idempotency-Key", "v");
        request.header("If-Match", version).json(&moved).send()
    };
    let first = replace("\"1\"").assert_status(200);
    assert_replayed(&first, &replace("\"9\""));
    assert_eq!(events(&scratch), before + 1);
}

#[apply(both_databases)]
fn a_retry_may_spell_the_same_body_otherwise(database: Database) {
    let (scratch, server) = seeded(database);
    let send = |method: &str, path: &str, key: &str, body: &str| {
        let request = server.request(method, path).header("Idempotency-Key", key);
        request.header("Content-Type", "application/json").body(body.to_owned()).send()
    };
    let first = send(
        "POST",
        "/orders",
        "k",
        r#"{"id":"a","datetime":"2022-11-01T11:11:11Z","totalfee":100,"services":[{"id":123}]}"#,
    )
    .assert_status(201);
    let before = events(&scratch);
    for same in [
        r#" { "services" : [ {"id":123, "name":null} ], "totalfee":1e2,
            "datetime":"2022-11-01T11:11:11Z", "\u0069d":"\u0061" } "#,
        r#"{"id":"a","datetime":"2022-11-01T11:11:11Z","totalfee":100.00,"services":[{"id":123}]}"#,
    ] {
        assert_replayed(&first, &send("POST", "/orders", "k", same));
    }
    for other in [
        r#"{"id":"a","datetime":"2022-11-01T11:11:11Z","totalfee":101,"services":[{"id":123}]}"#,
        r#"{"id":"a","datetime":"2022-11-01T11:11:11Z","totalfee":100,"services":[{"id":456}]}"#,
        r#"{"datetime":"2022-11-01T11:11:11Z","totalfee":100,"services":[{"id":123}]}"#,
    ] {
        send("POST", "/orders", "k", other).problem(422, "idempotency-key-reused");
    }
    assert_eq!(events(&scratch), before);
    let patched = send("PATCH", "/orders/a", "p", r#"{"totalfee":5,"id":"a"}"#).assert_status(200);
    assert_replayed(&patched, &send("PATCH", "/orders/a", "p", r#"{ "id":"a","totalfee":5.0}"#));
    send("PATCH", "/orders/a", "p", "{}").problem(422, "idempotency-key-reused");
}

#[apply(both_databases)]
fn a_refusal_is_not_kept_but_judged_afresh(database: Database) {
    let (_scratch, server) = seeded(database);
    drop(server.post("/orders", &order("a", NOON)).assert_status(201));
    let close = order("b", NOON + HOUR);
    let ask = || send(&server, "POST", "/orders", "k", Some(&close));
    ask().problem(409, "order-conflict");
    ask().problem(409, "order-conflict");
    let atomic = json!({"mode": "atomic", "operations": [{"op": "create", "order": close}]});
    send(&server, "POST", "/orders/batch", "batch", Some(&atomic)).problem(409, "batch-refused");
    send(&server, "DELETE", "/orders/none", "d", None).problem(404, "not-found");
    drop(server.delete("/orders/a").assert_status(204));
    let first = ask().assert_status(201);
    assert_replayed(&first, &ask());
    drop(server.delete("/orders/b").assert_status(204));
    let first = send(&server, "POST", "/orders/batch", "batch", Some(&atomic)).assert_status(200);
    assert_replayed(&first, &send(&server, "POST", "/orders/batch", "batch", Some(&atomic)));
}

#[apply(both_databases)]
fn a_batch_of_which_nothing_can_be_done_is_answered_the_same_again(database: Database) {
    let (_scratch, server) = seeded(database);
    let batch = json!({"mode": "each", "operations": [{"op": "create", "order": {}}]});
    let first = send(&server, "POST", "/orders/batch", "k", Some(&batch)).assert_status(200);
    // With the id of the first request in its results.
    assert_replayed(&first, &send(&server, "POST", "/orders/batch", "k", Some(&batch)));
}

#[apply(both_databases)]
fn dry_runs_ignore_the_key(database: Database) {
    let (_scratch, server) = seeded(database);
    let batch = |dry_run| {
        json!({"mode": "atomic", "dry_run": dry_run, "operations": [
            {"op": "create", "order": order("a", NOON)}]})
    };
    let ask = |dry_run| send(&server, "POST", "/orders/batch", "k", Some(&batch(dry_run)));
    for _ in 0..2 {
        assert_eq!(ask(true).assert_status(200).header("idempotency-replayed"), None);
    }
    let first = ask(false).assert_status(200);
    assert_replayed(&first, &ask(false));
    ask(true).problem(409, "batch-refused");
}

#[apply(both_databases)]
fn after_a_day_by_the_databases_clock_a_key_may_be_used_anew(database: Database) {
    let (scratch, server) = seeded(database);
    let ask = |id: &str, days: i64| {
        send(&server, "POST", "/orders", "k", Some(&order(id, NOON + days * 24 * HOUR)))
    };
    let first = ask("a", 0).assert_status(201);
    let now = match database {
        Database::Sqlite => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
        Database::Postgres => "(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
    };
    let left = format!("SELECT (expires_ms - {now}) / 60000 AS number FROM idempotency_keys");
    let minutes = scratch.sql().number(&left);
    assert!((24 * 60 - 2..=24 * 60).contains(&minutes), "{minutes} minutes are left of the day");
    let leave = |ms: i64| {
        let sql = format!("UPDATE idempotency_keys SET expires_ms = {now} + {ms}");
        scratch.sql().run(&sql).unwrap();
    };
    leave(60_000);
    assert_replayed(&first, &ask("a", 0));
    leave(-1);
    ask("a", 0).problem(409, "order-exists");
    let second = ask("b", 1).assert_status(201);
    assert_replayed(&second, &ask("b", 1));
    ask("a", 0).problem(422, "idempotency-key-reused");
}

#[apply(both_databases)]
fn keys_are_one_to_255_visible_characters_quoted_or_bare(database: Database) {
    let (_scratch, server) = seeded(database);
    let longest = "k".repeat(255);
    let quoted_longest = format!("\"{longest}\"");
    let first = send(&server, "POST", "/orders", &longest, Some(&order("a", NOON)));
    let again = send(&server, "POST", "/orders", &quoted_longest, Some(&order("a", NOON)));
    assert_replayed(&first.assert_status(201), &again);
    let ask = |key| send(&server, "POST", "/orders", key, Some(&order("b", NOON + 24 * HOUR)));
    let first = ask(r#""8e03978e-\"40d5\\""#).assert_status(201);
    assert_replayed(&first, &ask(r#""8e03978e-\"40d5\\""#));
    let too_long = "k".repeat(256);
    for malformed in
        ["", "\"\"", "a b", "\"a b\"", "\"open", "\"shut\"after", r#""\n""#, "caf\u{e9}", &too_long]
    {
        ask(malformed).problem(400, "invalid-header");
    }
    let twice = server
        .request("POST", "/orders")
        .header("Idempotency-Key", "a")
        .header("Idempotency-Key", "b")
        .json(&order("b", NOON));
    twice.send().problem(400, "invalid-header");
    // Where nothing is changed the header means nothing.
    let read = server.request("GET", "/orders").header("Idempotency-Key", "a b").send();
    assert_eq!(read.status, 200);
}

#[apply(both_databases)]
fn faults_of_a_request_are_told_before_its_key_is_looked_at(database: Database) {
    let (_scratch, server) = seeded(database);
    drop(send(&server, "POST", "/orders", "k", Some(&order("a", NOON))).assert_status(201));
    let ask = |path: &str, body: &Value| send(&server, "POST", path, "k", Some(body));
    ask("/orders", &json!({"totalfee": -1})).problem(422, "invalid-order");
    ask("/orders?colour=red", &order("a", NOON)).problem(400, "invalid-parameter");
    // Replayed regardless of the current state.
    drop(server.delete("/orders/a").assert_status(204));
    assert_eq!(ask("/orders", &order("a", NOON)).assert_status(201).json()["id"], "a");
    assert_eq!(server.get("/orders/a").status, 404);
}

/// Sends a keyed POST and disconnects without reading the response.
fn send_and_hang_up(server: &Server, key: &str, body: &Value) {
    let body = body.to_string();
    let length = body.len();
    let head = format!(
        "POST /orders HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: {key}\r\nContent-Length: {length}\r\n\r\n"
    );
    drop(Raw::connect(server.address()).send(head + &body));
}

#[apply(both_databases)]
fn whoever_lost_the_answer_is_given_it_when_asking_again(database: Database) {
    let (scratch, server) = seeded(database);
    for round in 0..20 {
        let (key, body) =
            (format!("k{round}"), order(&format!("o{round}"), NOON + round * 24 * HOUR));
        send_and_hang_up(&server, &key, &body);
        // In every case the order is created once.
        let answer = send(&server, "POST", "/orders", &key, Some(&body)).assert_status(201);
        assert_eq!(answer.json()["version"], 1);
        assert_replayed_or_first(&answer, &send(&server, "POST", "/orders", &key, Some(&body)));
        assert_eq!(events(&scratch), round + 1);
    }
}

#[apply(both_databases)]
fn a_request_whose_server_is_killed_under_it_is_done_once_when_it_is_sent_again(
    database: Database,
) {
    let (scratch, mut server) = seeded(database);
    for round in 0..10u8 {
        let at = NOON + i64::from(round) * 24 * HOUR;
        let (key, body) = (format!("k{round}"), order(&format!("o{round}"), at));
        send_and_hang_up(&server, &key, &body);
        thread::sleep(Duration::from_micros(u64::from(round) * 300));
        server.kill9();
        server = Server::start(&scratch);
        let answer = send(&server, "POST", "/orders", &key, Some(&body)).assert_status(201);
        assert_replayed_or_first(&answer, &send(&server, "POST", "/orders", &key, Some(&body)));
        assert_eq!(events(&scratch), i64::from(round) + 1);
    }
}

fn assert_replayed_or_first(answer: &Answer, again: &Answer) {
    assert_eq!((answer.status, &answer.body), (again.status, &again.body));
    assert_eq!(again.header("Idempotency-Replayed"), Some("true"), "{again}");
}

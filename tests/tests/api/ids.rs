//! Ids of orders and of requests: chosen by the client, generated, rejected, reused.

use orders_tests::{Answer, Client, Database, HOUR, Server, at, bare_order, order};
use rstest_reuse::apply;
use serde_json::Value;

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

fn create(client: &Client, body: &Value) -> Value {
    client.post("/orders", body).assert_status(201).json()
}

#[apply(both_databases)]
fn without_an_id_the_order_gets_a_uuid_of_version_7(database: Database) {
    let server = Server::fresh(database);
    let answer = server.post("/orders", &bare_order(&at(NOON))).assert_status(201);
    let order = answer.json();
    let id = order["id"].as_str().unwrap_or_default();
    let shape: String = id.chars().map(|c| if c.is_ascii_hexdigit() { 'x' } else { c }).collect();
    assert_eq!(shape, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "{id}");
    assert_eq!(id.get(14..15), Some("7"), "{id}");
    assert!(matches!(id.get(19..20), Some("8" | "9" | "a" | "b")), "{id}");
    assert_eq!(answer.header("Location"), Some(format!("/orders/{id}").as_str()));
    assert_eq!(server.get(format!("/orders/{id}")).assert_status(200).json(), order);
}

#[apply(both_databases)]
fn ids_of_the_allowed_characters_are_taken_and_compared_byte_for_byte(database: Database) {
    let server = Server::fresh(database);
    let long = "x".repeat(64);
    let ids = ["a", "A", "123", "0123", "...", "._~-", "Batch", "batch.", "~", "-", &long, "null"];
    for (day, id) in (0..).zip(ids) {
        create(&server, &order(id, NOON + day * 24 * HOUR));
    }
    for (day, id) in (0..).zip(ids) {
        let read = server.get(format!("/orders/{id}")).assert_status(200).json();
        assert_eq!(read["datetime"], at(NOON + day * 24 * HOUR), "{id}");
    }
}

#[apply(both_databases)]
fn other_ids_are_refused(database: Database) {
    let server = Server::fresh(database);
    let long = "x".repeat(65);
    for id in [
        "", " ", "a b", " a", "a ", ".", "..", "batch", "a/b", "a%41", "ä", "a\u{0}", "a\n", "é",
        "a:b", "a,b", "a;b", "a@b", "'", "\"", "a\\b", "1️⃣", "а", &long,
    ] {
        let answer = server.post("/orders", &order(id, NOON));
        answer.problem(422, "invalid-order");
        assert_eq!(answer.pointers(), ["/id"], "{id:?}");
    }
    assert_eq!(server.all("/orders"), Vec::<Value>::new());
}

#[apply(both_databases)]
fn an_id_that_is_taken_is_refused_even_where_the_time_is_free(database: Database) {
    let server = Server::fresh(database);
    let first = create(&server, &order("taken", NOON));
    server.post("/orders", &order("taken", NOON + 48 * HOUR)).problem(409, "order-exists");
    // Also where the time is not free: of both reasons this is the one to tell.
    server.post("/orders", &order("taken", NOON)).problem(409, "order-exists");
    assert_eq!(server.get("/orders/taken").json(), first);
}

#[apply(both_databases)]
fn the_id_in_a_replacement_must_be_the_path_s(database: Database) {
    let server = Server::fresh(database);
    let before = create(&server, &order("a", NOON));
    for other in ["b", "A", "", "a b"] {
        let answer = server.put("/orders/a", &order(other, NOON + HOUR));
        answer.problem(422, "invalid-order");
        assert_eq!(answer.pointers(), ["/id"]);
    }
    assert_eq!(server.get("/orders/a").json(), before);
    server.put("/orders/a", &order("a", NOON + HOUR)).assert_status(200);
}

#[apply(both_databases)]
fn the_id_of_a_deleted_order_is_used_again_and_its_version_goes_on(database: Database) {
    let server = Server::fresh(database);
    let first = create(&server, &order("a", NOON));
    server.put("/orders/a", &order("a", NOON + HOUR)).assert_status(200);
    server.delete("/orders/a").assert_status(204);
    let answer = server.post("/orders", &order("a", NOON)).assert_status(201);
    // Created, replaced, deleted, created.
    assert_eq!(answer.json()["version"], 4);
    assert_eq!(answer.header("ETag"), Some("\"4\""));
    assert!(answer.json()["created_at"].as_str() >= first["created_at"].as_str());
    let server = server.restart();
    server.delete("/orders/a").assert_status(204);
    assert_eq!(create(&server, &order("a", NOON))["version"], 6);
}

#[apply(both_databases)]
fn every_answer_carries_a_request_id(database: Database) {
    let server = Server::fresh(database);
    let id_of = |answer: &Answer| answer.header("X-Request-Id").unwrap_or_default().to_owned();
    let ask = |id: &str| server.request("GET", "/orders/none").header("X-Request-Id", id).send();
    for sane in ["abc-123", "0192f0c1-7e2b-7cc1-8a57-1e64c1f2b3a4", "A.b_c"] {
        let answer = ask(sane);
        assert_eq!(id_of(&answer), sane);
        assert_eq!(answer.problem(404, "not-found")["request_id"], sane);
    }
    let long = "x".repeat(5_000);
    for odd in ["", "a b", "<script>", "a\"b", &long] {
        let answer = ask(odd);
        assert_ne!(id_of(&answer), odd);
        answer.problem(404, "not-found");
    }
    let answers = ["/orders", "/healthz", "/none", "/policy"].map(|path| server.get(path));
    let mut ids: Vec<String> = answers.iter().map(id_of).collect();
    ids.sort();
    ids.dedup();
    assert!(ids.len() == 4 && ids.iter().all(|id| !id.is_empty()), "{ids:?}");
}

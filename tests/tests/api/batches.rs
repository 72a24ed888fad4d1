//! Batches: several operations in one request, atomic or each on its own.
#![expect(clippy::indexing_slicing, reason = "a test may fail")]

use orders_tests::{Answer, Database, HOUR, MINUTE, Server, at, order};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

fn create(id: &str, millis: i64) -> Value {
    json!({"op": "create", "order": order(id, millis)})
}

fn replace(id: &str, millis: i64) -> Value {
    json!({"op": "replace", "id": id, "order": order(id, millis)})
}

fn delete(id: &str) -> Value {
    json!({"op": "delete", "id": id})
}

fn send(server: &Server, mode: &str, operations: &[Value]) -> Answer {
    server.post("/orders/batch", &json!({"mode": mode, "operations": operations}))
}

/// The status of each result, with the code of each rejection.
fn told(results: &Value) -> Vec<(u64, String)> {
    let one = |result: &Value| {
        let kind = result["problem"]["type"].as_str().unwrap_or_default();
        let status = result["status"].as_u64().unwrap_or_default();
        (status, kind.trim_start_matches("/problems/").to_owned())
    };
    results["results"].as_array().into_iter().flatten().map(one).collect()
}

fn expected(results: &[(u64, &str)]) -> Vec<(u64, String)> {
    results.iter().map(|(status, code)| (*status, (*code).to_owned())).collect()
}

#[apply(both_databases)]
fn each_operation_sees_those_before_it_and_stands_alone(database: Database) {
    let server = Server::with_sample_data(database);
    let answer = send(
        &server,
        "each",
        &[
            create("a", NOON),
            create("b", NOON + 2 * HOUR),
            create("c", NOON + 4 * HOUR),
            replace("a", NOON - HOUR),
            delete("c"),
            delete("c"),
            json!({"op": "replace", "id": "a", "if_match": 9, "order": order("a", NOON)}),
            json!({"op": "create", "order": {"datetime": "soon"}}),
            create("b", NOON + 2 * HOUR),
        ],
    )
    .assert_status(200);
    let results = answer.json();
    assert_eq!(
        told(&results),
        expected(&[
            (201, ""),
            (409, "order-conflict"),
            (201, ""),
            (200, ""),
            (204, ""),
            (404, "not-found"),
            (412, "version-mismatch"),
            (422, "invalid-order"),
            (201, ""),
        ]),
        "{answer}"
    );
    let results = results["results"].as_array().cloned().unwrap_or_default();
    assert_eq!(results[0]["order"]["id"], "a");
    assert_eq!(results[1]["problem"]["conflicts"][0]["order_id"], "a");
    assert!(results[4].get("order").is_none(), "{answer}");
    let pointers: Vec<&Value> = results[7]["problem"]["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|e| &e["pointer"])
        .collect();
    assert!(pointers.contains(&&json!("/operations/7/order/datetime")), "{answer}");
    assert_eq!(server.get("/orders/a").json()["version"], 2);
}

#[apply(both_databases)]
fn an_atomic_batch_may_swap_two_orders_and_shift_a_day(database: Database) {
    let server = Server::with_sample_data(database);
    let day: Vec<Value> = (0..8).map(|n| create(&format!("o{n}"), NOON + n * 3 * HOUR)).collect();
    send(&server, "atomic", &day).assert_status(200);
    let swap = [replace("o0", NOON + 3 * HOUR), replace("o1", NOON)];
    assert_eq!(told(&send(&server, "atomic", &swap).json()), expected(&[(200, ""), (200, "")]));
    assert_eq!(server.get("/orders/o1").json()["datetime"], at(NOON));
    let shift: Vec<Value> =
        (0..8).map(|n| replace(&format!("o{n}"), NOON + n * 3 * HOUR + 30 * MINUTE)).collect();
    send(&server, "atomic", &shift).assert_status(200);
    assert_eq!(server.get("/orders/o7").json()["datetime"], at(NOON + 21 * HOUR + 30 * MINUTE));
    send(&server, "atomic", &[delete("o0"), create("new", NOON + 30 * MINUTE)]).assert_status(200);
    // One by one, the shift would be rejected.
    let moves = [replace("o1", NOON + 30 * MINUTE), replace("o2", NOON + 3 * HOUR + 30 * MINUTE)];
    assert_eq!(told(&send(&server, "each", &moves).json())[0].0, 409);
}

#[apply(both_databases)]
fn an_atomic_batch_that_fails_writes_nothing_and_says_what_was_fine(database: Database) {
    let server = Server::fresh(database);
    let stored = server.post("/orders", &order("a", NOON)).assert_status(201).json();
    let answer = send(
        &server,
        "atomic",
        &[
            create("b", NOON + 9 * HOUR),
            create("c", NOON + 10 * HOUR),
            create("d", NOON + HOUR),
            json!({"op": "create", "order": {}}),
            delete("none"),
        ],
    );
    let problem = answer.problem(409, "batch-refused");
    assert_eq!(
        told(&problem),
        expected(&[
            (424, "not-attempted"),
            (409, "order-conflict"),
            (409, "order-conflict"),
            (422, "invalid-order"),
            (404, "not-found"),
        ])
    );
    assert_eq!(problem["results"][1]["problem"]["conflicts"][0]["order_id"], "b");
    // The first failure gives the status.
    let first_invalid = [json!({"op": "create", "order": {}}), create("d", NOON + HOUR)];
    send(&server, "atomic", &first_invalid).problem(422, "batch-refused");
    server.assert_untouched(&[stored]);
}

#[apply(both_databases)]
fn a_dry_run_answers_the_same_and_writes_nothing(database: Database) {
    let server = Server::fresh(database);
    let stored = server.post("/orders", &order("a", NOON)).assert_status(201).json();
    for mode in ["atomic", "each"] {
        let operations = [create("b", NOON + 3 * HOUR), replace("a", NOON - HOUR)];
        let body = json!({"mode": mode, "dry_run": true, "operations": operations});
        let answer = server.post("/orders/batch", &body).assert_status(200);
        assert_eq!(told(&answer.json()), expected(&[(201, ""), (200, "")]), "{answer}");
    }
    server.assert_untouched(&[stored]);
}

#[apply(both_databases)]
fn what_is_no_batch_is_refused_whole(database: Database) {
    let server = Server::fresh(database);
    let post = |body: &Value| server.post("/orders/batch", body);
    post(&json!([])).problem(400, "malformed-json");
    for (body, pointer) in [
        (json!({}), "/operations"),
        (json!({"mode": "each"}), "/operations"),
        (json!({"mode": "each", "operations": []}), "/operations"),
        (json!({"mode": "each", "operations": 7}), "/operations"),
        (json!({"mode": "some", "operations": [delete("a")]}), "/mode"),
        (json!({"operations": [delete("a")]}), "/mode"),
        (json!({"mode": "each", "dry_run": 1, "operations": [delete("a")]}), "/dry_run"),
        (json!({"mode": "each", "speed": 1, "operations": [delete("a")]}), "/speed"),
        (json!({"mode": "each", "operations": [delete("a"), {"op": "sell"}]}), "/operations/1/op"),
        (json!({"mode": "each", "operations": [7]}), "/operations/0/op"),
        (json!({"mode": "atomic", "operations": [delete("a"), delete("a")]}), "/operations/1"),
    ] {
        let answer = post(&body);
        answer.problem(422, "invalid-batch");
        assert!(answer.pointers().iter().any(|one| one == pointer), "{body}: {answer}");
    }
    let many = vec![delete("a"); 10_001];
    send(&server, "each", &many).problem(422, "invalid-batch");
    let services: Vec<Value> = (1..=100).map(|id| json!({"id": id})).collect();
    let heavy = json!({"op": "create", "order": {"services": services}});
    send(&server, "each", &vec![heavy; 200]).problem(413, "body-too-large");
    server.assert_untouched(&[]);
}

#[apply(both_databases)]
fn ten_thousand_operations_are_one_request(database: Database) {
    let server = Server::fresh(database);
    let slot = |n: i64| NOON + n * 3 * HOUR;
    let creations: Vec<Value> = (0..10_000).map(|n| create(&format!("o{n}"), slot(n))).collect();
    let results = send(&server, "atomic", &creations).assert_status(200).json();
    assert_eq!(told(&results), vec![(201, String::new()); 10_000]);
    let refused: Vec<Value> =
        (0..500).map(|n| create(&format!("x{n}"), slot(n * 20) + HOUR)).collect();
    let results = send(&server, "each", &refused).assert_status(200).json();
    assert_eq!(told(&results), vec![(409, "order-conflict".to_owned()); 500]);
    // In the middle of a run of more than a thousand there is no room within reach; at its end there is.
    let suggestions = |n: usize| results["results"][n]["problem"]["suggestions"].clone();
    assert_eq!(suggestions(250), json!({"previous": null, "next": null}));
    assert_eq!(suggestions(0)["previous"], at(slot(-1)));
    assert_eq!(suggestions(499)["next"], at(slot(10_000)));
}

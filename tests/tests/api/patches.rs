//! Merge patches: partial changes of an order.

use orders_tests::{Answer, Database, HOUR, Server, at, order};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

fn patch(server: &Server, id: &str, body: &Value) -> Answer {
    server.request("PATCH", format!("/orders/{id}")).json(body).send()
}

#[apply(both_databases)]
fn what_is_not_in_the_patch_stays(database: Database) {
    let server = Server::fresh(database);
    let before = server.post("/orders", &order("a", NOON)).assert_status(201).json();
    let after = patch(&server, "a", &json!({"totalfee": "7.50"})).assert_status(200);
    assert_eq!(after.header("ETag"), Some("\"2\""));
    let mut expected = before.clone();
    expected["totalfee"] = json!(7.5);
    expected["version"] = json!(2);
    expected["updated_at"] = after.json()["updated_at"].clone();
    assert_eq!(after.json(), expected);
    let same = patch(&server, "a", &json!({})).assert_status(200).json();
    assert_eq!(same, expected, "nothing to change");
    let back = patch(&server, "a", &before).assert_status(200).json();
    assert_eq!((&back["totalfee"], &back["version"]), (&before["totalfee"], &json!(3)));
}

#[apply(both_databases)]
fn a_patch_that_moves_an_order_is_judged_by_the_rule(database: Database) {
    let server = Server::fresh(database);
    server.post("/orders", &order("a", NOON)).assert_status(201);
    server.post("/orders", &order("b", NOON + 3 * HOUR)).assert_status(201);
    let to = |millis: i64| json!({"datetime": at(millis)});
    patch(&server, "b", &to(NOON + 3 * HOUR - 1)).problem(409, "order-conflict");
    patch(&server, "b", &to(NOON + 3 * HOUR + 1)).assert_status(200);
    patch(&server, "a", &json!({"services": [{"id": 999}]})).problem(422, "unknown-service");
    patch(&server, "none", &json!({})).problem(404, "not-found");
}

#[apply(both_databases)]
fn a_patch_is_checked_as_an_order_is(database: Database) {
    let server = Server::fresh(database);
    let stored = server.post("/orders", &order("a", NOON)).assert_status(201).json();
    let body =
        json!({"datetime": null, "totalfee": 1.005, "services": [], "colour": 1, "id": "b c"});
    let answer = patch(&server, "a", &body);
    answer.problem(422, "invalid-order");
    let mut pointers = answer.pointers();
    pointers.sort();
    assert_eq!(pointers, ["/colour", "/datetime", "/id", "/services", "/totalfee"]);
    patch(&server, "a", &json!({"id": "b"})).problem(422, "invalid-order");
    patch(&server, "a", &json!([])).problem(422, "invalid-order");
    let stale = server.request("PATCH", "/orders/a").header("If-Match", "\"9\"");
    stale.json(&json!({"totalfee": 5})).send().problem(412, "version-mismatch");
    let text = server.request("PATCH", "/orders/a").header("Content-Type", "text/plain");
    let answer = text.body("{}").send();
    answer.problem(415, "unsupported-media-type");
    assert!(
        answer.header("Accept-Patch").unwrap_or_default().contains("application/merge-patch+json")
    );
    server.assert_untouched(&[stored]);
}

#[apply(both_databases)]
fn both_media_types_of_a_patch_are_read(database: Database) {
    let server = Server::fresh(database);
    server.post("/orders", &order("a", NOON)).assert_status(201);
    for (fee, media) in [(1, "application/merge-patch+json"), (2, "application/json")] {
        let request = server.request("PATCH", "/orders/a").header("Content-Type", media);
        let answer = request.body(json!({"totalfee": fee}).to_string()).send().assert_status(200);
        assert_eq!(answer.json()["totalfee"], fee);
    }
}

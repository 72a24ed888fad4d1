//! The history of an order, and how a deleted order is restored.

use orders_tests::{Database, HOUR, Server, order};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

fn restore(server: &Server, id: &str) -> orders_tests::Answer {
    server.request("POST", format!("/orders/{id}/restore")).send()
}

#[apply(both_databases)]
fn every_change_is_told_oldest_first_and_stays_after_deletion(database: Database) {
    let server = Server::fresh(database);
    server.get("/orders/a/history").problem(404, "not-found");
    let created = server.post("/orders", &order("a", NOON)).assert_status(201).json();
    let updated = server.put("/orders/a", &order("a", NOON + HOUR)).assert_status(200).json();
    server.put("/orders/a", &order("a", NOON + HOUR)).assert_status(200);
    server.delete("/orders/a").assert_status(204);
    let restored = restore(&server, "a").assert_status(200).json();
    let history = server.get("/orders/a/history").assert_status(200).json();
    let told: Vec<Value> = history["data"].as_array().cloned().unwrap_or_default();
    let kinds: Vec<&str> = told.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds, ["order.created", "order.updated", "order.deleted", "order.restored"]);
    let null = Value::Null;
    let feed = server.get("/events").json()["feed"].as_str().unwrap_or_default().to_owned();
    let source = json!(format!("/orders/{feed}"));
    for (event, (before, after)) in told.iter().zip([
        (&null, &created),
        (&created, &updated),
        (&updated, &null),
        (&null, &restored),
    ]) {
        assert_eq!((&event["data"]["before"], &event["data"]["after"]), (before, after));
        assert_eq!((&event["subject"], &event["source"]), (&json!("a"), &source));
        assert_eq!(event["specversion"], "1.0");
        let sequence: u64 = event["sequence"].as_str().unwrap_or_default().parse().unwrap_or(0);
        assert_eq!(event["id"], sequence.to_string());
    }
    let sequences: Vec<&str> = told.iter().filter_map(|event| event["id"].as_str()).collect();
    assert_eq!(sequences, ["1", "2", "3", "4"], "a change that changes nothing is no event");
    // The pages give the same history.
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(format!("/orders/a/history?limit=1{cursor}")).json();
        paged.extend(page["data"].as_array().cloned().unwrap_or_default());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(paged, told);
    server.get("/orders/b/history?limit=1&cursor=x").problem(400, "invalid-parameter");
}

#[apply(both_databases)]
fn a_deleted_order_comes_back_as_it_last_was(database: Database) {
    let server = Server::fresh(database);
    restore(&server, "a").problem(404, "not-found");
    let before = server.post("/orders", &order("a", NOON)).assert_status(201).json();
    restore(&server, "a").problem(409, "order-exists");
    server.delete("/orders/a").assert_status(204);
    server.post("/orders", &order("b", NOON + HOUR)).assert_status(201);
    let refused = restore(&server, "a").problem(409, "order-conflict");
    assert_eq!(refused["conflicts"][0]["order_id"], "b");
    server.delete("/orders/b").assert_status(204);
    let answer = restore(&server, "a").assert_status(200);
    assert_eq!(answer.header("ETag"), Some("\"3\""));
    let mut expected = before;
    expected["version"] = json!(3);
    expected["updated_at"] = answer.json()["updated_at"].clone();
    assert_eq!(answer.json(), expected);
    server.assert_untouched(&[expected]);
}

#[apply(both_databases)]
fn an_order_whose_service_is_gone_does_not_come_back(database: Database) {
    let server = Server::with_sample_data(database);
    server.delete("/orders/224").assert_status(204);
    server.delete("/services/789").assert_status(204);
    restore(&server, "224").problem(422, "unknown-service");
}

#[apply(both_databases)]
fn members_of_the_sample_group_come_back_into_it(database: Database) {
    let server = Server::with_sample_data(database);
    server.delete("/orders/224").assert_status(204);
    restore(&server, "224").assert_status(200);
}

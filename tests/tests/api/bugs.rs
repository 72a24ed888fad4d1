//! Bugs of other implementations of this task: one test for each, named after the bug.

use orders_tests::{Database, HOUR, MINUTE, Server, at, bare_order, order};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;
const DAY: i64 = 24 * HOUR;

/// With one order stored, creates one this much later and one this much earlier.
fn assert_gap(database: Database, gap: i64, status: u16) {
    let server = Server::fresh(database);
    server.post("/orders", &order("stored", NOON)).assert_status(201);
    server.post("/orders", &order("moved", NOON + 90 * DAY)).assert_status(201);
    for millis in [NOON + gap, NOON - gap] {
        let created = server.post("/orders", &order("created", millis)).assert_status(status);
        if created.status == 201 {
            server.delete("/orders/created").assert_status(204);
        }
        let moved = if status == 201 { 200 } else { status };
        server.put("/orders/moved", &order("moved", millis)).assert_status(moved);
    }
}

#[apply(both_databases)]
fn the_window_is_not_three_seconds(database: Database) {
    assert_gap(database, 3_000, 409);
}

#[apply(both_databases)]
fn the_window_is_not_ten_point_eight_seconds(database: Database) {
    assert_gap(database, 10_800, 409);
    assert_gap(database, MINUTE, 409);
}

#[apply(both_databases)]
fn the_window_is_not_thirty_hours(database: Database) {
    assert_gap(database, 29 * HOUR, 201);
}

#[apply(both_databases)]
fn the_window_is_not_three_days(database: Database) {
    assert_gap(database, 2 * DAY, 201);
    assert_gap(database, 3 * DAY - 1, 201);
}

#[apply(both_databases)]
fn the_window_is_not_seven_and_a_half_days(database: Database) {
    assert_gap(database, 7 * DAY, 201);
}

#[apply(both_databases)]
fn the_window_is_not_made_four_hours_by_rounding_the_difference_down(database: Database) {
    assert_gap(database, 3 * HOUR, 201);
    assert_gap(database, 3 * HOUR + 59 * MINUTE, 201);
}

#[apply(both_databases)]
fn the_test_is_not_inverted(database: Database) {
    assert_gap(database, 3 * HOUR + 1, 201);
    assert_gap(database, 3 * HOUR - 1, 409);
}

#[apply(both_databases)]
fn not_only_earlier_orders_are_checked(database: Database) {
    let server = Server::fresh(database);
    server.post("/orders", &order("later", NOON)).assert_status(201);
    server.post("/orders", &order("new", NOON - HOUR)).problem(409, "order-conflict");
    server.post("/orders", &order("new", NOON + HOUR)).problem(409, "order-conflict");
}

#[apply(both_databases)]
fn the_datetime_sent_is_not_replaced_by_now(database: Database) {
    let server = Server::fresh(database);
    for (id, sent) in [("past", "1999-12-31T23:59:59.999Z"), ("future", "2099-01-01T00:00:00.000Z")]
    {
        let mut body = bare_order(sent);
        body["id"] = json!(id);
        assert_eq!(server.post("/orders", &body).assert_status(201).json()["datetime"], sent);
        assert_eq!(server.get(format!("/orders/{id}")).json()["datetime"], sent);
        body["totalfee"] = json!(5);
        assert_eq!(
            server.put(format!("/orders/{id}"), &body).assert_status(200).json()["datetime"],
            sent
        );
    }
}

#[apply(both_databases)]
fn an_order_does_not_conflict_with_itself_on_update(database: Database) {
    let server = Server::fresh(database);
    server.post("/orders", &order("a", NOON)).assert_status(201);
    server.put("/orders/a", &order("a", NOON)).assert_status(200);
    server.put("/orders/a", &order("a", NOON + HOUR)).assert_status(200);
    let mut dearer = order("a", NOON + HOUR);
    dearer["totalfee"] = json!(101);
    server.put("/orders/a", &dearer).assert_status(200);
}

#[apply(both_databases)]
fn no_time_zone_is_added_by_hand(database: Database) {
    let server = Server::fresh(database);
    let sent = bare_order("2022-07-01T12:00:00+02:00");
    let created = server.post("/orders", &sent).assert_status(201).json();
    assert_eq!(created["datetime"], "2022-07-01T10:00:00.000Z");
    server.post("/orders", &bare_order("2022-07-01T13:00:00Z")).assert_status(201);
    server.post("/orders", &bare_order("2022-07-01T12:59:59Z")).problem(409, "order-conflict");
}

#[apply(both_databases)]
fn nothing_is_kept_in_a_variable_of_the_process(database: Database) {
    let server = Server::fresh(database);
    let other = Server::start(server.scratch());
    let written = server.post("/orders", &order("a", NOON)).assert_status(201).json();
    assert_eq!(other.get("/orders/a").assert_status(200).json(), written);
    other.post("/orders", &order("b", NOON + HOUR)).problem(409, "order-conflict");
    other.put("/orders/a", &order("a", NOON + DAY)).assert_status(200);
    assert_eq!(server.get("/orders/a").json()["version"], 2);
    server.post("/orders", &order("b", NOON)).assert_status(201);
    let server = server.restart();
    assert_eq!(server.all("/orders").len(), 2);
    server.post("/orders", &order("c", NOON + HOUR)).problem(409, "order-conflict");
    other.delete("/orders/b").assert_status(204);
    server.get("/orders/b").problem(404, "not-found");
}

#[apply(both_databases)]
fn the_rule_is_mounted_on_creation_and_on_replacement(database: Database) {
    assert_gap(database, 0, 409);
}

#[apply(both_databases)]
fn money_is_neither_a_string_nor_a_float(database: Database) {
    let server = Server::fresh(database);
    let mut body = order("a", NOON);
    body["totalfee"] = json!("70368744177.93");
    let created = server.post("/orders", &body).assert_status(201);
    assert!(created.text().contains("\"totalfee\":70368744177.93"), "{created}");
    body["totalfee"] = json!(100);
    let whole = server.put("/orders/a", &body).assert_status(200);
    assert!(whole.text().contains("\"totalfee\":100,"), "{whole}");
    // A tenth and two tenths, stored exactly: not 0.30000000000000004.
    body["totalfee"] = json!(0.3);
    let tenths = server.put("/orders/a", &body).assert_status(200);
    assert!(tenths.text().contains("\"totalfee\":0.3,"), "{tenths}");
    body["totalfee"] = json!(0.1 + 0.2);
    server.put("/orders/a", &body).problem(422, "invalid-order");
}

#[apply(both_databases)]
fn an_unknown_id_is_404_and_never_500(database: Database) {
    let server = Server::fresh(database);
    for id in
        ["999", "0", "-1", "none", "123456789012345678901234567890", "null", "undefined", "NaN"]
    {
        server.get(format!("/orders/{id}")).problem(404, "not-found");
        server.delete(format!("/orders/{id}")).problem(404, "not-found");
        server.put(format!("/orders/{id}"), &bare_order(&at(NOON))).problem(404, "not-found");
    }
    assert_eq!(server.all("/orders"), Vec::<Value>::new());
}

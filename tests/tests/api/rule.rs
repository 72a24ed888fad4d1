//! The rule: orders of one calendar are at least the minimum gap apart.

use orders_tests::{Client, Database, HOUR, Server, at, bare_order, millis_of, order};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;
const WINDOW: i64 = 3 * HOUR;

fn create(client: &Client, id: &str, millis: i64) {
    client.post("/orders", &order(id, millis)).assert_status(201);
}

/// The ids of the orders that a rejection names.
fn named(problem: &Value) -> Vec<&str> {
    let conflicts = problem["conflicts"].as_array().into_iter().flatten();
    conflicts.filter_map(|conflict| conflict["order_id"].as_str()).collect()
}

#[apply(both_databases)]
fn an_order_exactly_three_hours_from_another_is_accepted_and_one_closer_refused(
    database: Database,
) {
    let server = Server::fresh(database);
    create(&server, "a", NOON);
    for gap in [0, 1, 1_000, HOUR, 2 * HOUR, WINDOW - 1_000, WINDOW - 1] {
        for millis in [NOON - gap, NOON + gap] {
            let answer = server.post("/orders", &order("b", millis));
            assert_eq!(named(&answer.problem(409, "order-conflict")), ["a"], "{gap}");
        }
    }
    for millis in [NOON - WINDOW, NOON + WINDOW, NOON + 2 * WINDOW + 1] {
        create(&server, &format!("at{millis}"), millis);
    }
    assert_eq!(server.all("/orders").len(), 4);
}

#[apply(both_databases)]
fn the_rule_holds_for_a_replacement_too(database: Database) {
    let server = Server::fresh(database);
    create(&server, "a", NOON);
    create(&server, "b", NOON + 24 * HOUR);
    let before = server.get("/orders/b").json();
    for gap in [0, 1, HOUR, WINDOW - 1] {
        for millis in [NOON - gap, NOON + gap] {
            let answer = server.put("/orders/b", &order("b", millis));
            let problem = answer.problem(409, "order-conflict");
            assert_eq!((named(&problem), &problem["instance"]), (vec!["a"], &json!("/orders/b")));
        }
    }
    assert_eq!(server.get("/orders/b").json(), before);
    for (version, millis) in [(2, NOON - WINDOW), (3, NOON + WINDOW)] {
        let moved = server.put("/orders/b", &order("b", millis)).assert_status(200).json();
        assert_eq!(moved["version"], version);
    }
}

#[apply(both_databases)]
fn the_offset_in_which_an_instant_is_spelled_does_not_matter(database: Database) {
    let server = Server::fresh(database);
    server.post("/orders", &bare_order("2022-11-01T12:00:00+14:00")).assert_status(201);
    // 2022-10-31T22:00:00Z is what that is.
    for taken in
        ["2022-10-31T12:00:00-12:00", "2022-11-01T00:59:59.999Z", "2022-10-31T14:00:00.001-05:00"]
    {
        server.post("/orders", &bare_order(taken)).problem(409, "order-conflict");
    }
    // The same reading of the clock, elsewhere.
    server.post("/orders", &bare_order("2022-11-01T12:00:00-12:00")).assert_status(201);
    server.post("/orders", &bare_order("2022-11-01T03:00:00+02:00")).assert_status(201);
}

#[apply(both_databases)]
fn hours_are_counted_as_they_pass_when_the_clocks_change(database: Database) {
    let server = Server::fresh(database);
    // The clocks go forward: the wall shows three hours where two pass.
    server.post("/orders", &bare_order("2022-03-27T01:30:00+01:00")).assert_status(201);
    server.post("/orders", &bare_order("2022-03-27T04:30:00+02:00")).problem(409, "order-conflict");
    server.post("/orders", &bare_order("2022-03-27T05:30:00+02:00")).assert_status(201);
    // They go back: the wall shows two hours where three pass.
    server.post("/orders", &bare_order("2022-10-30T01:00:00+02:00")).assert_status(201);
    server
        .post("/orders", &bare_order("2022-10-30T02:59:59.999+01:00"))
        .problem(409, "order-conflict");
    server.post("/orders", &bare_order("2022-10-30T03:00:00+01:00")).assert_status(201);
    // One reading of the wall, an hour apart.
    server.post("/orders", &bare_order("2023-10-29T02:30:00+02:00")).assert_status(201);
    server.post("/orders", &bare_order("2023-10-29T02:30:00+01:00")).problem(409, "order-conflict");
}

#[apply(both_databases)]
fn a_refusal_is_spelled_as_the_contract_shows(database: Database) {
    let server = Server::fresh(database);
    create(&server, "223", 1_667_301_071_111);
    let answer = server.post("/orders", &bare_order("2022-11-01T11:41:11.111Z"));
    let problem = answer.problem(409, "order-conflict");
    assert_eq!(
        problem,
        json!({
            "type": "/problems/order-conflict", "title": "Too close to another order", "status": 409,
            "detail": "Order 223 is 30 minutes earlier; orders must be at least 3 hours apart.",
            "instance": "/orders", "request_id": problem["request_id"],
            "policy": {"window": "PT3H", "scope": "global", "edit_lock": null},
            "conflicts": [{"order_id": "223", "datetime": "2022-11-01T11:11:11.111Z",
                           "gap_ms": -1_800_000, "services": ["123"]}],
            "conflict_count": 1,
            "suggestions": {"previous": "2022-11-01T08:11:11.111Z", "next": "2022-11-01T14:11:11.111Z"},
        })
    );
    let earlier = server.post("/orders", &bare_order("2022-11-01T10:41:11.111Z"));
    let problem = earlier.problem(409, "order-conflict");
    assert_eq!(problem["conflicts"][0]["gap_ms"], 1_800_000);
    assert!(
        problem["detail"].as_str().is_some_and(|text| text.contains("30 minutes later")),
        "{earlier}"
    );
    let text = answer.text();
    assert!(!text.contains("-1800000.0") && text.contains("-1800000"), "{text}");
}

#[apply(both_databases)]
fn both_neighbours_are_named_the_nearest_first(database: Database) {
    let server = Server::fresh(database);
    create(&server, "before", NOON);
    create(&server, "after", NOON + 4 * HOUR);
    let mut body = order("new", NOON + 2 * HOUR + 1);
    body["services"] = json!([{"id": "456"}]);
    let problem = server.post("/orders", &body).problem(409, "order-conflict");
    assert_eq!(named(&problem), ["after", "before"]);
    assert_eq!(problem["conflict_count"], 2);
    assert_eq!(problem["conflicts"][0]["gap_ms"], 2 * HOUR - 1);
    assert_eq!(problem["conflicts"][1]["gap_ms"], -2 * HOUR - 1);
    // In one calendar for all: the other order's services, not the shared ones.
    assert_eq!(problem["conflicts"][0]["services"], json!(["123"]));
    assert_eq!(
        problem["suggestions"],
        json!({"previous": at(NOON - WINDOW), "next": at(NOON + 7 * HOUR)})
    );
}

#[apply(both_databases)]
fn both_suggestions_are_the_nearest_and_are_accepted(database: Database) {
    let server = Server::fresh(database);
    // A run without a gap; then a gap a millisecond too short; then one that just fits.
    for hours in [0, 3, 6] {
        create(&server, &format!("run{hours}"), NOON + hours * HOUR);
    }
    create(&server, "short", NOON + 12 * HOUR - 1);
    create(&server, "fits", NOON + 18 * HOUR - 1);
    let ask = |millis: i64| {
        let problem = server.post("/orders", &order("new", millis)).problem(409, "order-conflict");
        let instant = |name: &str| problem["suggestions"][name].as_str().map(millis_of);
        (instant("previous").unwrap_or_default(), instant("next").unwrap_or_default())
    };
    let (previous, next) = ask(NOON + 4 * HOUR);
    assert_eq!((previous, next), (NOON - WINDOW, NOON + 15 * HOUR - 1));
    // Nearer times would be rejected.
    ask(previous + 1);
    ask(next - 1);
    create(&server, "previous", previous);
    create(&server, "next", next);
    assert_eq!(ask(NOON + 4 * HOUR), (NOON - 2 * WINDOW, NOON + 21 * HOUR - 1));
}

#[apply(both_databases)]
fn a_suggestion_for_a_move_does_not_count_the_order_itself(database: Database) {
    let server = Server::fresh(database);
    create(&server, "a", NOON);
    create(&server, "b", NOON + WINDOW);
    let problem =
        server.put("/orders/b", &order("b", NOON + 2 * HOUR)).problem(409, "order-conflict");
    assert_eq!(
        problem["suggestions"],
        json!({"previous": at(NOON - WINDOW), "next": at(NOON + WINDOW)})
    );
}

#[apply(both_databases)]
fn no_instant_outside_the_years_is_suggested(database: Database) {
    let server = Server::fresh(database);
    server.post("/orders", &bare_order("0001-01-01T02:59:59.999Z")).assert_status(201);
    server.post("/orders", &bare_order("9999-12-31T21:00:00Z")).assert_status(201);
    let first =
        server.post("/orders", &bare_order("0001-01-01T00:00:00Z")).problem(409, "order-conflict");
    assert_eq!(first["suggestions"], json!({"previous": null, "next": "0001-01-01T05:59:59.999Z"}));
    let last = server
        .post("/orders", &bare_order("9999-12-31T23:59:59.999Z"))
        .problem(409, "order-conflict");
    assert_eq!(last["suggestions"], json!({"previous": "9999-12-31T18:00:00.000Z", "next": null}));
}

#[apply(both_databases)]
fn the_search_for_a_free_instant_is_bounded(database: Database) {
    let scratch = database.fresh();
    let orders: Vec<Value> =
        (0..1_200).map(|n| order(&format!("o{n}"), NOON + n * WINDOW)).collect();
    let data = json!({"services": [{"id": 123, "name": "Inspection"}], "orders": orders});
    let file = scratch.write("orders.json", data.to_string());
    drop(scratch.run(&["import", &file, "--on-conflict", "accept-group"]).assert_fine());
    let server = Server::start(&scratch);
    let ask = |millis: i64| {
        let answer = server.post("/orders", &order("new", millis));
        answer.problem(409, "order-conflict")["suggestions"].clone()
    };
    // 1 200 occupied intervals precede the next free time, so the search stops before it.
    assert_eq!(ask(NOON), json!({"previous": at(NOON - WINDOW), "next": null}));
    let last = NOON + 1_199 * WINDOW;
    assert_eq!(ask(last), json!({"previous": null, "next": at(last + WINDOW)}));
    let in_reach = NOON + 300 * WINDOW;
    assert_eq!(ask(in_reach), json!({"previous": at(NOON - WINDOW), "next": at(last + WINDOW)}));
}

#[apply(both_databases)]
fn an_order_is_not_in_conflict_with_itself(database: Database) {
    let server = Server::fresh(database);
    create(&server, "a", NOON);
    for shift in [1, -1, HOUR, -HOUR, WINDOW - 1, 0] {
        let moved = server.put("/orders/a", &order("a", NOON + shift)).assert_status(200).json();
        assert_eq!(moved["datetime"], at(NOON + shift));
    }
    // What it left is free at once, and no more than that.
    server.put("/orders/a", &order("a", NOON + WINDOW)).assert_status(200);
    server.post("/orders", &order("b", NOON + 1)).problem(409, "order-conflict");
    create(&server, "b", NOON);
}

#[apply(both_databases)]
fn deleting_an_order_frees_its_time_at_once(database: Database) {
    let server = Server::fresh(database);
    for round in 0..5 {
        create(&server, &format!("a{round}"), NOON);
        server.post("/orders", &order("b", NOON + HOUR)).problem(409, "order-conflict");
        server.delete(format!("/orders/a{round}")).assert_status(204);
    }
    create(&server, "b", NOON + HOUR);
}

#[apply(both_databases)]
fn the_sample_orders_share_an_instant_and_block_every_later_order(database: Database) {
    let server = Server::with_sample_data(database);
    let shared = 1_667_301_071_111;
    for gap in [0, HOUR, WINDOW - 1] {
        let problem =
            server.post("/orders", &order("new", shared + gap)).problem(409, "order-conflict");
        let mut ids = named(&problem);
        ids.sort_unstable();
        assert_eq!((ids, &problem["conflict_count"]), (vec!["223", "224", "225"], &json!(3)));
    }
    // Changing the fee of one is never rejected, not even then.
    for fee in [1, 2] {
        let mut body = server.get("/orders/224").json();
        body["totalfee"] = json!(fee);
        server.put("/orders/224", &body).assert_status(200);
    }
    // Nor are its services, in one calendar for all.
    let mut body = server.get("/orders/224").json();
    body["services"] = json!([{"id": "123"}]);
    server.put("/orders/224", &body).assert_status(200);
    create(&server, "new", shared + WINDOW);
}

#[apply(both_databases)]
fn an_order_that_leaves_its_group_is_judged_like_any_other(database: Database) {
    let server = Server::with_sample_data(database);
    let shared = 1_667_301_071_111;
    // Within the window of those it leaves.
    let problem =
        server.put("/orders/223", &order("223", shared + HOUR)).problem(409, "order-conflict");
    assert_eq!(named(&problem), ["224", "225"]);
    server.put("/orders/223", &order("223", shared + WINDOW)).assert_status(200);
    // Once out, it does not come back.
    let problem = server.put("/orders/223", &order("223", shared)).problem(409, "order-conflict");
    assert_eq!(named(&problem), ["224", "225"]);
    // A new order under the id of a deleted member is not in the group.
    server.delete("/orders/224").assert_status(204);
    let problem = server.post("/orders", &order("224", shared)).problem(409, "order-conflict");
    assert_eq!(named(&problem), ["225"]);
    server.delete("/orders/225").assert_status(204);
    server.put("/orders/223", &order("223", shared + HOUR)).assert_status(200);
}

#[apply(both_databases)]
fn at_most_ten_conflicts_are_named_and_all_are_counted(database: Database) {
    let scratch = database.fresh();
    let orders: Vec<Value> = (0..14).map(|n| order(&format!("o{n}"), NOON + n * 60_000)).collect();
    let data = json!({"services": [{"id": 123, "name": "Inspection"}], "orders": orders});
    let file = scratch.write("orders.json", data.to_string());
    drop(scratch.run(&["import", &file, "--on-conflict", "accept-group"]).assert_fine());
    let server = Server::start(&scratch);
    let problem = server.post("/orders", &order("new", NOON - 1)).problem(409, "order-conflict");
    assert_eq!(problem["conflict_count"], 14);
    let nearest: Vec<String> = (0..10).map(|n| format!("o{n}")).collect();
    assert_eq!(named(&problem), nearest);
}

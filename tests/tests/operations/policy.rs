//! The policy belongs to the database, and every process applies it.
#![expect(clippy::indexing_slicing, reason = "a test may fail")]

use orders_tests::{Client, Database, HOUR, Run, Server, at, millis_of, order};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

fn set(server: &Server, arguments: &[&str]) -> Run {
    server.scratch().run(&[&["policy", "set"], arguments].concat())
}

/// A server whose database has the scope `service`, set while it was running.
fn by_service(database: Database) -> Server {
    let server = Server::fresh(database);
    drop(set(&server, &["--scope", "service"]).assert_fine());
    server
}

fn order_for(id: &str, millis: i64, services: &[i64]) -> Value {
    let mut body = order(id, millis);
    body["services"] = services.iter().map(|id| json!({"id": id})).collect();
    body
}

fn create(client: &Client, id: &str, millis: i64, services: &[i64]) {
    client.post("/orders", &order_for(id, millis, services)).assert_status(201);
}

fn shown(client: &Client) -> Value {
    client.get("/policy").assert_status(200).json()
}

#[apply(both_databases)]
fn the_default_is_three_hours_for_all_and_no_edit_lock(database: Database) {
    let server = Server::fresh(database);
    assert_eq!(shown(&server), json!({"window": "PT3H", "scope": "global", "edit_lock": null}));
}

#[apply(both_databases)]
fn a_running_process_works_by_the_new_policy_at_once(database: Database) {
    let server = Server::fresh(database);
    let other = Server::start(server.scratch());
    create(&server, "a", NOON, &[123]);
    drop(set(&server, &["--window", "2h"]).assert_fine());
    for server in [&server, &other] {
        assert_eq!(shown(server), json!({"window": "PT2H", "scope": "global", "edit_lock": null}));
        let answer = server.post("/orders", &order("b", NOON + 2 * HOUR - 1));
        let problem = answer.problem(409, "order-conflict");
        assert_eq!(problem["policy"]["window"], "PT2H");
        assert_eq!(
            problem["suggestions"],
            json!({"previous": at(NOON - 2 * HOUR), "next": at(NOON + 2 * HOUR)})
        );
    }
    create(&other, "b", NOON + 2 * HOUR, &[123]);
    drop(set(&server, &["--window", "PT1H"]).assert_fine());
    create(&server, "c", NOON + HOUR, &[123]);
    let server = server.restart();
    assert_eq!(shown(&server)["window"], "PT1H");
}

#[apply(both_databases)]
fn a_policy_that_the_orders_violate_is_not_set(database: Database) {
    let server = by_service(database);
    create(&server, "first-one", NOON, &[123]);
    create(&server, "second-one", NOON + HOUR, &[456]);
    let run = set(&server, &["--scope", "global"]);
    run.assert_refused(1, "first-one");
    assert!(run.stderr.contains("second-one"), "{run:?}");
    assert_eq!(shown(&server)["scope"], "service");
    create(&server, "third-one", NOON + 3 * HOUR, &[123]);
    set(&server, &["--window", "3h1ms"]).assert_refused(1, "third-one");
    assert_eq!(shown(&server), json!({"window": "PT3H", "scope": "service", "edit_lock": null}));
    server.delete("/orders/second-one").assert_status(204);
    drop(set(&server, &["--scope", "global"]).assert_fine());
    server.post("/orders", &order_for("x", NOON + HOUR, &[789])).problem(409, "order-conflict");
}

#[apply(both_databases)]
fn the_widest_and_the_narrowest_window_work(database: Database) {
    let server = Server::fresh(database);
    let days = 366 * 24 * HOUR;
    drop(set(&server, &["--window", "366d"]).assert_fine());
    create(&server, "a", NOON, &[123]);
    create(&server, "b", NOON + days, &[123]);
    server.post("/orders", &order("c", NOON - days + 1)).problem(409, "order-conflict");
    // The nearest free instants are looked for within 366 days.
    let problem = server.post("/orders", &order("c", NOON)).problem(409, "order-conflict");
    assert_eq!(problem["suggestions"], json!({"previous": at(NOON - days), "next": null}));
    let problem = server.post("/orders", &order("c", NOON + 1)).problem(409, "order-conflict");
    assert_eq!(problem["suggestions"], json!({"previous": null, "next": null}));
    drop(set(&server, &["--window", "1ms"]).assert_fine());
    assert_eq!(shown(&server)["window"], "PT0.001S");
    create(&server, "c", NOON + 1, &[123]);
    server.post("/orders", &order("d", NOON + 1)).problem(409, "order-conflict");
    for wrong in ["0ms", "366d1ms", "3", "h", "-3h", "P1M", ""] {
        assert_eq!(set(&server, &["--window", wrong]).code, Some(2), "{wrong}");
    }
    assert_eq!(set(&server, &["--scope", "galaxy"]).code, Some(2));
    assert_eq!(shown(&server)["window"], "PT0.001S");
}

#[apply(both_databases)]
fn by_service_only_orders_with_a_common_service_conflict(database: Database) {
    let server = by_service(database);
    create(&server, "a", NOON, &[123, 456]);
    create(&server, "b", NOON, &[789]);
    for shared in [&[123][..], &[456], &[789, 456], &[123, 789]] {
        let answer = server.post("/orders", &order_for("c", NOON + 3 * HOUR - 1, shared));
        answer.problem(409, "order-conflict");
    }
    let answer = server.post("/orders", &order_for("c", NOON + HOUR, &[456, 123]));
    let problem = answer.problem(409, "order-conflict");
    assert_eq!(problem["conflict_count"], 1);
    let mut services = problem["conflicts"][0]["services"].as_array().cloned().unwrap_or_default();
    services.sort_by_key(ToString::to_string);
    assert_eq!(services, [json!("123"), json!("456")]);
    assert_eq!(problem["policy"]["scope"], "service");
    // Only what is shared is named.
    let problem =
        server.post("/orders", &order_for("c", NOON + HOUR, &[456])).problem(409, "order-conflict");
    assert_eq!(problem["conflicts"][0]["services"], json!(["456"]));
    create(&server, "c", NOON + 3 * HOUR, &[123, 456, 789]);
}

#[apply(both_databases)]
fn by_service_a_change_of_services_is_judged(database: Database) {
    let server = by_service(database);
    create(&server, "a", NOON, &[123]);
    create(&server, "b", NOON + HOUR, &[456]);
    let answer = server.put("/orders/b", &order_for("b", NOON + HOUR, &[456, 123]));
    assert_eq!(answer.problem(409, "order-conflict")["conflicts"][0]["order_id"], "a");
    assert_eq!(server.get("/orders/b").json()["services"], json!([{"id": "456"}]));
    server.put("/orders/b", &order_for("b", NOON + HOUR, &[789])).assert_status(200);
    // What it gave up is free, what it took is not.
    create(&server, "c", NOON + HOUR, &[456]);
    server.post("/orders", &order_for("d", NOON, &[789])).problem(409, "order-conflict");
    // The fee is never checked, and a deletion is always allowed.
    server.put("/orders/a", &order_for("a", NOON, &[123, 789])).problem(409, "order-conflict");
    let mut dearer = order_for("a", NOON, &[123]);
    dearer["totalfee"] = json!(7);
    server.put("/orders/a", &dearer).assert_status(200);
}

#[apply(both_databases)]
fn by_service_the_suggestions_are_for_these_services(database: Database) {
    let server = by_service(database);
    create(&server, "a", NOON, &[123]);
    create(&server, "b", NOON + 4 * HOUR, &[456]);
    create(&server, "c", NOON + 3 * HOUR, &[789]);
    let asked = order_for("new", NOON + HOUR, &[123, 456]);
    let problem = server.post("/orders", &asked).problem(409, "order-conflict");
    assert_eq!(
        problem["suggestions"],
        json!({"previous": at(NOON - 3 * HOUR), "next": at(NOON + 7 * HOUR)})
    );
    for (id, name) in [("previous", "previous"), ("next", "next")] {
        let millis = problem["suggestions"][name].as_str().map(millis_of).unwrap_or_default();
        create(&server, id, millis, &[123, 456]);
    }
}

#[apply(both_databases)]
fn by_service_a_member_leaves_its_group_with_its_services(database: Database) {
    let scratch = database.fresh();
    let data = json!({
        "services": [{"id": 123, "name": "Inspection"}, {"id": 456, "name": "Analysis"}],
        "orders": [order_for("a", NOON, &[123]), order_for("b", NOON, &[123]), order_for("c", NOON, &[456])],
    });
    let file = scratch.write("orders.json", data.to_string());
    drop(scratch.run(&["import", &file, "--on-conflict", "accept-group"]).assert_fine());
    let server = Server::start(&scratch);
    drop(set(&server, &["--scope", "service"]).assert_fine());
    let answer = server.put("/orders/c", &order_for("c", NOON, &[456, 123]));
    assert_eq!(answer.problem(409, "order-conflict")["conflict_count"], 2);
    server.put("/orders/b", &order_for("b", NOON + HOUR, &[123])).problem(409, "order-conflict");
    // The same services in another order are the same services.
    server
        .put("/orders/b", &{
            let mut same = order_for("b", NOON, &[123]);
            same["totalfee"] = json!(5);
            same
        })
        .assert_status(200);
    server.put("/orders/c", &order_for("c", NOON + HOUR, &[456])).assert_status(200);
}

#[apply(both_databases)]
fn with_an_edit_lock_an_order_may_be_replaced_only_once_it_is_old_enough(database: Database) {
    let server = Server::fresh(database);
    create(&server, "a", NOON, &[123]);
    create(&server, "b", NOON + 24 * HOUR, &[123]);
    drop(set(&server, &["--edit-lock", "3h"]).assert_fine());
    assert_eq!(shown(&server), json!({"window": "PT3H", "scope": "global", "edit_lock": "PT3H"}));
    let stored = server.get("/orders/a").json();
    let mut dearer = order("a", NOON);
    dearer["totalfee"] = json!(5);
    for body in [&dearer, &order("a", NOON + 24 * HOUR)] {
        let answer = server.put("/orders/a", body);
        let problem = answer.problem(409, "edit-locked");
        let created = stored["created_at"].as_str().map(millis_of).unwrap_or_default();
        assert_eq!(problem["editable_at"], at(created + 3 * HOUR));
        let wait: i64 =
            answer.header("Retry-After").and_then(|text| text.parse().ok()).unwrap_or_default();
        assert!((1..=3 * 3600).contains(&wait), "{answer}");
    }
    assert_eq!(server.get("/orders/a").json(), stored);
    let mut unknown = order("a", NOON);
    unknown["services"] = json!([{"id": 1}]);
    server.put("/orders/a", &unknown).problem(422, "unknown-service");
    server.put("/orders/none", &order("none", NOON)).problem(404, "not-found");
    // It does not touch creation and deletion.
    server.delete("/orders/b").assert_status(204);
    create(&server, "b", NOON + 24 * HOUR, &[123]);
    drop(set(&server, &["--edit-lock", "1ms"]).assert_fine());
    server.put("/orders/a", &dearer).assert_status(200);
    drop(set(&server, &["--edit-lock", "3h"]).assert_fine());
    drop(set(&server, &["--edit-lock", "off"]).assert_fine());
    assert_eq!(shown(&server)["edit_lock"], json!(null));
    server.put("/orders/b", &order("b", NOON + 25 * HOUR)).assert_status(200);
}

#[apply(both_databases)]
fn the_command_shows_what_it_set(database: Database) {
    let scratch = database.fresh();
    drop(scratch.run(&["migrate"]).assert_fine());
    assert!(scratch.run(&["policy", "show"]).assert_fine().stdout.contains("global"));
    drop(scratch.run(&["policy", "set", "--scope", "service", "--window", "90m"]).assert_fine());
    let run = scratch.run(&["policy", "show"]).assert_fine();
    assert!(run.stdout.contains("service") && run.stdout.contains("PT1H30M"), "{run:?}");
}

#[apply(both_databases)]
fn what_a_policy_would_violate_is_named_before_it_is_set(database: Database) {
    let server = by_service(database);
    let scratch = server.scratch();
    for n in 0..30 {
        let service = if n % 2 == 0 { 123 } else { 456 };
        create(&server, &format!("o{n:02}"), NOON + n * 2 * HOUR, &[service]);
    }
    let check = |arguments: &[&str]| scratch.run(&[&["policy", "check"], arguments].concat());
    let before = shown(&server);
    for fine in [&["--window", "4h"][..], &["--edit-lock", "1h"], &["--scope", "service"]] {
        drop(check(fine).assert_fine());
    }
    let run = check(&["--scope", "global"]);
    assert_eq!((run.code, run.stdout.lines().count()), (Some(1), 29), "{run:?}");
    assert!(
        run.stdout.contains("order o00 at ") && run.stdout.contains("order o29 at "),
        "{run:?}"
    );
    let run = check(&["--window", "5h"]);
    assert_eq!((run.code, run.stdout.lines().count()), (Some(1), 28), "{run:?}");
    assert!(run.stdout.contains("(service 456)"), "{run:?}");
    assert_eq!(shown(&server), before);
}

#[apply(both_databases)]
fn violations_that_are_accepted_are_exempt_from_each_other_only_and_are_listed(database: Database) {
    let server = Server::with_sample_data(database);
    let scratch = server.scratch().clone();
    // Two pairs that a window of five hours would find too close, and one order far from all.
    for (id, hours) in [("a", 0), ("b", 4), ("c", 100), ("d", 104), ("e", 200)] {
        create(&server, id, NOON + hours * HOUR, &[123]);
    }
    server.delete("/orders/d").assert_status(204);
    server.post("/orders/d/restore", &json!({})).assert_status(200);
    let before = server.all("/orders");
    assert_eq!(set(&server, &["--window", "5h"]).code, Some(1));
    drop(set(&server, &["--window", "5h", "--accept-violations"]).assert_fine());
    assert_eq!((shown(&server)["window"].clone(), server.all("/orders")), (json!("PT5H"), before));
    let run = scratch.run(&["doctor"]).assert_fine();
    for pair in ["order a and order b", "order c and order d", "order 223 and order 224"] {
        assert!(run.stdout.contains(pair), "{run:?}");
    }
    assert_eq!(scratch.sql().number("SELECT count(DISTINCT grp) AS number FROM orders"), 4);
    // They block everybody else, the members of other groups too, and leave when they move.
    server.post("/orders", &order("x", NOON + 2 * HOUR)).problem(409, "order-conflict");
    let moved = order("d", NOON + 4 * HOUR + 1);
    server.put("/orders/d", &moved).problem(409, "order-conflict");
    server.put("/orders/b", &order("b", NOON + 4 * HOUR - 1)).problem(409, "order-conflict");
    server.put("/orders/b", &order("b", NOON + 5 * HOUR)).assert_status(200);
    // What is deleted and restored is still where it was.
    server.delete("/orders/c").assert_status(204);
    server.post("/orders/c/restore", &json!({})).assert_status(200);
    drop(scratch.run(&["doctor"]).assert_fine());
}

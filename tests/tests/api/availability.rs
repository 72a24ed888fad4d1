//! Free times: every offered time is accepted, and no other.

use orders_tests::{Database, HOUR, Server, at, millis_of, order};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

fn path(from: i64, to: i64, more: &str) -> String {
    format!("/availability?from={}&to={}{more}", at(from), at(to))
}

/// The intervals of a response, in milliseconds.
fn stretches(answer: &Value) -> Vec<(i64, i64)> {
    let instant = |stretch: &Value, end: &str| {
        stretch.get(end).and_then(Value::as_str).map(millis_of).unwrap_or_default()
    };
    let data = answer.get("data").and_then(Value::as_array).into_iter().flatten();
    data.map(|stretch| (instant(stretch, "start"), instant(stretch, "end"))).collect()
}

#[apply(both_databases)]
fn the_free_stretches_lie_between_the_orders(database: Database) {
    let server = Server::fresh(database);
    for (id, millis) in [("a", NOON), ("b", NOON + 6 * HOUR), ("c", NOON + 11 * HOUR)] {
        server.post("/orders", &order(id, millis)).assert_status(201);
    }
    let answer = server.get(path(NOON - 9 * HOUR, NOON + 20 * HOUR, "")).assert_status(200).json();
    assert_eq!(
        stretches(&answer),
        [
            (NOON - 9 * HOUR, NOON - 3 * HOUR),
            (NOON + 3 * HOUR, NOON + 3 * HOUR),
            (NOON + 14 * HOUR, NOON + 20 * HOUR)
        ]
    );
    assert_eq!(answer.get("policy"), Some(&server.get("/policy").json()));
    assert_eq!(answer.get("next_cursor"), Some(&Value::Null));
    // The own time of an order that will be moved is free.
    let answer = server.get(path(NOON, NOON + 12 * HOUR, "&ignore=b")).json();
    assert_eq!(stretches(&answer), [(NOON + 3 * HOUR, NOON + 8 * HOUR)]);
    // Page by page it is the same.
    let first = server.get(path(NOON - 9 * HOUR, NOON + 20 * HOUR, "&limit=2")).json();
    let cursor = first.get("next_cursor").and_then(Value::as_str).unwrap_or_default();
    let more = format!("&limit=2&cursor={cursor}");
    let second = server.get(path(NOON - 9 * HOUR, NOON + 20 * HOUR, &more)).json();
    assert_eq!(stretches(&first).len(), 2);
    assert_eq!(stretches(&second), [(NOON + 14 * HOUR, NOON + 20 * HOUR)]);
}

#[apply(both_databases)]
fn instants_inside_are_accepted_and_outside_refused(
    database: Database,
    #[values("global", "service")] scope: &str,
) {
    let scratch = database.fresh();
    drop(scratch.run(&["seed"]).assert_fine());
    drop(scratch.run(&["policy", "set", "--scope", scope]).assert_fine());
    let server = Server::start(&scratch);
    // At random times: some are rejected, which does not matter.
    for n in 0..40 {
        let mut body = order(&format!("o{n}"), NOON + n * n * 37 % 97 * HOUR / 2);
        let number = ["123", "456", "789"].get(usize::try_from(n % 3).unwrap_or(0)).copied();
        if let Some(services) = body.get_mut("services") {
            *services = json!([{"id": number}]);
        }
        server.post("/orders", &body);
    }
    let (from, to) = (NOON - 5 * HOUR, NOON + 60 * HOUR);
    let answer = server.get(path(from, to, "&service=123&service=456")).assert_status(200).json();
    let free = stretches(&answer);
    assert!(!free.is_empty(), "{answer}");
    let ends = free.iter().flat_map(|(start, end)| [start - 1, *start, *end, end + 1]);
    let steps = (0..65).map(|n| from + n * HOUR);
    for probe in ends.chain(steps).filter(|probe| (from..=to).contains(probe)) {
        let inside = free.iter().any(|(start, end)| (start..=end).contains(&&probe));
        let mut body = order("probe", probe);
        if let Some(services) = body.get_mut("services") {
            *services = json!([{"id": 123}, {"id": 456}]);
        }
        let status = server.post("/orders", &body).status;
        assert_eq!(status, if inside { 201 } else { 409 }, "{} of {free:?}", at(probe));
        if inside {
            server.delete("/orders/probe").assert_status(204);
        }
    }
}

#[apply(both_databases)]
fn slots_are_the_first_free_instants_a_window_apart(database: Database) {
    let server = Server::fresh(database);
    server.post("/orders", &order("a", NOON + 4 * HOUR)).assert_status(201);
    let answer = server.get(path(NOON, NOON + 24 * HOUR, "&slots=3")).assert_status(200).json();
    let expected = json!({"slots": [at(NOON), at(NOON + 7 * HOUR), at(NOON + 10 * HOUR)]});
    assert_eq!(answer, expected);
    for (id, slot) in [("b", NOON), ("c", NOON + 7 * HOUR), ("d", NOON + 10 * HOUR)] {
        server.post("/orders", &order(id, slot)).assert_status(201);
    }
}

#[apply(both_databases)]
fn what_is_wrong_with_the_question_is_named(database: Database) {
    let server = Server::fresh(database);
    let day = 24 * HOUR;
    server.get(path(NOON, NOON + 366 * day, "")).assert_status(200);
    server.get(path(NOON, NOON, "")).assert_status(200);
    for (path, name) in [
        ("/availability".to_owned(), "from"),
        (format!("/availability?from={}", at(NOON)), "to"),
        (path(NOON, NOON - 1, ""), "from"),
        (path(NOON, NOON + 366 * day + 1, ""), "to"),
        (path(NOON, NOON + day, "&service=999"), "service"),
        (path(NOON, NOON + day, "&service=x"), "service"),
        (path(NOON, NOON + day, "&slots=0"), "slots"),
        (path(NOON, NOON + day, "&slots=1001"), "slots"),
        (path(NOON, NOON + day, "&ignore=a%20b"), "ignore"),
        (path(NOON, NOON + day, "&colour=red"), "colour"),
        (path(NOON, NOON + day, "&cursor=x"), "cursor"),
    ] {
        let problem = server.get(&path).problem(400, "invalid-parameter");
        let detail = problem.get("detail").and_then(Value::as_str).unwrap_or_default();
        assert!(detail.contains(&format!("\"{name}\"")), "{path}: {detail}");
    }
}

//! Services: create, read, replace, delete, list.

use orders_tests::{Answer, Database, HOUR, Server, order};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

fn server(database: Database) -> Server {
    Server::start(&database.fresh())
}

fn create(server: &Server, body: &Value) -> Answer {
    server.post("/services", body)
}

#[apply(both_databases)]
fn a_service_is_created_read_replaced_and_deleted(database: Database) {
    let server = server(database);
    let inspection = json!({"id": 123, "name": "Inspection"});
    let created = create(&server, &inspection).assert_status(201);
    assert_eq!(created.json(), inspection);
    assert_eq!(created.header("Location"), Some("/services/123"));
    assert_eq!(server.get("/services/123").assert_status(200).json(), inspection);
    let renamed = json!({"id": 123, "name": "Survey"});
    let answer = server.put("/services/123", &json!({"name": "Survey"})).assert_status(200);
    assert_eq!(answer.json(), renamed);
    assert_eq!(server.put("/services/123", &renamed).assert_status(200).json(), renamed);
    let server = server.restart();
    assert_eq!(server.get("/services/123").json(), renamed);
    assert_eq!(server.delete("/services/123").assert_status(204).body.len(), 0);
    server.delete("/services/123").problem(404, "not-found");
    server.get("/services/123").problem(404, "not-found");
    server.put("/services/123", &inspection).problem(404, "not-found");
    assert_eq!(server.all("/services"), Vec::<Value>::new());
}

#[apply(both_databases)]
fn without_an_id_a_service_gets_the_next_of_the_server(database: Database) {
    let server = server(database);
    let made = |server: &Server, name: &str| {
        let answer = create(server, &json!({"name": name})).assert_status(201);
        let id = answer.json()["id"].as_i64().unwrap_or_default();
        assert_eq!(answer.header("Location"), Some(format!("/services/{id}").as_str()));
        id
    };
    assert_eq!(made(&server, "first"), 1);
    create(&server, &json!({"id": 40, "name": "chosen"})).assert_status(201);
    for id in [3, 4, 6] {
        create(&server, &json!({"id": id, "name": format!("S{id}")})).assert_status(201);
    }
    // Ids that callers choose are skipped.
    assert_eq!(made(&server, "second"), 2);
    assert_eq!(made(&server, "third"), 5);
    server.delete("/services/5").assert_status(204);
    let server = server.restart();
    // An id that the server assigned is not assigned again.
    assert_eq!(made(&server, "fourth"), 7);
    // The id of a rejected service was never used.
    create(&server, &json!({"id": 99, "name": "Fourth"})).problem(409, "service-exists");
    assert_eq!(made(&server, "fifth"), 8);
}

#[apply(both_databases)]
fn the_id_of_a_deleted_service_is_not_assigned_to_another(database: Database) {
    let server = server(database);
    let choose = |id: i64| {
        let service = json!({"id": id, "name": format!("S{id}")});
        create(&server, &service).assert_status(201);
    };
    (1..=4).for_each(choose);
    // Histories of orders still name them.
    for id in [2, 4] {
        server.delete(format!("/services/{id}")).assert_status(204);
    }
    // A caller may choose the id again, and delete it again.
    choose(2);
    server.delete("/services/2").assert_status(204);
    let made = create(&server, &json!({"name": "made"})).assert_status(201);
    assert_eq!(made.json()["id"], 5);
}

#[apply(both_databases)]
fn more_chosen_ids_than_are_read_at_once_are_skipped(database: Database) {
    let server = server(database);
    let rows: Vec<String> = (1..=2_500).map(|id| format!("({id}, 'S{id}', 's{id}')")).collect();
    server.scratch().sql().run(&format!("INSERT INTO services VALUES {}", rows.join(","))).unwrap();
    let made = create(&server, &json!({"name": "next"})).assert_status(201);
    assert_eq!(made.json()["id"], 2_501);
}

#[apply(both_databases)]
fn the_highest_id_uses_up_no_other(database: Database) {
    let server = server(database);
    create(&server, &json!({"id": 9_007_199_254_740_991_i64, "name": "last"})).assert_status(201);
    let made = create(&server, &json!({"name": "one more"})).assert_status(201);
    assert_eq!(made.json()["id"], 1);
    // Only a server that has assigned all its ids cannot assign another.
    let full = "UPDATE counters SET last_service_id = 9007199254740991";
    server.scratch().sql().run(full).unwrap();
    create(&server, &json!({"name": "none left"})).problem(422, "invalid-service");
    create(&server, &json!({"id": 2, "name": "chosen"})).assert_status(201);
    assert_eq!(server.all("/services").len(), 3);
}

#[apply(both_databases)]
fn ids_are_taken_as_numbers_and_as_strings_of_digits(database: Database) {
    let server = server(database);
    for (sent, id) in [
        (json!(1), 1),
        (json!("2"), 2),
        (json!("9007199254740991"), 9_007_199_254_740_991_i64),
        (json!(9_007_199_254_740_990_i64), 9_007_199_254_740_990),
    ] {
        let answer = create(&server, &json!({"id": sent, "name": format!("S{id}")}));
        assert_eq!(answer.assert_status(201).json(), json!({"id": id, "name": format!("S{id}")}));
        let mut body = order(&format!("o{id}"), NOON + id % 100 * 24 * HOUR);
        body["services"] = json!([{"id": sent}]);
        let made = server.post("/orders", &body).assert_status(201).json();
        assert_eq!(made["services"], json!([{"id": id.to_string()}]));
    }
    for wrong in [
        json!(0),
        json!(-1),
        json!(1.5),
        json!(9_007_199_254_740_992_i64),
        json!(u64::MAX),
        json!(1e300),
        json!("0"),
        json!("-1"),
        json!("01"),
        json!("0123"),
        json!("+1"),
        json!("1.0"),
        json!("1e2"),
        json!(""),
        json!(" 1"),
        json!("1 "),
        json!("9007199254740992"),
        json!("x"),
        json!("१"),
        json!("99999999999999999999999"),
        json!(true),
        json!([]),
        json!({}),
    ] {
        let answer = create(&server, &json!({"id": wrong, "name": "Wrong"}));
        answer.problem(422, "invalid-service");
        assert_eq!(answer.pointers(), ["/id"], "{answer}");
        let mut body = order("wrong", NOON + 1_000 * 24 * HOUR);
        body["services"] = json!([{"id": 1}, {"id": wrong}]);
        let answer = server.post("/orders", &body);
        answer.problem(422, "invalid-order");
        assert_eq!(answer.pointers(), ["/services/1/id"], "{answer}");
    }
    assert_eq!(server.all("/services").len(), 4);
}

#[apply(both_databases)]
fn an_id_or_a_name_that_is_taken_is_refused(database: Database) {
    let server = server(database);
    create(&server, &json!({"id": 1, "name": "Testing"})).assert_status(201);
    create(&server, &json!({"id": 2, "name": "Ölprüfung ΑΒΓ"})).assert_status(201);
    create(&server, &json!({"id": 3, "name": "Straße"})).assert_status(201);
    create(&server, &json!({"id": 1, "name": "Other"})).problem(409, "service-exists");
    for taken in
        ["Testing", "testing", "TESTING", "  tesTing\t", "ÖLPRÜFUNG αβγ", "ölprüfung αΒγ", "straße"]
    {
        create(&server, &json!({"name": taken})).problem(409, "service-exists");
        create(&server, &json!({"id": 9, "name": taken})).problem(409, "service-exists");
        create(&server, &json!({"id": 8, "name": "Eight"})).assert_status(201);
        server.put("/services/8", &json!({"name": taken})).problem(409, "service-exists");
        server.delete("/services/8").assert_status(204);
    }
    // Lower case is what is compared, nothing beyond.
    create(&server, &json!({"id": 4, "name": "STRASSE"})).assert_status(201);
    create(&server, &json!({"id": 5, "name": "Olprufung ΑΒΓ"})).assert_status(201);
    // Its own name in another case is no clash, and a name given up is free.
    server.put("/services/1", &json!({"name": "TESTING"})).assert_status(200);
    server.put("/services/1", &json!({"name": "Tests"})).assert_status(200);
    create(&server, &json!({"id": 6, "name": "testing"})).assert_status(201);
}

#[apply(both_databases)]
fn names_are_trimmed_and_measured_in_characters(database: Database) {
    let server = server(database);
    let (wide, padded) = ("ß".repeat(200), format!("  {}  ", "y".repeat(200)));
    let emoji = "🦀".repeat(200);
    for (sent, kept) in [
        ("  Testing  ", "Testing"),
        ("a", "a"),
        (&wide, &wide),
        (&padded, &"y".repeat(200)),
        ("two  words", "two  words"),
        (&emoji, &emoji),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
        ("'; DROP TABLE services; --", "'; DROP TABLE services; --"),
        ("\"quoted\\\"", "\"quoted\\\""),
    ] {
        let created = create(&server, &json!({"name": sent})).assert_status(201).json();
        assert_eq!(created["name"], kept);
        assert_eq!(server.get(format!("/services/{}", created["id"])).json(), created);
    }
    let number = server.all("/services").len();
    let (long, long_wide) = ("x".repeat(201), "ß".repeat(201));
    for wrong in [
        json!(""),
        json!(" "),
        json!("\t \u{a0}"),
        json!(long),
        json!(long_wide),
        json!("a\u{0}b"),
        json!("a\nb"),
        json!("a\tb"),
        json!("a\u{7f}b"),
        json!("a\u{85}b"),
        json!("a\u{1b}[0m"),
        json!(1),
        json!(null),
        json!(true),
        json!([]),
        json!({}),
    ] {
        for answer in [
            create(&server, &json!({"name": wrong})),
            server.put("/services/1", &json!({"name": wrong})),
        ] {
            answer.problem(422, "invalid-service");
            assert_eq!(answer.pointers(), ["/name"], "{answer}");
        }
    }
    assert_eq!(server.all("/services").len(), number);
}

#[apply(both_databases)]
fn whatever_else_is_wrong_with_a_service_is_told_at_once(database: Database) {
    let server = server(database);
    create(&server, &json!({"id": 1, "name": "One"})).assert_status(201);
    let wrong = json!({"id": 0, "name": "", "version": 1, "price": 5});
    let answer = create(&server, &wrong);
    answer.problem(422, "invalid-service");
    assert_eq!(answer.pointers(), ["/id", "/name", "/price", "/version"]);
    let answer = create(&server, &json!({}));
    answer.problem(422, "invalid-service");
    assert_eq!(answer.pointers(), ["/name"]);
    let answer = server.put("/services/1", &json!({"id": 2, "name": "One"}));
    answer.problem(422, "invalid-service");
    assert_eq!(answer.pointers(), ["/id"]);
    for (wrong, status) in
        [("[]", 422), ("null", 422), ("\"x\"", 422), ("{\"name\":\"a\",\"name\":\"b\"}", 400)]
    {
        let code = if status == 400 { "malformed-json" } else { "invalid-service" };
        server.request("POST", "/services").body(wrong).send().problem(status, code);
        server.request("PUT", "/services/1").body(wrong).send().problem(status, code);
    }
    assert_eq!(server.all("/services"), [json!({"id": 1, "name": "One"})]);
}

#[apply(both_databases)]
fn a_service_in_use_is_not_deleted(database: Database) {
    let server = Server::fresh(database);
    let mut body = order("a", NOON);
    body["services"] = json!([{"id": 123}, {"id": 456}]);
    server.post("/orders", &body).assert_status(201);
    for used in ["/services/123", "/services/456"] {
        server.delete(used).problem(409, "service-in-use");
        server.get(used).assert_status(200);
    }
    server.delete("/services/789").assert_status(204);
    body["services"] = json!([{"id": 123}]);
    server.put("/orders/a", &body).assert_status(200);
    server.delete("/services/456").assert_status(204);
    server.delete("/services/123").problem(409, "service-in-use");
    // To rename one in use is allowed.
    server.put("/services/123", &json!({"name": "Renamed"})).assert_status(200);
    server.delete("/orders/a").assert_status(204);
    server.delete("/services/123").assert_status(204);
}

#[apply(both_databases)]
fn an_impossible_id_in_the_path_is_not_found(database: Database) {
    let server = Server::fresh(database);
    for id in [
        "0",
        "0123",
        "-1",
        "+123",
        "123.0",
        "1e2",
        "abc",
        "9007199254740992",
        "99999999999999999999",
        "%20123",
        "124",
    ] {
        let path = format!("/services/{id}");
        server.get(&path).problem(404, "not-found");
        server.delete(&path).problem(404, "not-found");
        server.put(&path, &json!({"name": "x"})).problem(404, "not-found");
    }
    assert_eq!(server.all("/services").len(), 3);
}

#[apply(both_databases)]
fn the_list_is_paged(database: Database) {
    let server = server(database);
    let empty = server.get("/services").assert_status(200);
    assert_eq!(empty.json(), json!({"data": [], "next_cursor": null}));
    for id in [30, 4, 17, 200, 1, 99, 8] {
        create(&server, &json!({"id": id, "name": format!("S{id}")})).assert_status(201);
    }
    let mut seen = Vec::new();
    let mut path = "/services?limit=3".to_owned();
    let mut sizes = Vec::new();
    loop {
        let page = server.get(&path).assert_status(200);
        let body = page.json();
        let data = body["data"].as_array().cloned().unwrap_or_default();
        sizes.push(data.len());
        seen.extend(data.iter().filter_map(|service| service["id"].as_i64()));
        let Some(cursor) = body["next_cursor"].as_str() else {
            assert_eq!(page.header("Link"), None);
            break;
        };
        assert!(page.header("Link").is_some_and(|link| link.contains("rel=\"next\"")), "{page}");
        path = format!("/services?limit=3&cursor={cursor}");
    }
    assert_eq!(sizes, [3, 3, 1]);
    seen.sort_unstable();
    assert_eq!(seen, [1, 4, 8, 17, 30, 99, 200]);
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("cursor=x", "cursor"),
        ("colour=red", "colour"),
    ] {
        let answer = server.get(format!("/services?{query}"));
        answer.problem(400, "invalid-parameter");
        assert!(answer.text().contains(name), "{answer}");
    }
}

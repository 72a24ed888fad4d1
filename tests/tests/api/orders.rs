//! Orders: create, read, replace, delete.

use orders_tests::{
    Answer, Client, Database, HOUR, Server, at, bare_order, millis_of, order, sample_data,
};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

fn create(client: &Client, body: &Value) -> Value {
    client.post("/orders", body).assert_status(201).json()
}

/// The four members that the sample data has.
fn sample_members(order: &Value) -> Value {
    let of = |name: &str| order[name].clone();
    json!({"id": of("id"), "datetime": of("datetime"), "totalfee": of("totalfee"), "services": of("services")})
}

#[apply(both_databases)]
fn a_created_order_is_answered_with_its_location_and_etag(database: Database) {
    let server = Server::fresh(database);
    let answer = server.post("/orders", &sample_data()["orders"][0]).assert_status(201);
    assert_eq!(answer.header("Location"), Some("/orders/223"));
    assert_eq!(answer.header("ETag"), Some("\"1\""));
    assert_eq!(
        answer.header("Content-Type").map(|kind| kind.starts_with("application/json")),
        Some(true)
    );
    assert!(answer.header("X-Request-Id").is_some());
    let order = answer.json();
    assert_eq!(
        order,
        json!({
            "id": "223", "datetime": "2022-11-01T11:11:11.111Z", "totalfee": 100,
            "services": [{"id": "123"}], "version": 1,
            "created_at": order["created_at"], "updated_at": order["created_at"],
        })
    );
    assert!(millis_of(order["created_at"].as_str().unwrap_or_default()) > NOON);
    let read = server.get("/orders/223").assert_status(200);
    assert_eq!(read.json(), order);
    assert_eq!(read.header("ETag"), Some("\"1\""));
}

#[apply(both_databases)]
fn the_sample_data_is_read_as_it_was_written(database: Database) {
    let server = Server::with_sample_data(database);
    for order in sample_data()["orders"].as_array().into_iter().flatten() {
        let id = order["id"].as_str().unwrap_or_default();
        let read = server.get(format!("/orders/{id}")).assert_status(200).json();
        assert_eq!(&sample_members(&read), order);
        assert_eq!(read["version"], 1);
    }
    for service in sample_data()["services"].as_array().into_iter().flatten() {
        let read = server.get(format!("/services/{}", service["id"])).assert_status(200);
        assert_eq!(&read.json(), service);
    }
    assert_eq!(server.all("/orders").len(), 3);
    assert_eq!(server.all("/services").len(), 3);
}

#[apply(both_databases)]
fn what_was_written_is_there_after_a_restart(database: Database) {
    let server = Server::fresh(database);
    let written = create(&server, &order("kept", NOON));
    let server = server.restart();
    assert_eq!(server.get("/orders/kept").assert_status(200).json(), written);
    assert_eq!(server.all("/orders"), [written]);
}

#[apply(both_databases)]
fn a_replacement_changes_all_but_the_id_and_the_creation(database: Database) {
    let server = Server::fresh(database);
    let before = create(&server, &order("a", NOON));
    let new = json!({"datetime": at(NOON + HOUR), "totalfee": 99.5, "services": [{"id": 789}, {"id": "456"}]});
    let answer = server.put("/orders/a", &new).assert_status(200);
    assert_eq!(answer.header("ETag"), Some("\"2\""));
    let after = answer.json();
    assert_eq!(
        after,
        json!({
            "id": "a", "datetime": at(NOON + HOUR), "totalfee": 99.5,
            "services": [{"id": "789"}, {"id": "456"}], "version": 2,
            "created_at": before["created_at"], "updated_at": after["updated_at"],
        })
    );
    let changed = |order: &Value| millis_of(order["updated_at"].as_str().unwrap_or_default());
    assert!(changed(&after) >= changed(&before));
    assert_eq!(server.get("/orders/a").json(), after);
}

#[apply(both_databases)]
fn a_replacement_needs_every_member(database: Database) {
    let server = Server::fresh(database);
    let before = create(&server, &order("a", NOON));
    for (missing, pointers) in [
        (json!({}), &["/datetime", "/services", "/totalfee"][..]),
        (json!({"id": "a", "totalfee": 1}), &["/datetime", "/services"]),
        (json!({"datetime": at(NOON), "totalfee": 1}), &["/services"]),
        (json!({"datetime": at(NOON), "services": [{"id": 123}]}), &["/totalfee"]),
        (json!({"totalfee": 1, "services": [{"id": 123}]}), &["/datetime"]),
        (
            json!({"datetime": null, "totalfee": null, "services": null}),
            &["/datetime", "/services", "/totalfee"],
        ),
    ] {
        for answer in [server.put("/orders/a", &missing), server.post("/orders", &missing)] {
            answer.problem(422, "invalid-order");
            assert_eq!(answer.pointers(), pointers, "{answer}");
        }
    }
    assert_eq!(server.all("/orders"), [before]);
}

#[apply(both_databases)]
fn a_replacement_never_creates(database: Database) {
    let server = Server::fresh(database);
    server.put("/orders/a", &order("a", NOON)).problem(404, "not-found");
    server.get("/orders/a").problem(404, "not-found");
    assert_eq!(server.all("/orders"), Vec::<Value>::new());
}

#[apply(both_databases)]
fn a_replacement_that_changes_nothing_keeps_the_version(database: Database) {
    let server = Server::fresh(database);
    let mut first = order("a", 1_667_301_071_111);
    first["services"] = json!([{"id": "123"}, {"id": "456"}]);
    let before = create(&server, &first);
    for same in [
        before.clone(),
        json!({"datetime": "2022-11-01T13:11:11.111999+02:00", "totalfee": "100.00",
               "services": [{"id": 123}, {"id": 456, "name": "whatever"}]}),
    ] {
        let answer = server.put("/orders/a", &same).assert_status(200);
        assert_eq!(answer.header("ETag"), Some("\"1\""));
        assert_eq!(answer.json(), before);
    }
    // The order of the services is kept, so to change it is a change.
    first["services"] = json!([{"id": "456"}, {"id": "123"}]);
    let after = server.put("/orders/a", &first).assert_status(200).json();
    assert_eq!((&after["version"], &after["services"]), (&json!(2), &first["services"]));
}

#[apply(both_databases)]
fn the_server_s_own_members_are_ignored_whatever_they_hold(database: Database) {
    let server = Server::fresh(database);
    let mut body = order("a", NOON);
    for (name, value) in [
        ("version", json!(77)),
        ("created_at", json!("2000-01-01T00:00:00.000Z")),
        ("updated_at", json!("2000-01-01T00:00:00.000Z")),
    ] {
        body[name] = value;
    }
    let created = create(&server, &body);
    assert_eq!(created["version"], 1);
    assert_ne!(created["created_at"], body["created_at"]);
    for odd in [json!(null), json!("x"), json!(-1), json!([1, {}]), json!({"a": {"b": true}})] {
        let mut body = created.clone();
        for name in ["version", "created_at", "updated_at"] {
            body[name] = odd.clone();
        }
        assert_eq!(server.put("/orders/a", &body).assert_status(200).json(), created, "{odd}");
    }
}

#[apply(both_databases)]
fn unknown_members_are_refused_each_by_its_pointer(database: Database) {
    let server = Server::fresh(database);
    let stored = create(&server, &order("a", NOON));
    let mut body = order("a", NOON + 24 * HOUR);
    body["colour"] = json!("red");
    body["Datetime"] = json!(1);
    body["a/b~c"] = json!({});
    body[""] = json!(null);
    body["services"] = json!([{"id": 123, "price": 1}]);
    for answer in [server.put("/orders/a", &body), server.post("/orders", &body)] {
        answer.problem(422, "invalid-order");
        assert_eq!(
            answer.pointers(),
            ["/", "/Datetime", "/a~1b~0c", "/colour", "/services/0/price"]
        );
    }
    assert_eq!(server.all("/orders"), [stored]);
}

#[apply(both_databases)]
fn a_deleted_order_is_gone(database: Database) {
    let server = Server::fresh(database);
    create(&server, &order("a", NOON));
    let answer = server.delete("/orders/a").assert_status(204);
    assert_eq!((answer.body.len(), answer.header("Content-Type")), (0, None), "{answer}");
    assert!(answer.header("X-Request-Id").is_some());
    server.delete("/orders/a").problem(404, "not-found");
    server.get("/orders/a").problem(404, "not-found");
    server.put("/orders/a", &order("a", NOON)).problem(404, "not-found");
    assert_eq!(server.all("/orders"), Vec::<Value>::new());
}

#[apply(both_databases)]
fn a_matching_if_none_match_answers_304(database: Database) {
    let server = Server::fresh(database);
    create(&server, &order("a", NOON));
    let ask = |tags: &str| server.request("GET", "/orders/a").header("If-None-Match", tags).send();
    for tags in ["\"1\"", "W/\"1\"", "*", "\"x\", \"1\"", "\"0\",W/\"1\"", "\"a,b\", \"1\""] {
        let answer = ask(tags).assert_status(304);
        assert_eq!((answer.header("ETag"), answer.body.len()), (Some("\"1\""), 0), "{tags}");
    }
    for tags in ["\"2\"", "W/\"2\"", "\"11\"", "\"\"", "\"x\", \"y\"", "\"2,1\""] {
        ask(tags).assert_status(200);
    }
    server.put("/orders/a", &order("a", NOON + HOUR)).assert_status(200);
    ask("\"1\"").assert_status(200);
    ask("\"2\"").assert_status(304);
    let unknown = server.request("GET", "/orders/b").header("If-None-Match", "*").send();
    unknown.problem(404, "not-found");
}

#[apply(both_databases)]
fn services_are_answered_in_the_order_given(database: Database) {
    let server = Server::fresh(database);
    let mut body = order("a", NOON);
    body["services"] = json!([{"id": "789"}, {"id": 123, "name": "ignored"}, {"id": "456"}]);
    let created = create(&server, &body);
    assert_eq!(created["services"], json!([{"id": "789"}, {"id": "123"}, {"id": "456"}]));
    assert_eq!(server.get("/orders/a").json(), created);
    assert_eq!(server.all("/orders"), [created]);
}

#[apply(both_databases)]
fn an_order_has_one_to_a_hundred_distinct_services(database: Database) {
    let server = Server::fresh(database);
    for id in 1..=101 {
        server.post("/services", &json!({"id": id, "name": format!("S{id}")}));
    }
    let with = |ids: &[Value]| {
        let mut body = order("a", NOON);
        body["services"] = ids.iter().map(|id| json!({"id": id})).collect();
        server.post("/orders", &body)
    };
    let ids: Vec<Value> = (1..=101).map(|id: u32| json!(id.to_string())).collect();
    for wrong in [&[][..], &ids, &[json!(5), json!("5")], &[json!("5"), json!(6), json!("5")]] {
        let answer = with(wrong);
        answer.problem(422, "invalid-order");
        assert!(
            answer.pointers().iter().all(|pointer| pointer.starts_with("/services")),
            "{answer}"
        );
    }
    let hundred = ids.get(1..).unwrap_or_default();
    let created = with(hundred).assert_status(201).json();
    assert_eq!(created["services"].as_array().map(Vec::len), Some(100));
    assert_eq!(server.get("/orders/a").json(), created);
}

#[apply(both_databases)]
fn a_service_that_does_not_exist_is_named(database: Database) {
    let server = Server::fresh(database);
    let mut body = order("a", NOON);
    body["services"] = json!([{"id": "1"}, {"id": "123"}, {"id": 9_007_199_254_740_991_i64}]);
    let answer = server.post("/orders", &body);
    answer.problem(422, "unknown-service");
    assert_eq!(answer.pointers(), ["/services/0/id", "/services/2/id"]);
    create(&server, &order("a", NOON));
    server.put("/orders/a", &body).problem(422, "unknown-service");
    assert_eq!(server.get("/orders/a").json()["version"], 1);
    // An unknown order is reported before unknown services.
    server
        .put("/orders/b", &{
            let mut b = body.clone();
            b["id"] = json!("b");
            b
        })
        .problem(404, "not-found");
}

#[apply(both_databases)]
fn what_is_sent_back_as_it_was_read_is_accepted(database: Database) {
    let server = Server::with_sample_data(database);
    let mut read = server.get("/orders/224").json();
    assert_eq!(server.put("/orders/224", &read).assert_status(200).json(), read);
    read["totalfee"] = json!(0.1);
    assert_eq!(server.put("/orders/224", &read).assert_status(200).json()["version"], 2);
}

#[apply(both_databases)]
fn services_are_shown_with_their_names_on_request(database: Database) {
    let server = Server::with_sample_data(database);
    let answer = server.get("/orders/224?expand=services").assert_status(200);
    let expected = serde_json::json!([{"id": "789", "name": "Testing"}]);
    assert_eq!(answer.json()["services"], expected);
    assert_eq!(answer.header("ETag"), None, "names change without the version");
    let page = server.get("/orders?expand=services&limit=2").assert_status(200).json();
    assert_eq!(page["data"][1]["services"], expected);
    // A client may send back what it read.
    server.put("/orders/224", &answer.json()).assert_status(200);
    server.get("/orders/224?expand=fees").problem(400, "invalid-parameter");
    server.get("/orders?expand=services&expand=services").problem(400, "invalid-parameter");
}

#[apply(both_databases)]
fn both_version_headers_count_for_reads_and_for_changes(database: Database) {
    let server = Server::with_sample_data(database);
    let ask = |method: &str, headers: &[(&'static str, &'static str)]| {
        let mut request = server.request(method, "/orders/223");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        match method {
            "PUT" => request.json(&bare_order(&at(NOON))).send(),
            "PATCH" => request.json(&json!({"totalfee": 7})).send(),
            _ => request.send(),
        }
    };
    for method in ["PUT", "PATCH", "DELETE"] {
        for refused in [
            &[("If-None-Match", "*")][..],
            &[("If-None-Match", "\"1\"")],
            &[("If-None-Match", "W/\"1\", \"9\"")],
            &[("If-Match", "*"), ("If-None-Match", "\"1\"")],
            &[("If-Match", "\"1\""), ("If-None-Match", "\"1\"")],
            &[("If-Match", "\"2\""), ("If-None-Match", "\"3\"")],
        ] {
            let problem = ask(method, refused).problem(412, "version-mismatch");
            assert_eq!(problem["current_version"], 1, "{method} {refused:?}");
        }
        ask(method, &[("If-None-Match", "1")]).problem(400, "invalid-header");
    }
    for read in ["GET", "HEAD"] {
        let status = |headers: &[_]| ask(read, headers).status;
        assert_eq!(status(&[("If-Match", "\"2\"")]), 412);
        assert_eq!(status(&[("If-Match", "W/\"1\"")]), 412);
        assert_eq!(status(&[("If-Match", "\"2\""), ("If-None-Match", "\"1\"")]), 412);
        assert_eq!(status(&[("If-Match", "\"1\""), ("If-None-Match", "\"1\"")]), 304);
        assert_eq!(status(&[("If-Match", "*")]), 200);
        assert_eq!(status(&[("If-Match", "1")]), 400);
    }
    drop(ask("PATCH", &[("If-None-Match", "\"2\"")]).assert_status(200));
    drop(ask("DELETE", &[("If-None-Match", "\"1\"")]).assert_status(204));
    ask("PUT", &[("If-None-Match", "*")]).problem(404, "not-found");
}

#[apply(both_databases)]
fn proxies_are_told_not_to_weaken_the_tag_of_an_order(database: Database) {
    let server = Server::with_sample_data(database);
    let cache_control = |answer: &Answer| answer.header("Cache-Control").map(str::to_owned);
    let found = server.get("/orders/223").assert_status(200);
    let not_modified = server.request("GET", "/orders/223").header("If-None-Match", "\"1\"").send();
    let created = server.post("/orders", &order("new", NOON)).assert_status(201);
    let replaced = server.put("/orders/new", &order("new", NOON + HOUR)).assert_status(200);
    for answer in [found, not_modified.assert_status(304), created, replaced] {
        assert_eq!(cache_control(&answer).as_deref(), Some("no-transform"), "{answer}");
    }
}

#[apply(both_databases)]
fn a_mismatch_explains_that_a_weak_tag_matches_nothing(database: Database) {
    let server = Server::with_sample_data(database);
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        for (tags, is_weak) in [("W/\"1\"", true), ("\"9\", W/\"1\"", true), ("\"9\"", false)] {
            let request = server.request(method, "/orders/223").header("If-Match", tags);
            let request = match method {
                "PUT" => request.json(&order("223", NOON)),
                "PATCH" => request.json(&json!({"totalfee": 1})),
                _ => request,
            };
            let problem = request.send().problem(412, "version-mismatch");
            assert_eq!(problem["current_version"], 1);
            let detail = problem["detail"].as_str().unwrap();
            let explains = detail.contains("weak") && detail.contains("proxy");
            assert_eq!(explains, is_weak, "{method} {tags}: {detail}");
        }
    }
}

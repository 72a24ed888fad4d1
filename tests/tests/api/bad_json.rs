//! Bodies that are not JSON, and JSON that is not an order: the documented problem, and no write.

use orders_tests::{Database, HOUR, Server, at, bare_order, keyed, order, raw_post};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

/// An order with one more member, which is given as raw JSON.
fn order_and(member: &str) -> Vec<u8> {
    let order = bare_order(&at(NOON)).to_string();
    let open = order.strip_suffix('}').unwrap_or_default();
    format!("{open},{member}}}").into_bytes()
}

#[apply(both_databases)]
fn what_is_not_json_is_malformed(database: Database) {
    let server = Server::fresh(database);
    let fine = order("x", NOON).to_string();
    let utf_16: Vec<u8> = fine.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut cases: Vec<Vec<u8>> = [
        "",
        " ",
        "\n",
        "{",
        "}",
        "[",
        "nul",
        "tru",
        "{\"a\":}",
        "{\"a\"}",
        "{a:1}",
        "{'a':1}",
        "{,}",
        "{\"a\":1,}",
        "[1,]",
        "{\"a\":1 \"b\":2}",
        "{} {}",
        "{}x",
        "{}\u{0}",
        "\"open",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "/* c */ {}",
        "// c\n{}",
        "{\"a\":\"line\nbreak\"}",
        "{\"a\":\"tab\there\"}",
        "{\"a\":\"nul\u{0}\"}",
        "undefined",
        "NaN",
        "-",
        "+1",
        "0x1",
        "1.",
        "<order/>",
        "id=1&totalfee=2",
        "\u{feff}",
        "\u{a0}{}",
        "{\"a\":1}]",
        "\\",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    cases.push([b"\xef\xbb\xbf".as_slice(), fine.as_bytes()].concat());
    cases.push(utf_16);
    cases.push(fine.replace('x', "\u{0}").into_bytes());
    // A trailing byte, and every kind of what is not UTF-8: in a value, in a name, beside both.
    cases.push([fine.as_bytes(), b"\x00"].concat());
    for bad in
        [&b"\xff"[..], b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"]
    {
        cases.push([b"{\"id\":\"", bad, b"\"}"].concat());
        cases.push([b"{\"", bad, b"\":1}"].concat());
        cases.push([fine.as_bytes(), bad].concat());
    }
    for case in &cases {
        raw_post(server.address(), "/orders", case).problem(400, "malformed-json");
        raw_post(server.address(), "/services", case).problem(400, "malformed-json");
        let put = server.request("PUT", "/services/123").body(case.clone()).send();
        put.problem(400, "malformed-json");
    }
    server.assert_untouched(&[]);
}

#[apply(both_databases)]
fn nesting_too_deep_is_malformed(database: Database) {
    let server = Server::fresh(database);
    for depth in [130, 1_000, 30_000] {
        let arrays = "[".repeat(depth) + &"]".repeat(depth);
        let objects = "{\"a\":".repeat(depth.min(8_000)) + "1" + &"}".repeat(depth.min(8_000));
        let open = "[".repeat(depth);
        for deep in [&arrays, &objects, &open] {
            raw_post(server.address(), "/orders", deep.as_bytes()).problem(400, "malformed-json");
            raw_post(server.address(), "/services", deep.as_bytes()).problem(400, "malformed-json");
        }
        // Also where the member itself would be rejected or ignored.
        for member in ["colour", "version", "created_at", "id"] {
            let body = order_and(&format!("\"{member}\":{arrays}"));
            raw_post(server.address(), "/orders", &body).problem(400, "malformed-json");
        }
    }
    // At an allowed depth the values are validated.
    let body = order_and(&format!("\"colour\":{}{}", "[".repeat(50), "]".repeat(50)));
    raw_post(server.address(), "/orders", &body).problem(422, "invalid-order");
    server.assert_untouched(&[]);
}

#[apply(both_databases)]
fn duplicate_members_are_malformed_at_every_depth(database: Database) {
    let server = Server::fresh(database);
    let services = r#""services":[{"id":"123"}]"#;
    let rest = r#""datetime":"2022-11-01T11:11:11.111Z","totalfee":1"#;
    for body in [
        format!(r#"{{"totalfee":1,{rest},{services}}}"#),
        format!(r#"{{"id":"a","id":"a",{rest},{services}}}"#),
        format!(r#"{{"id":"a","\u0069d":"b",{rest},{services}}}"#),
        format!(r"{{{rest},{services},{services}}}"),
        format!(r#"{{{rest},"services":[{{"id":"123","id":"123"}}]}}"#),
        format!(r#"{{{rest},"services":[{{"id":"123","name":"a","name":"b"}}]}}"#),
        format!(r#"{{{rest},{services},"version":1,"version":1}}"#),
        format!(r#"{{{rest},{services},"version":{{"a":1,"a":2}}}}"#),
        format!(r#"{{{rest},{services},"created_at":[{{"b":{{"a":1,"a":2}}}}]}}"#),
        format!(r#"{{{rest},{services},"colour":1,"colour":2}}"#),
        format!(r#"{{{rest},{services},"colour":{{"a":1,"a":2}}}}"#),
        r#"{"a":1,"a":1}"#.to_owned(),
        r#"[{"a":1,"a":1}]"#.to_owned(),
        r#"{"":1,"":1}"#.to_owned(),
    ] {
        raw_post(server.address(), "/orders", body.as_bytes()).problem(400, "malformed-json");
    }
    for body in [
        r#"{"name":"a","name":"b"}"#,
        r#"{"name":"a","id":1,"id":1}"#,
        r#"{"name":"a","x":{"y":1,"y":1}}"#,
    ] {
        raw_post(server.address(), "/services", body.as_bytes()).problem(400, "malformed-json");
    }
    server.assert_untouched(&[]);
}

#[apply(both_databases)]
fn well_formed_but_no_order_is_unprocessable(database: Database) {
    let server = Server::fresh(database);
    for body in ["[]", "null", "true", "1", "\"text\"", "[{}]"] {
        raw_post(server.address(), "/orders", body.as_bytes()).problem(422, "invalid-order");
        raw_post(server.address(), "/services", body.as_bytes()).problem(422, "invalid-service");
    }
    for (services, pointer) in [
        ("{}", "/services"),
        ("\"123\"", "/services"),
        ("123", "/services"),
        ("true", "/services"),
        ("[123]", "/services/0"),
        ("[\"123\"]", "/services/0"),
        ("[null]", "/services/0"),
        ("[[]]", "/services/0"),
        ("[{\"id\":\"123\"},7]", "/services/1"),
        ("[{}]", "/services/0/id"),
        ("[{\"id\":null}]", "/services/0/id"),
        ("[{\"name\":\"Inspection\"}]", "/services/0/id"),
        ("[{\"Id\":1,\"id\":123}]", "/services/0/Id"),
    ] {
        let body = format!(
            r#"{{"datetime":"2022-11-01T11:11:11.111Z","totalfee":1,"services":{services}}}"#
        );
        let answer = raw_post(server.address(), "/orders", body.as_bytes());
        answer.problem(422, "invalid-order");
        assert_eq!(answer.pointers(), [pointer], "{services}");
    }
    for id in ["1", "true", "[]", "{}", "1.5"] {
        let answer = raw_post(server.address(), "/orders", &order_and(&format!("\"id\":{id}")));
        if id != "1" {
            answer.problem(422, "invalid-order");
            assert_eq!(answer.pointers(), ["/id"], "{answer}");
        }
        server.delete("/orders/1");
    }
    server.assert_untouched(&[]);
}

#[apply(both_databases)]
fn everything_that_is_wrong_with_an_order_is_told_at_once(database: Database) {
    let server = Server::fresh(database);
    let wrong = json!({
        "id": "a b", "datetime": "yesterday", "totalfee": -1, "colour": 1, "Version": 1,
        "services": [{"id": "0"}, {"id": "123", "x": 1}, {}, 5, {"id": "123"}],
    });
    let answer = server.post("/orders", &wrong);
    answer.problem(422, "invalid-order");
    let pointers = answer.pointers();
    for pointer in [
        "/id",
        "/datetime",
        "/totalfee",
        "/colour",
        "/Version",
        "/services/0/id",
        "/services/1/x",
        "/services/2/id",
        "/services/3",
    ] {
        assert!(pointers.iter().any(|told| told == pointer), "{pointer} is missing in {answer}");
    }
    server.assert_untouched(&[]);
}

#[apply(both_databases)]
fn characters_that_cannot_be_stored_are_refused(database: Database) {
    let server = Server::fresh(database);
    for escape in [r"\u0000", r"a\u0000b", r"\ud800", r"\udc00x", r"\ud800\ud800", r"\ude00\ud83d"]
    {
        let body = order_and(&format!("\"id\":\"{escape}\""));
        let service = format!("{{\"name\":\"{escape}\"}}");
        for answer in [
            raw_post(server.address(), "/orders", &body),
            raw_post(server.address(), "/services", service.as_bytes()),
        ] {
            // A lone half of a surrogate pair is no text: whether that is JSON is open.
            let half = !escape.contains("0000");
            assert!(answer.status == 422 || half && answer.status == 400, "{answer}");
        }
        for member in ["colour", "version"] {
            let answer = raw_post(
                server.address(),
                "/orders",
                &order_and(&format!("\"{member}\":\"{escape}\"")),
            );
            if answer.status == 201 {
                let id = answer.json()["id"].as_str().unwrap_or_default().to_owned();
                server.delete(format!("/orders/{id}")).assert_status(204);
            }
            assert!(
                answer.status == 422 || answer.status == 400 || member == "version",
                "{answer}"
            );
        }
    }
    // A whole pair is a character like any other.
    let crab = raw_post(server.address(), "/services", br#"{"id":5,"name":"\ud83e\udd80"}"#);
    assert_eq!(crab.assert_status(201).json()["name"], "🦀");
    server.delete("/services/5").assert_status(204);
    server.assert_untouched(&[]);
}

/// Typed clients write `null` for what is not set: pydantic, Gson and Go do.
#[apply(both_databases)]
fn null_counts_as_absent_wherever_absent_is_allowed(database: Database) {
    let scratch = database.fresh();
    let (_server, admin) = keyed(&scratch, &["--sample-data"]);
    let post = |path: &str, body: &Value| admin.post(path, body).assert_status(201).json();
    let mut body = bare_order(&at(NOON));
    body["id"] = Value::Null;
    let made = post("/orders", &body);
    let path = format!("/orders/{}", made["id"].as_str().unwrap());
    admin.put(&path, &body).assert_status(200);
    body["services"] = Value::Null;
    let answer = admin.put(&path, &body);
    answer.problem(422, "invalid-order");
    assert_eq!(answer.pointers(), ["/services"]);

    let mut next = bare_order(&at(NOON + 9 * HOUR));
    next["id"] = Value::Null;
    let batch = json!({"mode": "each", "dry_run": null, "operations": [
        {"op": "create", "order": next, "id": null, "if_match": null},
        {"op": "delete", "id": made["id"], "if_match": null, "order": null},
    ]});
    let results = admin.post("/orders/batch", &batch).assert_status(200).json();
    assert_eq!(results["results"][0]["status"], 201, "{results}");
    assert_eq!(results["results"][1]["status"], 204, "{results}");

    let service = post("/services", &json!({"id": null, "name": "Cleaning"}));
    let service_path = format!("/services/{}", service["id"]);
    admin.put(&service_path, &json!({"id": null, "name": "Washing"})).assert_status(200);
    admin.put(&service_path, &json!({"name": null})).problem(422, "invalid-service");

    let key = json!({"name": "a", "role": "reader", "expires_in": null});
    let key = post("/keys", &key);
    let rotate = format!("/keys/{}/rotate", key["id"].as_str().unwrap());
    admin.post(rotate, &json!({"overlap": null, "expires_in": null})).assert_status(200);

    let url = "https://example.com/hook";
    let hook = post("/webhooks", &json!({"url": url, "events": null, "description": null}));
    assert_eq!(hook["events"], json!(["order.*"]));
    let hook = format!("/webhooks/{}", hook["id"].as_str().unwrap());
    admin.post(format!("{hook}/rotate"), &json!({"overlap": null})).assert_status(200);
    // In a merge patch `null` removes, which only the description allows.
    for (patch, status) in [
        (json!({"description": null}), 200),
        (json!({"events": null}), 422),
        (json!({"url": null}), 422),
    ] {
        admin.request("PATCH", &hook).json(&patch).send().assert_status(status);
    }
}

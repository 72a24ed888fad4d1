//! Whatever a client sends wrong is told as the contract says, and nothing is written.

use orders_tests::{Answer, Database, HOUR, Raw, Server, at, bare_order, order, raw_post};
use rstest::rstest;
use serde_json::{Value, json};

const NOON: i64 = 1_700_000_000_000;

/// Checks that after all that was sent the service is well, and holds what it held: the three
/// sample services, and no order but those given.
fn assert_untouched(server: &Server, orders: &[Value]) {
    assert_eq!(server.all("/orders"), orders);
    assert_eq!(server.all("/services").len(), 3);
    server.get("/healthz").assert_status(200);
    server.get("/readyz").assert_status(200);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

/// An order with one more member, which is given as raw JSON.
fn order_and(member: &str) -> Vec<u8> {
    let order = bare_order(&at(NOON)).to_string();
    let open = order.strip_suffix('}').unwrap_or_default();
    format!("{open},{member}}}").into_bytes()
}

/// Sends raw bytes as a request of its own.
fn raw(server: &Server, request: &str) -> Answer {
    Raw::connect(server.address()).send(request.replace("$HOST", server.address())).answer()
}

#[rstest]
fn what_is_not_json_is_malformed(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(server) = Server::fresh(database) else { return };
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
    assert_untouched(&server, &[]);
}

#[rstest]
fn nesting_too_deep_is_malformed(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(server) = Server::fresh(database) else { return };
    for depth in [130, 1_000, 30_000] {
        let arrays = "[".repeat(depth) + &"]".repeat(depth);
        let objects = "{\"a\":".repeat(depth.min(8_000)) + "1" + &"}".repeat(depth.min(8_000));
        let open = "[".repeat(depth);
        for deep in [&arrays, &objects, &open] {
            raw_post(server.address(), "/orders", deep.as_bytes()).problem(400, "malformed-json");
            raw_post(server.address(), "/services", deep.as_bytes()).problem(400, "malformed-json");
        }
        // Also where the member itself would be refused, or ignored.
        for member in ["colour", "version", "created_at", "id"] {
            let body = order_and(&format!("\"{member}\":{arrays}"));
            raw_post(server.address(), "/orders", &body).problem(400, "malformed-json");
        }
    }
    // A depth that is read is judged by its values.
    let body = order_and(&format!("\"colour\":{}{}", "[".repeat(50), "]".repeat(50)));
    raw_post(server.address(), "/orders", &body).problem(422, "invalid-order");
    assert_untouched(&server, &[]);
}

#[rstest]
fn duplicate_members_are_malformed_at_every_depth(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(server) = Server::fresh(database) else { return };
    let services = r#""services":[{"id":"123"}]"#;
    let rest = r#""datetime":"2022-11-01T11:11:11.111Z","totalfee":1"#;
    for body in [
        format!(r#"{{"totalfee":1,{rest},{services}}}"#),
        format!(r#"{{"id":"a","id":"a",{rest},{services}}}"#),
        format!(r#"{{"id":"a","\u0069d":"b",{rest},{services}}}"#),
        format!(r#"{{{rest},{services},{services}}}"#),
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
    assert_untouched(&server, &[]);
}

#[rstest]
fn well_formed_but_no_order_is_unprocessable(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(server) = Server::fresh(database) else { return };
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
    assert_untouched(&server, &[]);
}

#[rstest]
fn everything_that_is_wrong_with_an_order_is_told_at_once(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(server) = Server::fresh(database) else { return };
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
    assert_untouched(&server, &[]);
}

#[rstest]
fn characters_that_cannot_be_stored_are_refused(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(server) = Server::fresh(database) else { return };
    for escape in [r"\u0000", r"a\u0000b", r"\ud800", r"\udc00x", r"\ud800\ud800", r"\ude00\ud83d"]
    {
        let body = order_and(&format!("\"id\":\"{escape}\""));
        let service = format!("{{\"name\":\"{escape}\"}}");
        for answer in [
            raw_post(server.address(), "/orders", &body),
            raw_post(server.address(), "/services", service.as_bytes()),
        ] {
            // A lone half of a surrogate pair is no text: whether that is JSON is open.
            match escape.contains("0000") {
                true => assert_eq!(answer.status, 422, "{answer}"),
                false => assert!(matches!(answer.status, 400 | 422), "{answer}"),
            }
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
    assert_untouched(&server, &[]);
}

#[rstest]
fn a_body_of_more_than_64_kib_is_too_large(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(server) = Server::fresh(database) else { return };
    let mut body = order("full", NOON).to_string().into_bytes();
    body.resize(64 * 1024, b' ');
    raw_post(server.address(), "/orders", &body).assert_status(201);
    let stored = server.get("/orders/full").json();
    let mut other = order("other", NOON + 24 * HOUR).to_string().into_bytes();
    for size in [64 * 1024 + 1, 100_000, 1 << 20, 5 << 20] {
        other.resize(size, b' ');
        raw_post(server.address(), "/orders", &other).problem(413, "body-too-large");
        raw_post(server.address(), "/services", &other).problem(413, "body-too-large");
    }
    // One that only says how long it will be, and one that does not say it at all.
    let head = "POST /orders HTTP/1.1\r\nHost: $HOST\r\nContent-Type: application/json\r\nConnection: close\r\n";
    for length in ["65537", "99999999999", "18446744073709551615"] {
        raw(&server, &format!("{head}Content-Length: {length}\r\n\r\n{{"))
            .problem(413, "body-too-large");
    }
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000)).repeat(4);
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}");
    raw(&server, &format!("{chunked}1\r\n \r\n0\r\n\r\n")).problem(413, "body-too-large");
    // As much as fits is judged by what it is.
    raw(&server, &format!("{chunked}0\r\n\r\n")).problem(400, "malformed-json");
    assert_untouched(&server, &[stored]);
}

#[rstest]
fn another_content_type_is_unsupported(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(server) = Server::fresh(database) else { return };
    let fine = order("a", NOON).to_string();
    let send = |kind: &str| {
        server.request("POST", "/orders").header("Content-Type", kind).body(fine.clone()).send()
    };
    for wrong in [
        "text/plain",
        "text/json",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "application/jsonp",
        "json",
        "application/x-ndjson",
        "*/*",
        "application/*",
        "text/html, application/json",
        "application",
    ] {
        send(wrong).problem(415, "unsupported-media-type");
        let put =
            server.request("PUT", "/services/123").header("Content-Type", wrong).body("{}").send();
        put.problem(415, "unsupported-media-type");
    }
    assert_untouched(&server, &[]);
    for right in [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
    ] {
        send(right).assert_status(201);
        server.delete("/orders/a").assert_status(204);
    }
    // None at all counts as JSON.
    server.request("POST", "/orders").body(fine.clone()).send().assert_status(201);
}

#[rstest]
fn an_answer_that_cannot_be_had_in_the_form_asked_for_is_not_acceptable(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(server) = Server::fresh(database) else { return };
    for wrong in [
        "text/html",
        "application/xml",
        "image/*",
        "application/json;q=0",
        "text/plain, image/png;q=0.5",
        "*/*;q=0",
    ] {
        for path in ["/orders/none", "/services", "/services/123", "/policy"] {
            let answer = server.request("GET", path).header("Accept", wrong).send();
            answer.problem(406, "not-acceptable");
        }
        let post = server
            .request("POST", "/orders")
            .header("Accept", wrong)
            .json(&order("a", NOON))
            .send();
        post.problem(406, "not-acceptable");
        let put = server
            .request("PUT", "/services/123")
            .header("Accept", wrong)
            .json(&json!({"name": "New"}))
            .send();
        put.problem(406, "not-acceptable");
    }
    for right in [
        "application/json",
        "APPLICATION/JSON",
        "application/*",
        "*/*",
        "text/html, */*;q=0.1",
        "text/html, application/json;q=0.001",
        "application/json; charset=utf-8",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "application/json, */*;q=0",
    ] {
        server.request("GET", "/services/123").header("Accept", right).send().assert_status(200);
        server.request("GET", "/orders").header("Accept", right).send().assert_status(200);
    }
    // A problem is told in its own form, whatever was asked for.
    server.request("GET", "/none").header("Accept", "text/html").send().problem(404, "not-found");
    assert_eq!(server.get("/services/123").json()["name"], "Inspection");
    assert_untouched(&server, &[]);
}

#[rstest]
fn a_wrong_method_is_told_the_right_ones(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(server) = Server::fresh(database) else { return };
    let stored = server.post("/orders", &order("a", NOON)).assert_status(201).json();
    for (path, allowed) in [
        ("/orders", &["GET", "HEAD", "OPTIONS", "POST"][..]),
        ("/orders/a", &["DELETE", "GET", "HEAD", "OPTIONS", "PUT"]),
        ("/orders/none", &["DELETE", "GET", "HEAD", "OPTIONS", "PUT"]),
        ("/services", &["GET", "HEAD", "OPTIONS", "POST"]),
        ("/services/123", &["DELETE", "GET", "HEAD", "OPTIONS", "PUT"]),
        ("/policy", &["GET", "HEAD", "OPTIONS"]),
        ("/healthz", &["GET", "HEAD", "OPTIONS"]),
        ("/readyz", &["GET", "HEAD", "OPTIONS"]),
    ] {
        let allow = |answer: &Answer| -> Vec<String> {
            let allow = answer.header("Allow").unwrap_or_default().split(',');
            allow.map(|method| method.trim().to_owned()).collect()
        };
        for method in ["POST", "PUT", "DELETE", "BREW", "PROPFIND", "get"] {
            if allowed.contains(&method) {
                continue;
            }
            let answer = raw(
                &server,
                &format!(
                    "{method} {path} HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                ),
            );
            answer.problem(405, "method-not-allowed");
            let told = allow(&answer);
            assert!(allowed.iter().all(|method| told.iter().any(|one| one == method)), "{answer}");
            assert!(!told.iter().any(|one| one == method), "{answer}");
        }
        let options = server.request("OPTIONS", path).send().assert_status(204);
        assert!(
            allowed.iter().all(|method| allow(&options).iter().any(|one| one == method)),
            "{options}"
        );
        assert!(options.body.is_empty() && options.header("X-Request-Id").is_some(), "{options}");
    }
    server.request("OPTIONS", "/none").send().problem(404, "not-found");
    assert_untouched(&server, &[stored]);
}

#[rstest]
fn head_answers_as_get_does_without_the_body(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(server) = Server::with_sample_data(database) else { return };
    let paths = [
        "/orders",
        "/orders?limit=1",
        "/orders/223",
        "/services",
        "/services/123",
        "/policy",
        "/healthz",
        "/readyz",
        "/orders/none",
        "/none",
        "/orders?limit=0",
        "/services/0",
    ];
    for path in paths {
        let (get, head) = (server.get(path), server.request("HEAD", path).send());
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        for name in ["Content-Type", "ETag", "Link", "Content-Length"] {
            if name != "Content-Length" || get.status == 200 {
                assert_eq!(head.header(name), get.header(name), "{name} of {path}");
            }
        }
        assert!(head.header("X-Request-Id").is_some());
        // Nothing but the head is on the wire either.
        let head = format!(
            "HEAD {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            server.address()
        );
        let bytes = Raw::connect(server.address()).send(head).read_to_end();
        assert!(bytes.ends_with(b"\r\n\r\n"), "{path}: {}", String::from_utf8_lossy(&bytes));
    }
}

#[rstest]
fn an_odd_path_is_not_found(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let Some(server) = Server::fresh(database) else { return };
    let stored = server.post("/orders", &order("223", NOON)).assert_status(201).json();
    let (long, longer) = ("x".repeat(4_096), "%41".repeat(1_000));
    for path in [
        "/none",
        "/orders/",
        "/orders//",
        "//orders",
        "/orders/223/",
        "/orders/223/x",
        "/orders//223",
        "/ORDERS",
        "/Orders/223",
        "/orders.json",
        "/orders/.",
        "/orders/..",
        "/orders/%2e",
        "/orders/%2e%2e",
        "/orders/%2e%2e%2f",
        "/orders/%2E%2E/services",
        "/orders/../services/x",
        "/orders/a%2fb",
        "/orders/223%2f",
        "/orders/%00",
        "/orders/223%00",
        "/orders/%0a",
        "/orders/223%20",
        "/orders/+223",
        "/orders/%ff",
        "/orders/%c3%a4",
        "/orders/%c0%ae",
        "/orders/%",
        "/orders/%zz",
        "/orders/%2",
        "/orders/%2500",
        "/orders/223;v=1",
        "/orders/a,b",
        "/orders/'",
        "/orders/*",
        "/orders/$(id)",
        "/orders/a:b",
        "/orders/@",
        "/orders/1%27%20OR%20%271%27=%271",
        "/services/",
        "/services/123/",
        "/services/..%2f",
        "/services/%00",
        "/policy/",
        "/policy/x",
        "/healthz/",
        "/healthz/x",
        "/.git/config",
        "/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/index.php",
        "/*",
        "/%",
        &format!("/orders/{long}"),
        &format!("/orders/{longer}"),
        &format!("/{long}"),
        &format!("/services/{long}"),
        &format!("/orders/{}", "x".repeat(65)),
    ] {
        for method in ["GET", "DELETE"] {
            let answer = raw(
                &server,
                &format!("{method} {path} HTTP/1.1\r\nHost: $HOST\r\nConnection: close\r\n\r\n"),
            );
            // What the parser of HTTP itself refuses is the one exception to problem bodies.
            match answer.status == 400 && answer.body.is_empty() {
                true => assert!(path.contains('%'), "{answer}"),
                false => drop(answer.problem(404, "not-found")),
            }
        }
    }
    // Two spellings of one path are one path (RFC 3986, section 6.2.2.2).
    for same in ["/orders/22%33", "/%6frders/223", "http://$HOST/orders/223"] {
        let answer = raw(
            &server,
            &format!("GET {same} HTTP/1.1\r\nHost: $HOST\r\nConnection: close\r\n\r\n"),
        );
        assert_eq!(answer.assert_status(200).json(), stored);
    }
    assert_untouched(&server, &[stored]);
}

#[rstest]
fn a_message_whose_length_is_ambiguous_is_refused(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(server) = Server::fresh(database) else { return };
    let body = order("a", NOON).to_string();
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let head = "POST /orders HTTP/1.1\r\nHost: $HOST\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let length = body.len();
    for both in [
        format!("{head}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"),
        format!("{head}Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n{chunk}"),
        format!("{head}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n{chunk}"),
    ] {
        let answer = raw(&server, &both).assert_status(400);
        // What the parser of HTTP itself refuses is the one exception to problem bodies.
        if !answer.body.is_empty() {
            answer.problem(400, "invalid-header");
        }
    }
    for wrong in [
        format!("{head}Content-Length: {length}\r\nContent-Length: 5\r\n\r\n{body}"),
        format!("{head}Content-Length: -1\r\n\r\n{body}"),
        format!("{head}Content-Length: abc\r\n\r\n{body}"),
        format!("{head}Content-Length: +{length}\r\n\r\n{body}"),
        format!("{head}Content-Length: 99999999999999999999999999\r\n\r\n{body}"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\nxyz\r\n{body}\r\n0\r\n\r\n"),
        format!(
            "{head}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{body}\r\n0\r\n\r\n"
        ),
    ] {
        let answer = raw(&server, &wrong);
        assert!((400..500).contains(&answer.status), "{answer}");
    }
    assert_untouched(&server, &[]);
}

#[rstest]
fn what_is_not_http_does_no_harm(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(server) = Server::fresh(database) else { return };
    let long = format!("GET / HTTP/1.1\r\nHost: $HOST\r\nX-Long: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\nHost: $HOST\r\n{}\r\n", "X-A: b\r\n".repeat(5_000));
    let tls = "\u{16}\u{3}\u{1}\u{0}\u{5}hello\r\n\r\n";
    for request in [
        "\r\n\r\n",
        "hello\r\n\r\n",
        "GET\r\n\r\n",
        "GET /orders\r\n\r\n",
        "GET /orders HTTP/9.9\r\n\r\n",
        "GET  /orders  HTTP/1.1\r\n\r\n",
        "GET /orders HTTP/1.1\r\n: x\r\n\r\n",
        "GET /orders HTTP/1.1\r\nA\u{0}b: c\r\n\r\n",
        "GET /orders HTTP/1.1\r\nHost : x\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /ord\u{0}ers HTTP/1.1\r\n\r\n",
        "GET http:// HTTP/1.1\r\n\r\n",
        "GET orders HTTP/1.1\r\n\r\n",
        tls,
        &long,
        &many,
    ] {
        let answers =
            Raw::connect(server.address()).send(request.replace("$HOST", server.address()));
        let bytes = answers.send_end().read_to_end();
        let head = String::from_utf8_lossy(&bytes);
        let status = head.split(' ').nth(1).unwrap_or("none");
        assert!(
            bytes.is_empty() || matches!(status.as_bytes().first(), Some(b'2' | b'4')),
            "{request}: {head}"
        );
    }
    assert_untouched(&server, &[]);
}

#[rstest]
fn of_several_faults_the_first_in_the_contract_s_order_is_told(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(server) = Server::fresh(database) else { return };
    let stored = server.post("/orders", &order("a", NOON)).assert_status(201).json();
    let huge = "x".repeat(100_000);
    let ask = |method, path: &str, accept, kind, body: &str| {
        let request =
            server.request(method, path).header("Accept", accept).header("Content-Type", kind);
        request.body(body).send()
    };
    let (json, html) = ("application/json", "text/html");
    ask("POST", "/none?x=1", html, html, &huge).problem(404, "not-found");
    ask("PUT", "/orders", html, html, &huge).problem(405, "method-not-allowed");
    ask("PUT", "/orders/a%20b", html, html, &huge).problem(404, "not-found");
    server
        .request("GET", "/orders?limit=0")
        .header("Accept", html)
        .send()
        .problem(400, "invalid-parameter");
    ask("POST", "/orders", html, html, &huge).problem(406, "not-acceptable");
    ask("POST", "/orders", json, html, &huge).problem(415, "unsupported-media-type");
    ask("POST", "/orders", json, html, "{").problem(415, "unsupported-media-type");
    ask("POST", "/orders", json, json, &huge).problem(413, "body-too-large");
    ask("PUT", "/orders/none", json, json, &huge).problem(413, "body-too-large");
    ask("PUT", "/orders/none", json, json, "{").problem(400, "malformed-json");
    ask("PUT", "/orders/none", json, json, "{}").problem(422, "invalid-order");
    // What is both no JSON to the end and wrong before it is no JSON.
    ask("POST", "/orders", json, json, "{\"id\":\"a b\",\"totalfee\":-1,\"x\":}")
        .problem(400, "malformed-json");
    let mut unknown = order("none", NOON);
    unknown["services"] = json!([{"id": 1}]);
    ask("PUT", "/orders/none", json, json, &unknown.to_string()).problem(404, "not-found");
    unknown["id"] = json!("a");
    // An unknown service is told before the id that is taken and the time that is.
    ask("POST", "/orders", json, json, &unknown.to_string()).problem(422, "unknown-service");
    ask("POST", "/orders", json, json, &order("a", NOON).to_string()).problem(409, "order-exists");
    ask("POST", "/orders", json, json, &order("b", NOON).to_string())
        .problem(409, "order-conflict");
    ask("PUT", "/services/999", json, json, "{\"name\":\"\"}").problem(422, "invalid-service");
    ask("PUT", "/services/999", json, json, "{\"name\":\"Testing\"}").problem(404, "not-found");
    assert_untouched(&server, &[stored]);
}

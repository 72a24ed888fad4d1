//! Invalid headers, sizes and messages, and which fault is reported first.

use orders_tests::{Database, HOUR, Raw, Server, order, raw, raw_post};
use rstest_reuse::apply;
use serde_json::json;

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

#[apply(both_databases)]
fn a_body_of_more_than_64_kib_is_too_large(database: Database) {
    let server = Server::fresh(database);
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
    // One that only announces its length, and one without a length.
    let head = "POST /orders HTTP/1.1\r\nHost: $HOST\r\nContent-Type: application/json\r\nConnection: close\r\n";
    for length in ["65537", "99999999999", "18446744073709551615"] {
        raw(server.address(), &format!("{head}Content-Length: {length}\r\n\r\n{{"))
            .problem(413, "body-too-large");
    }
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000)).repeat(4);
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}");
    raw(server.address(), &format!("{chunked}1\r\n \r\n0\r\n\r\n")).problem(413, "body-too-large");
    // A body within the limit is validated.
    raw(server.address(), &format!("{chunked}0\r\n\r\n")).problem(400, "malformed-json");
    server.assert_untouched(&[stored]);
}

#[apply(both_databases)]
fn another_content_type_is_unsupported(database: Database) {
    let server = Server::fresh(database);
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
    server.assert_untouched(&[]);
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

#[apply(both_databases)]
fn an_answer_that_cannot_be_had_in_the_form_asked_for_is_not_acceptable(database: Database) {
    let server = Server::fresh(database);
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
    // A problem has its own media type, whatever the request accepts.
    server.request("GET", "/none").header("Accept", "text/html").send().problem(404, "not-found");
    assert_eq!(server.get("/services/123").json()["name"], "Inspection");
    server.assert_untouched(&[]);
}

#[apply(both_databases)]
fn a_message_whose_length_is_ambiguous_is_refused(database: Database) {
    let server = Server::fresh(database);
    let body = order("a", NOON).to_string();
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let head = "POST /orders HTTP/1.1\r\nHost: $HOST\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let length = body.len();
    for both in [
        format!("{head}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"),
        format!("{head}Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n{chunk}"),
        format!("{head}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n{chunk}"),
    ] {
        let answer = raw(server.address(), &both).assert_status(400);
        // Requests that the HTTP parser itself rejects are the one exception to problem bodies.
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
        let answer = raw(server.address(), &wrong);
        assert!((400..500).contains(&answer.status), "{answer}");
    }
    server.assert_untouched(&[]);
}

#[apply(both_databases)]
fn what_is_not_http_does_no_harm(database: Database) {
    let server = Server::fresh(database);
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
    server.assert_untouched(&[]);
}

#[apply(both_databases)]
fn of_several_faults_the_first_in_the_contract_s_order_is_told(database: Database) {
    let server = Server::fresh(database);
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
    // An unknown service is reported before a used id and a conflict.
    ask("POST", "/orders", json, json, &unknown.to_string()).problem(422, "unknown-service");
    ask("POST", "/orders", json, json, &order("a", NOON).to_string()).problem(409, "order-exists");
    ask("POST", "/orders", json, json, &order("b", NOON).to_string())
        .problem(409, "order-conflict");
    ask("PUT", "/services/999", json, json, "{\"name\":\"\"}").problem(422, "invalid-service");
    ask("PUT", "/services/999", json, json, "{\"name\":\"Testing\"}").problem(404, "not-found");
    server.assert_untouched(&[stored]);
}

//! Paths and methods: known and unknown ones, `HEAD` and `OPTIONS`.

use orders_tests::{Answer, Database, Raw, Server, order, raw};
use rstest_reuse::apply;

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

#[apply(both_databases)]
fn a_wrong_method_is_told_the_right_ones(database: Database) {
    let server = Server::fresh(database);
    let stored = server.post("/orders", &order("a", NOON)).assert_status(201).json();
    for (path, allowed) in [
        ("/orders", &["GET", "HEAD", "OPTIONS", "POST"][..]),
        ("/orders.ndjson", &["GET", "HEAD", "OPTIONS"]),
        ("/orders.csv", &["GET", "HEAD", "OPTIONS"]),
        ("/orders.ics", &["GET", "HEAD", "OPTIONS"]),
        ("/orders/a", &["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT"]),
        ("/orders/none", &["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT"]),
        ("/services", &["GET", "HEAD", "OPTIONS", "POST"]),
        ("/services/123", &["DELETE", "GET", "HEAD", "OPTIONS", "PUT"]),
        ("/policy", &["GET", "HEAD", "OPTIONS"]),
        ("/healthz", &["GET", "HEAD", "OPTIONS"]),
        ("/readyz", &["GET", "HEAD", "OPTIONS"]),
        ("/metrics", &["GET", "HEAD", "OPTIONS"]),
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
                server.address(),
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
    server.assert_untouched(&[stored]);
}

#[apply(both_databases)]
fn every_type_of_problem_has_a_page_that_tells_of_it(database: Database) {
    let server = Server::with_sample_data(database);
    for (code, status) in [
        ("malformed-json", 400),
        ("invalid-parameter", 400),
        ("invalid-header", 400),
        ("unauthenticated", 401),
        ("forbidden", 403),
        ("not-found", 404),
        ("method-not-allowed", 405),
        ("not-acceptable", 406),
        ("request-timeout", 408),
        ("order-conflict", 409),
        ("order-exists", 409),
        ("service-exists", 409),
        ("service-in-use", 409),
        ("edit-locked", 409),
        ("already-done", 409),
        ("version-mismatch", 412),
        ("body-too-large", 413),
        ("unsupported-media-type", 415),
        ("invalid-order", 422),
        ("invalid-service", 422),
        ("unknown-service", 422),
        ("invalid-batch", 422),
        ("batch-refused", 409),
        ("not-attempted", 424),
        ("version-required", 428),
        ("rate-limited", 429),
        ("overloaded", 503),
        ("database-unavailable", 503),
        ("outcome-unknown", 503),
    ] {
        let page = server.get(format!("/problems/{code}")).assert_status(200).json();
        assert_eq!(page.get("status").and_then(serde_json::Value::as_u64), Some(status), "{code}");
        let example = page.get("example").and_then(|example| example.get("type"));
        assert_eq!(
            example.and_then(serde_json::Value::as_str),
            Some(&*format!("/problems/{code}"))
        );
    }
    server.get("/problems/bad-weather").problem(404, "not-found");
}

#[apply(both_databases)]
fn head_answers_as_get_does_without_the_body(database: Database) {
    let server = Server::with_sample_data(database);
    let paths = [
        "/orders",
        "/orders?limit=1",
        "/orders.ndjson",
        "/orders.csv",
        "/orders.ics",
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

#[apply(both_databases)]
fn an_odd_path_is_not_found(database: Database) {
    let server = Server::fresh(database);
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
                server.address(),
                &format!("{method} {path} HTTP/1.1\r\nHost: $HOST\r\nConnection: close\r\n\r\n"),
            );
            // Requests that the HTTP parser itself rejects are the one exception to problem bodies.
            if answer.status == 400 && answer.body.is_empty() {
                assert!(path.contains('%'), "{answer}");
            } else {
                answer.problem(404, "not-found");
            }
        }
    }
    // Two spellings of one path are one path (RFC 3986, section 6.2.2.2).
    for same in ["/orders/22%33", "/%6frders/223", "http://$HOST/orders/223"] {
        let answer = raw(
            server.address(),
            &format!("GET {same} HTTP/1.1\r\nHost: $HOST\r\nConnection: close\r\n\r\n"),
        );
        assert_eq!(answer.assert_status(200).json(), stored);
    }
    server.assert_untouched(&[stored]);
}

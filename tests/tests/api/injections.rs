//! Injection attempts in every place that accepts text: none has an effect.

use orders_tests::{Database, Raw, Server, order};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

/// For SQL, for headers, for logs, for spreadsheets, for shells, for pages and for paths.
const CORPUS: [&str; 28] = [
    "' OR '1'='1",
    "'; DROP TABLE orders; --",
    "\"; DROP TABLE orders; --",
    "') UNION SELECT * FROM api_key_secrets --",
    "1; SELECT pg_sleep(5)",
    "1' AND 1=CAST((SELECT hash FROM api_key_secrets LIMIT 1) AS int) --",
    "/* */ OR 1=1",
    "$1",
    "?1",
    "%",
    "_'",
    "\\",
    "\\'; --",
    "\u{2019} OR 1=1",
    "x\r\nSet-Cookie: a=b",
    "x\nX-Injected: yes",
    "x\n[2026-01-01T00:00:00Z INFO  orders_api] FORGED",
    "x\u{1b}[2J",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "+1+1",
    "-2+3",
    "$(id)",
    "`id`",
    "{{7*7}}",
    "${jndi:ldap://127.0.0.1/x}",
    "<script>alert(1)</script>",
    "../../../../etc/passwd",
];

fn escaped(text: &str) -> String {
    let escape = |escaped: String, byte| escaped + &format!("%{byte:02X}");
    text.bytes().fold(String::new(), escape)
}

#[apply(both_databases)]
fn no_text_has_an_effect_wherever_it_is_put(database: Database) {
    let server = Server::fresh(database);
    let stored = server.post("/orders", &order("a", NOON)).assert_status(201).json();
    for text in CORPUS {
        let encoded = escaped(text);
        for path in [
            "/orders/{}",
            "/orders/{}/history",
            "/services/{}",
            "/keys/{}",
            "/problems/{}",
            "/docs/{}",
            "/{}",
        ] {
            let status = server.get(path.replace("{}", &encoded)).status;
            assert_eq!(status, 404, "{path} {text:?}");
        }
        for name in [
            "limit",
            "cursor",
            "from",
            "to",
            "service",
            "min_fee",
            "sort",
            "expand",
            "created_from",
            "none",
        ] {
            // A fee may begin with a sign.
            let answer = server.get(format!("/orders?{name}={encoded}"));
            answer.problem(400, "invalid-parameter");
        }
        server.get(format!("/orders?{encoded}=1")).problem(400, "invalid-parameter");
        server.delete(format!("/orders/{encoded}")).problem(404, "not-found");
        for (member, value) in
            [("id", json!(text)), ("datetime", json!(text)), ("totalfee", json!(text))]
        {
            let mut body = order("b", NOON + 9 * 3_600_000);
            body.as_object_mut().unwrap().insert(member.to_owned(), value);
            server.post("/orders", &body).problem(422, "invalid-order");
        }
        let services = json!({"services": [{"id": text}]});
        server.put("/orders/a", &services).problem(422, "invalid-order");
    }
    server.assert_untouched(&[stored]);
    let log = server.log();
    assert!(!log.lines().any(|line| line.starts_with('[') && line.contains("FORGED")), "{log}");
    assert!(!log.contains('\u{1b}') && !log.contains("\nX-Injected"), "{log}");
}

#[apply(both_databases)]
fn headers_say_nothing_that_is_executed(database: Database) {
    let server = Server::fresh(database);
    for text in CORPUS {
        for name in [
            "X-API-Key",
            "Authorization",
            "Idempotency-Key",
            "If-Match",
            "X-Request-Id",
            "Accept",
            "Origin",
            "Cookie",
        ] {
            let head = format!(
                "DELETE /orders/none HTTP/1.1\r\nHost: {}\r\n{name}: {text}\r\nConnection: close\r\n\r\n",
                server.address()
            );
            let bytes = Raw::connect(server.address()).send(head).read_to_end();
            let answer = String::from_utf8_lossy(&bytes).to_lowercase();
            let head = answer.split("\r\n\r\n").next().unwrap();
            let status = head.split(' ').nth(1).unwrap_or_default();
            let refused = ["400", "401", "403", "404", "406", "412"];
            assert!(refused.contains(&status), "{name} {text:?}: {answer}");
            assert!(!head.contains("set-cookie") && !head.contains("x-injected"), "{answer}");
        }
    }
    server.assert_untouched(&[]);
}

#[apply(both_databases)]
fn a_name_is_kept_as_it_is_and_harmless_in_tables(database: Database) {
    let server = Server::fresh(database);
    for (number, text) in (1..).zip(CORPUS) {
        let named = server.post("/services", &json!({"id": number, "name": text}));
        if text.chars().any(char::is_control) {
            named.problem(422, "invalid-service");
            continue;
        }
        assert_eq!(named.assert_status(201).json()["name"], text.trim(), "{text:?}");
        let mut body = order(&format!("o{number}"), NOON + number * 9 * 3_600_000);
        let services = json!([{"id": number}]);
        body.as_object_mut().unwrap().insert("services".to_owned(), services);
        drop(server.post("/orders", &body).assert_status(201));
    }
    let table = server.get("/orders.csv?expand=services").assert_status(200).text();
    for cell in table.split([',', '\n']) {
        let bare = cell.trim_start_matches('"');
        assert!(!bare.starts_with(['=', '@', '\t', '\r']), "{cell}");
        assert!(!bare.starts_with("+1") && !bare.starts_with("-2"), "{cell}");
    }
    let all: Vec<Value> = server.all("/orders");
    assert_eq!(server.get("/orders.ndjson").text().lines().count(), all.len());
}

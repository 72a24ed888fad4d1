//! Authorization: which role may use each route, by the table in docs/HTTP.md, and what needs no key.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test may fail")]

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use orders_tests::{Client, Database, Scratch, Server, Setup, raw};
use rstest::rstest;
use rstest_reuse::apply;
use serde_json::json;

use crate::both_databases;

struct Route {
    method: String,
    path: String,
    open: bool,
    none: bool,
    /// Of readers, writers, admins.
    roles: [bool; 3],
}

/// The table of the checked-in document.
fn routes() -> Vec<Route> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/HTTP.md");
    let text = std::fs::read_to_string(file).unwrap();
    let table = text.split_once("## Authorization").expect("there is a table").1;
    let table = table.split("\n## ").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let (route, cells) = row.split_once('`').unwrap();
        let (method, path) = route.split_once(' ').unwrap();
        let cells: Vec<bool> = cells
            .split('|')
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .map(|cell| cell == "yes")
            .collect();
        let [open, none, reader, writer, admin] = cells[..] else { panic!("{row}") };
        let path = path
            .replace("/keys/{id}", "/keys/key_0123456789abcdef")
            .replace("/webhooks/{id}", "/webhooks/whk_0123456789abcdef")
            .replace("{id}", "223")
            // The stream has no end, so an invalid query is used: an authorized caller gets its problem.
            .replace("/events/stream", "/events/stream?after=x")
            .replace("{code}", "forbidden")
            .replace("{file}", "start.js");
        Route { method: method.to_owned(), path, open, none, roles: [reader, writer, admin] }
    })
    .collect()
}

fn make(scratch: &Scratch, arguments: &[&str]) -> (String, String) {
    drop(scratch.run(&["migrate"]).assert_fine());
    let all = [&["keys", "create", "--name", "test"], arguments].concat();
    let printed = scratch.run(&all).assert_fine().stdout;
    let (id, key) = printed.trim_end().split_once(' ').unwrap();
    (id.to_owned(), key.to_owned())
}

/// Sends an empty object: an authorized caller gets a problem about it, or a 404.
fn ask(client: &Client, route: &Route) -> u16 {
    let request = client.request(&route.method, &*route.path);
    let get = route.method == "GET";
    if get { request.send() } else { request.json(&json!({})).send() }.status
}

#[apply(both_databases)]
fn every_route_lets_in_whom_the_table_says(database: Database) {
    let scratch = database.fresh();
    let routes = routes();
    assert!(routes.len() >= 30);
    let server = Server::start(&scratch);
    for route in &routes {
        let status = ask(&server, route);
        assert_eq!(status != 403, route.open, "open: {} {} {status}", route.method, route.path);
    }
    let roles = ["reader", "writer", "admin"].map(|role| make(&scratch, &["--role", role]).1);
    let (_, expired) = make(&scratch, &["--role", "admin", "--expires-in", "1ms"]);
    let (revoked_id, revoked) = make(&scratch, &["--role", "admin"]);
    drop(scratch.run(&["keys", "revoke", &revoked_id]).assert_fine());
    sleep(Duration::from_secs(1));
    let strangers = [
        server.another(),
        server.with_key("wrong"),
        server.with_key(&"0".repeat(10_000)),
        server.with_key(&format!("{revoked_id}_{}", "0".repeat(64))),
        server.with_key(&expired),
        server.with_key(&revoked),
    ];
    for route in &routes {
        let what = format!("{} {}", route.method, route.path);
        for stranger in &strangers {
            assert_eq!(ask(stranger, route) != 401, route.none, "{what}");
        }
        for (key, may) in roles.iter().zip(route.roles) {
            let status = ask(&server.with_key(key), route);
            assert!(status != 401 && (status != 403) == may, "{what}: {status}");
        }
        let options = server.request("OPTIONS", &*route.path).send();
        assert_eq!(options.status, 204, "{what}");
    }
    let reader = server.with_key(&roles[0]);
    reader.request("HEAD", "/orders").send().assert_status(200);
    // The route is checked first, then the caller, then the request.
    server.get("/none").problem(404, "not-found");
    server.get("/orders/..").problem(404, "not-found");
    server.get("/keys/1").problem(404, "not-found");
    server.delete("/policy").problem(405, "method-not-allowed");
    server.get("/orders?limit=0").problem(401, "unauthenticated");
    reader.post("/orders?x=1", &json!([])).problem(403, "forbidden");
    let challenge = server.get("/orders");
    assert!(challenge.header("WWW-Authenticate").is_some_and(|it| it.starts_with("Bearer ")));
    let bearer = format!("Bearer {}", roles[0]);
    let get = server.request("GET", "/orders").header("Authorization", &bearer);
    get.send().assert_status(200);
}

#[apply(both_databases)]
fn without_keys_only_this_machine_is_let_in(database: Database) {
    let server = Server::fresh(database);
    let get = |headers: &str| {
        let head = format!("GET /orders HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
        raw(server.address(), &head)
    };
    for own in ["Host: $HOST\r\n", "Host: localhost\r\n", "Host: [::1]:9\r\n"] {
        get(own).assert_status(200);
    }
    for foreign in
        ["Host: evil.example\r\n", "Host: localhost.evil.example\r\n", "Host: 10.0.0.1\r\n"]
    {
        get(foreign).problem(403, "forbidden");
    }
    for proxy in [
        "Forwarded: for=1.2.3.4",
        "X-Forwarded-For: 1.2.3.4",
        "x-forwarded-proto: https",
        "Via: 1.1 x",
    ] {
        get(&format!("Host: $HOST\r\n{proxy}\r\n")).problem(403, "forbidden");
    }
    let absolute =
        "GET http://evil.example/orders HTTP/1.1\r\nHost: $HOST\r\nConnection: close\r\n\r\n";
    raw(server.address(), absolute).problem(403, "forbidden");
    // What is open to anyone is open to proxies, too.
    let health = "GET /healthz HTTP/1.1\r\nHost: x\r\nVia: 1.1 x\r\nConnection: close\r\n\r\n";
    raw(server.address(), health).assert_status(200);
    server.assert_untouched(&[]);
}

#[apply(both_databases)]
fn pages_of_other_sites_change_nothing(database: Database, #[values(false, true)] with_key: bool) {
    let scratch = database.fresh();
    let key = "a-key-that-the-operator-has-made-up-1234";
    let variables = [("ORDERS_API_KEY", key)];
    let setup = Setup {
        arguments: &["--sample-data", "--public-url", "https://orders.example"],
        variables: if with_key { &variables } else { &[] },
        ..Setup::default()
    };
    let server = Server::start_as(&scratch, &setup);
    let client = if with_key { server.with_key(key) } else { server.another() };
    let own = format!("http://{}", server.address());
    let delete = |id: &str, headers: &[(&'static str, &str)]| {
        let mut request = client.request("DELETE", format!("/orders/{id}"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.send()
    };
    for foreign in [
        &[("Origin", "http://evil.example")][..],
        &[("Origin", "null")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Origin", &own), ("Sec-Fetch-Site", "cross-site")],
    ] {
        delete("223", foreign).problem(403, "forbidden");
    }
    let read = client.request("GET", "/orders/223").header("Origin", "http://evil.example").send();
    read.assert_status(200);
    delete("223", &[("Origin", &own), ("Sec-Fetch-Site", "same-origin")]).assert_status(204);
    delete("224", &[("Origin", "https://orders.example")]).assert_status(204);
    delete("225", &[]).assert_status(204);
}

const ODD: [&str; 9] = [
    "Authorization: Basic eDp5",
    "Authorization: Bearer",
    "Authorization: Bearer ",
    "Authorization:",
    "Authorization: Bearer x\r\nAuthorization: Bearer y",
    "X-API-Key:",
    "X-API-Key: x\r\nX-API-Key: y",
    "X-API-Key: \u{e4}",
    "X-API-Key: key_0123456789abcdef_",
];

#[rstest]
fn odd_credentials_are_as_good_as_a_wrong_key(#[values(Database::Sqlite)] database: Database) {
    let scratch = database.fresh();
    let get = |server: &Server, header: &str| {
        let head =
            format!("GET /orders HTTP/1.1\r\nHost: $HOST\r\n{header}\r\nConnection: close\r\n\r\n");
        raw(server.address(), &head)
    };
    let server = Server::start(&scratch);
    for odd in ODD {
        get(&server, odd).assert_status(200);
    }
    let (_, key) = make(&scratch, &["--role", "reader"]);
    sleep(Duration::from_secs(1));
    for odd in ODD {
        let refused = get(&server, odd);
        refused.problem(401, "unauthenticated");
        assert!(refused.header("WWW-Authenticate").is_some_and(|it| it.contains("invalid_token")));
    }
    let answer = get(&server, &format!("Authorization: bEARER\t {key}"));
    assert_eq!(answer.assert_status(200).header("Cache-Control"), Some("private, no-cache"));
    // Guessing sessions is rate limited like guessing keys.
    let limited = Server::start_as(
        &scratch,
        &Setup { arguments: &["--rate-limit", "1", "--rate-burst", "5"], ..Setup::default() },
    );
    let statuses: Vec<u16> = ODD.iter().map(|odd| get(&limited, odd).status).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
}

//! The access log: one line for each request, without secrets, which no client can forge.

use std::thread::sleep;
use std::time::{Duration, Instant};

use orders_tests::{Database, OWN_KEY, Raw, Server, Setup, order, raw};
use rstest::rstest;
use rstest_reuse::apply;
use serde_json::Value;

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

/// The lines of the access log once there are so many, by request id.
fn lines(server: &Server, number: usize) -> Vec<Value> {
    let patience = Instant::now() + Duration::from_secs(10);
    loop {
        let log = server.log();
        let parsed = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines: Vec<Value> = parsed.filter(|line| line["target"] == "access").collect();
        if lines.len() >= number {
            return lines;
        }
        assert!(Instant::now() < patience, "{} lines only:\n{log}", lines.len());
        sleep(Duration::from_millis(5));
    }
}

#[apply(both_databases)]
fn each_request_is_a_line_with_who_what_and_how_long(database: Database) {
    let scratch = database.fresh();
    let setup = Setup {
        arguments: &["--access-log", "--log-format", "json", "--sample-data"],
        variables: &[("ORDERS_API_KEY", OWN_KEY)],
        ..Setup::default()
    };
    let server = Server::start_as(&scratch, &setup);
    let admin = server.with_key(OWN_KEY);
    let body = order("a", NOON);
    let made = admin.request("POST", "/orders").header("X-Request-Id", "mine-1").json(&body).send();
    let made = made.assert_status(201);
    server.get("/orders?service=123&x=secret-in-a-query").problem(401, "unauthenticated");
    let stream = admin.get("/orders.ndjson").assert_status(200);
    server.get("/secret-in-a-path").problem(404, "not-found");
    let lines = lines(&server, 4);
    let [create, refused, streamed, unknown] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(create["request_id"], "mine-1");
    assert_eq!(create["actor"], "environment");
    assert_eq!((&create["method"], &create["route"]), (&"POST".into(), &"/orders".into()));
    assert_eq!((&create["status"], &create["bytes"]), (&201.into(), &made.body.len().into()));
    assert!(create["duration_us"].as_u64().is_some_and(|took| took > 0 && took < 60_000_000));
    assert_eq!((&refused["status"], &refused["actor"]), (&401.into(), &"anonymous".into()));
    assert_eq!(
        (&streamed["route"], &streamed["bytes"]),
        (&"/orders.ndjson".into(), &stream.body.len().into())
    );
    assert_eq!((&unknown["route"], &unknown["status"]), (&"none".into(), &404.into()));
    assert!(lines.iter().all(|line| !line["message"].to_string().contains("cut short")));
    let log = server.log();
    for secret in [OWN_KEY, "secret-in-a-query", "secret-in-a-path"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[rstest]
fn no_client_can_forge_a_line(#[values(Database::Sqlite)] database: Database) {
    let scratch = database.fresh();
    let setup = Setup { arguments: &["--access-log"], ..Setup::default() };
    let server = Server::start_as(&scratch, &setup);
    let methods = ["GET".to_owned(), "M".repeat(5_000), "M-ODD".to_owned()];
    for method in &methods {
        for path in ["/%0aFORGED", "/orders/%0d%0aFORGED", "/orders?x=%0aFORGED", "/FORGED"] {
            let head = format!(
                "{method} {path} HTTP/1.1\r\nHost: $HOST\r\nX-Request-Id: FORGED line\r\n\
                 X-API-Key: FORGED\r\nConnection: close\r\n\r\n"
            );
            drop(raw(server.address(), &head));
        }
    }
    server.get("/healthz").assert_status(200);
    server.wait_for_log("GET /healthz 200");
    let log = server.log();
    assert!(!log.contains("FORGED"), "{log}");
    let access = log.lines().filter(|line| line.contains(" access]"));
    assert_eq!(access.count(), methods.len() * 4 + 1, "{log}");
    assert!(log.lines().all(|line| line.len() < 500), "{log}");
}

#[rstest]
fn who_leaves_before_the_answer_is_logged_too(#[values(Database::Sqlite)] database: Database) {
    let scratch = database.fresh();
    let setup = Setup { arguments: &["--access-log", "--log-format", "json"], ..Setup::default() };
    let server = Server::start_as(&scratch, &setup);
    let head = format!(
        "POST /orders HTTP/1.1\r\nHost: {}\r\nContent-Length: 1000\r\nX-Request-Id: left\r\n\
         Expect: 100-continue\r\n\r\n",
        server.address()
    );
    drop(Raw::connect(server.address()).send(head).read_past("\r\n\r\n"));
    let line = lines(&server, 1).remove(0);
    assert_eq!((&line["request_id"], &line["method"]), (&"left".into(), &"POST".into()));
}

#[rstest]
fn nothing_is_logged_of_requests_unless_it_is_asked_for(
    #[values(Database::Sqlite)] database: Database,
) {
    let server = Server::fresh(database);
    server.get("/orders").assert_status(200);
    assert!(!server.log().contains("access"), "{}", server.log());
}

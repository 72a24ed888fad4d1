//! Secrets sent everywhere, with the most verbose log: none is ever shown.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::spawn;

use orders_tests::{Answer, Client, Database, Scratch, Server, Setup, document, order};
use rstest::rstest;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;
const OWN_KEY: &str = "canary-that-the-operator-has-made-up-0001";
const PASSWORD: &str = "canary-of-the-database-0002";
/// What only the libraries below say is asked for, too.
const ALL: &str =
    "trace,actix_http=trace,actix_server=trace,actix_web=trace,rustls=trace,mio=trace";

fn make(scratch: &Scratch, role: &str) -> String {
    drop(scratch.run(&["migrate"]).assert_fine());
    let made = scratch.run(&["keys", "create", "--name", "test", "--role", role]).assert_fine();
    made.stdout.trim_end().split_once(' ').unwrap().1.to_owned()
}

/// The part of a key that is a secret.
fn secret(key: &str) -> &str {
    key.rsplit('_').next().unwrap()
}

/// Every method of every path; what a path takes is filled in.
fn routes(filling: &str) -> Vec<(String, String)> {
    let fill = |path: &str| {
        let parts = path.split('/');
        let filled = parts.map(|part| if part.starts_with('{') { filling } else { part });
        filled.collect::<Vec<_>>().join("/")
    };
    let routes = document().paths().flat_map(|(path, operations)| {
        let path = fill(path);
        operations.into_iter().map(move |(method, _)| (method, path.clone()))
    });
    routes.collect()
}

/// The database's URL with a password in it.
fn with_password(scratch: &Scratch) -> String {
    scratch.url().replace("orders@", &format!("orders:{PASSWORD}@"))
}

fn send(client: &Client, method: &str, path: &str, body: &Value) -> Answer {
    let request = client.request(method, path).header("Idempotency-Key", path);
    if method == "GET" { request.send() } else { request.json(body).send() }
}

#[apply(both_databases)]
fn no_secret_is_ever_answered_or_logged(database: Database) {
    let scratch = database.fresh();
    let (admin, reader) = (make(&scratch, "admin"), make(&scratch, "reader"));
    let wrong = format!("key_0123456789abcdef_{}", "7".repeat(64));
    let url = with_password(&scratch);
    let setup = Setup {
        arguments: &["--log", ALL, "--sample-data"],
        variables: &[("ORDERS_API_KEY", OWN_KEY)],
        url: Some(&url),
        ..Setup::default()
    };
    let server = Server::start_as(&scratch, &setup);
    let keys = [admin.as_str(), &reader, &wrong, OWN_KEY];
    let secrets = [secret(&admin), secret(&reader), secret(&wrong), OWN_KEY, PASSWORD];
    let shows = |text: &str| secrets.into_iter().find(|secret| text.contains(secret));
    let clean = |answer: &Answer| {
        let shown = answer.to_string().replace(&answer.request, "");
        assert_eq!(shows(&shown), None, "{answer}");
    };
    for (method, path) in routes("223") {
        // What streams without end is asked for elsewhere.
        if path.ends_with("/stream") {
            continue;
        }
        for key in keys {
            let client = server.with_key(key);
            for body in [
                json!({}),
                json!([]),
                json!({"name": "x", "role": "reader"}),
                json!({"name": key, "role": key, "expires_in": key}),
                json!({"datetime": key, "totalfee": key, "services": [{"id": key}]}),
                json!({"mode": key, "operations": [{"op": key, "id": 1}]}),
                order("o", NOON),
            ] {
                clean(&send(&client, &method, &path, &body));
            }
            clean(&send(
                &client,
                &method,
                &format!("{path}?api_key={key}&limit={key}"),
                &json!({}),
            ));
            let bearer = format!("Bearer {key}");
            let basic = format!("Basic {key}");
            for (name, value) in [
                ("Authorization", &*bearer),
                ("Authorization", &*basic),
                ("Idempotency-Key", key),
                ("If-Match", key),
                ("Accept", key),
                ("Content-Type", key),
                ("Origin", key),
                ("Cookie", key),
                ("X-Forwarded-For", key),
            ] {
                clean(&server.request(&method, &*path).header(name, value).body(key).send());
                let request = client.request(&method, &*path).header(name, value);
                clean(&request.body(key).send());
            }
        }
    }
    // An answer may repeat the requested path; the log must not.
    for key in keys {
        for (method, path) in routes(key) {
            if !path.ends_with("/stream") {
                drop(send(&server.with_key(&wrong), &method, &path, &json!({})));
                drop(send(&server.with_key(&admin), &method, &path, &json!({})));
            }
        }
    }
    let log = server.log();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log is not silent");
    let line = log.lines().find(|line| shows(line).is_some());
    assert_eq!(line, None, "a secret is in the log");
}

#[apply(both_databases)]
fn the_answer_kept_for_one_caller_is_not_given_to_another(database: Database) {
    let scratch = database.fresh();
    let (one, other) = (make(&scratch, "admin"), make(&scratch, "admin"));
    let server = Server::start_as(
        &scratch,
        &Setup { arguments: &["--log", ALL, "--sample-data"], ..Setup::default() },
    );
    let (one, other) = (server.with_key(&one), server.with_key(&other));
    let asks = [
        ("POST", "/orders", order("canary-0003", NOON)),
        ("POST", "/keys", json!({"name": "canary-0004", "role": "reader"})),
        ("PUT", "/services/123", json!({"name": "canary-0005"})),
        ("DELETE", "/orders/223", json!({})),
    ];
    for (method, path, body) in asks {
        let first = send(&one, method, path, &body);
        assert!((200..300).contains(&first.status), "{first}");
        let foreign = send(&other, method, path, &body);
        assert_eq!(foreign.header("Idempotency-Replayed"), None, "{foreign}");
        assert!(
            foreign.body.is_empty() || foreign.body != first.body || method == "PUT",
            "{foreign}"
        );
        if let Some(key) =
            (path == "/keys").then(|| first.json()).as_ref().and_then(|made| made["key"].as_str())
        {
            assert!(!foreign.text().contains(secret(key)), "{foreign}");
            assert!(!server.log().contains(secret(key)));
            let again = send(&one, method, path, &body);
            again.problem(409, "already-done");
        }
    }
}

/// Answers like a PostgreSQL that rejects every password.
fn refusing_postgres() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut asked = [0; 4096];
            drop(stream.read(&mut asked));
            // AuthenticationCleartextPassword, then an ErrorResponse.
            drop(stream.write_all(b"R\0\0\0\x08\0\0\0\x03"));
            drop(stream.read(&mut asked));
            let fields = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0\0";
            let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
            drop(stream.write_all(&[b"E", &length[..], fields].concat()));
        }
    });
    port
}

#[test]
fn the_password_of_a_database_that_cannot_be_reached_is_not_shown() {
    let scratch = Database::Sqlite.fresh();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for url in [
        format!("postgres://orders:{PASSWORD}@127.0.0.1:{closed}/x"),
        format!("postgres://orders:{PASSWORD}@127.0.0.1:{}/x", refusing_postgres()),
        format!("postgres://orders:{PASSWORD}@no-such-host.invalid/x"),
        format!("postgres://orders:{PASSWORD}@127.0.0.1:notaport/x"),
        format!("postgres://orders:{PASSWORD}@127.0.0.1/x?no-such-option={PASSWORD}"),
        format!("postgres://127.0.0.1:{closed}/x?user=orders&password={PASSWORD}"),
        format!("postgres:///x?host=127.0.0.1&port={closed}&password={PASSWORD}"),
        format!("mysql://orders:{PASSWORD}@127.0.0.1/x"),
        format!("host=127.0.0.1 port={closed} password={PASSWORD}"),
    ] {
        for command in ["migrate", "serve", "seed"] {
            let run = orders_tests::orders_api(
                scratch.dir(),
                &[("ORDERS_DATABASE_URL", &*url), ("ORDERS_BIND", "127.0.0.1:0")],
                &[command, "--log", ALL],
            );
            let shown = format!("{}{}", run.stdout, run.stderr);
            assert!(run.code.is_some_and(|code| code != 0) && !shown.is_empty(), "{run:?}");
            assert!(!shown.contains(PASSWORD), "{url}: {run:?}");
        }
    }
}

#[rstest]
fn the_password_of_a_database_that_goes_away_is_not_shown(
    #[values(Database::Postgres)] database: Database,
) {
    let scratch = database.fresh();
    let url = with_password(&scratch);
    let setup =
        Setup { arguments: &["--log", ALL, "--sample-data"], url: Some(&url), ..Setup::default() };
    let server = Server::start_as(&scratch, &setup);
    let mut sql = scratch.sql();
    let shut = "UPDATE pg_database SET datallowconn = false WHERE datname = current_database()";
    sql.run(shut).unwrap();
    sql.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .unwrap();
    for (method, path) in [
        ("GET", "/orders/223"),
        ("GET", "/orders"),
        ("GET", "/orders.csv"),
        ("POST", "/orders"),
        ("GET", "/readyz"),
        ("GET", "/policy"),
    ] {
        let answer = send(&server, method, path, &order("o", NOON));
        assert!(answer.status >= 500, "{answer}");
        assert!(!answer.to_string().contains(PASSWORD), "{answer}");
    }
    let log = server.log();
    assert!(log.contains("not currently accepting connections"), "{log}");
    assert!(!log.contains(PASSWORD), "{log}");
}

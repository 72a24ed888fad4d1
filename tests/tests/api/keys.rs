//! API keys: created, listed, revoked and rotated, and when each change takes effect.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::thread::sleep;
use std::time::{Duration, Instant};

use orders_tests::{Answer, Bulk, Client, Database, HOUR, Raw, Scratch, Server, Setup, order};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;
/// Within what time a change to the keys must be in force everywhere.
const SOON: Duration = Duration::from_secs(1);

/// Makes a key by the command; returns its id and the key.
fn make(scratch: &Scratch, role: &str) -> (String, String) {
    drop(scratch.run(&["migrate"]).assert_fine());
    let run = scratch.run(&["keys", "create", "--name", "test", "--role", role]).assert_fine();
    let line = run.stdout.strip_suffix('\n').expect("one line is printed");
    let (id, key) = line.split_once(' ').expect("an id and a key are printed");
    assert!(!line.contains('\n') && !run.stderr.contains(key), "{run:?}");
    (id.to_owned(), key.to_owned())
}

/// A server that has a key, and a client with it.
fn keyed(database: Database) -> (Scratch, Server, Client) {
    let scratch = database.fresh();
    let (_, key) = make(&scratch, "admin");
    let server = Server::start(&scratch);
    let admin = server.with_key(&key);
    drop(admin.post("/services", &json!({"id": 123, "name": "Inspection"})).assert_status(201));
    (scratch, server, admin)
}

fn create(admin: &Client, body: &Value) -> (String, String) {
    let made = admin.post("/keys", body).assert_status(201).json();
    let member = |name: &str| made[name].as_str().expect("it is text").to_owned();
    (member("id"), member("key"))
}

/// Waits until a request gets this status, and checks that it does soon.
fn assert_soon(status: u16, ask: impl Fn() -> Answer) {
    let began = Instant::now();
    while ask().status != status {
        assert!(began.elapsed() < SOON, "{}", ask());
        sleep(Duration::from_millis(20));
    }
}

#[apply(both_databases)]
fn the_commands_make_list_rotate_and_revoke_keys(database: Database) {
    let scratch = database.fresh();
    let (id, key) = make(&scratch, "reader");
    let list = |expected: usize| {
        let listed = scratch.run(&["keys", "list"]).assert_fine().stdout;
        let keys: Vec<Value> =
            listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(keys.len() == expected && !listed.contains(&key), "{listed}");
        keys
    };
    assert_eq!((&list(1)[0]["id"], &list(1)[0]["role"]), (&json!(id), &json!("reader")));
    let server = Server::start(&scratch);
    server.with_key(&key).get("/orders").assert_status(200);
    let rotated = scratch.run(&["keys", "rotate", &id, "--overlap", "2s"]).assert_fine().stdout;
    let (same, newer) = rotated.trim_end().split_once(' ').unwrap();
    assert!(same == id && newer != key, "{rotated}");
    server.with_key(newer).get("/orders").assert_status(200);
    server.with_key(&key).get("/orders").assert_status(200);
    sleep(Duration::from_secs(2) + SOON);
    server.with_key(&key).get("/orders").problem(401, "unauthenticated");
    server.with_key(newer).get("/orders").assert_status(200);
    drop(scratch.run(&["keys", "revoke", &id]).assert_fine());
    assert_soon(401, || server.with_key(newer).get("/orders"));
    assert!(list(1)[0]["revoked_at"].is_string());
    scratch.run(&["keys", "revoke", &id]).assert_refused(1, "revoked");
    scratch.run(&["keys", "rotate", "key_0123456789abcdef"]).assert_refused(1, "no key");
    let expired = scratch
        .run(&["keys", "create", "--name", "brief", "--role", "admin", "--expires-in", "1ms"])
        .assert_fine()
        .stdout;
    let brief = expired.trim_end().split_once(' ').unwrap().1;
    sleep(Duration::from_millis(10));
    server.with_key(brief).get("/orders").problem(401, "unauthenticated");
}

#[apply(both_databases)]
fn admins_make_list_rotate_and_revoke_keys(database: Database) {
    let (_scratch, server, admin) = keyed(database);
    let body = json!({"name": " billing ", "role": "writer", "expires_in": "90d"});
    let made = admin.post("/keys", &body).assert_status(201);
    assert_eq!(made.header("Cache-Control"), Some("no-store"));
    let location = made.header("Location").unwrap().to_owned();
    let made = made.json();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert_eq!((&made["name"], location), (&json!("billing"), format!("/keys/{id}")));
    let mut shown = made.clone();
    shown.as_object_mut().unwrap().remove("key");
    assert_eq!(admin.get(format!("/keys/{id}")).assert_status(200).json(), shown);
    let all = admin.all("/keys");
    assert!(all.len() == 2 && all.contains(&shown), "{all:?}");
    let page = admin.get("/keys?limit=1").assert_status(200);
    assert!(page.header("Link").is_some());
    let rest = format!("/keys?limit=1&cursor={}", page.json()["next_cursor"].as_str().unwrap());
    assert_eq!(admin.get(rest).assert_status(200).json()["data"][0], shown);
    let holder = server.with_key(key);
    holder.get("/orders").assert_status(200);
    let rotate = |body: &Value| admin.post(format!("/keys/{id}/rotate"), body).assert_status(200);
    let rotated = rotate(&json!({"overlap": "0s"})).json();
    assert_eq!(rotated["expires_at"], made["expires_at"]);
    assert_soon(401, || holder.get("/orders"));
    let holder = server.with_key(rotated["key"].as_str().unwrap());
    holder.get("/orders").assert_status(200);
    let bare = admin.request("POST", format!("/keys/{id}/rotate")).send().assert_status(200);
    assert!(bare.json()["former_key_expires_at"].is_string());
    holder.get("/orders").assert_status(200);
    admin.delete(format!("/keys/{id}")).assert_status(204);
    assert_soon(401, || holder.get("/orders"));
    admin.delete(format!("/keys/{id}")).problem(404, "not-found");
    admin.post(format!("/keys/{id}/rotate"), &json!({})).problem(404, "not-found");
    let over = admin.get(format!("/keys/{id}")).assert_status(200).json();
    assert!(over["revoked_at"].is_string(), "{over}");
    let faults = admin.post("/keys", &json!({"role": "king", "expires_in": 5, "key": "mine"}));
    faults.problem(422, "invalid-key");
    assert_eq!(faults.pointers(), ["/expires_in", "/key", "/name", "/role"]);
}

#[apply(both_databases)]
fn a_change_is_in_force_on_every_process_within_a_second(database: Database) {
    let (scratch, _server, admin) = keyed(database);
    let other = Server::start(&scratch);
    let (id, key) = create(&admin, &json!({"name": "x", "role": "reader"}));
    let holder = other.with_key(&key);
    holder.get("/orders").assert_status(200);
    admin.delete(format!("/keys/{id}")).assert_status(204);
    assert_soon(401, || holder.get("/orders"));
}

#[apply(both_databases)]
fn a_key_is_kept_as_a_hash_and_its_use_is_noted(database: Database) {
    let (scratch, server, admin) = keyed(database);
    let (id, key) = create(&admin, &json!({"name": "x", "role": "reader"}));
    server.with_key(&key).get("/orders").assert_status(200);
    let used = || admin.get(format!("/keys/{id}")).json()["last_used_at"].is_string();
    for _ in 0..100 {
        if used() {
            break;
        }
        sleep(Duration::from_millis(100));
    }
    assert!(used());
    drop((server, admin));
    if database == Database::Sqlite {
        for file in std::fs::read_dir(scratch.dir()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            let secret = key.rsplit('_').next().unwrap().as_bytes();
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
}

#[apply(both_databases)]
fn the_holder_of_a_key_is_told_in_history_and_keeps_its_identity(database: Database) {
    let (_scratch, server, admin) = keyed(database);
    let (id, key) = create(&admin, &json!({"name": "x", "role": "writer"}));
    let send = |client: &Client, body: &Value| {
        client.request("POST", "/orders").header("Idempotency-Key", "k").json(body).send()
    };
    let holder = server.with_key(&key);
    let first = send(&holder, &order("a", NOON)).assert_status(201);
    let rotated = admin.post(format!("/keys/{id}/rotate"), &json!({})).assert_status(200).json();
    let again = send(&server.with_key(rotated["key"].as_str().unwrap()), &order("a", NOON));
    assert_eq!(again.header("Idempotency-Replayed"), Some("true"));
    assert_eq!(again.body, first.body);
    // Another caller's key of the same name is another key.
    let theirs = send(&admin, &order("b", NOON + 9 * HOUR)).assert_status(201);
    assert_eq!(theirs.header("Idempotency-Replayed"), None);
    let changes = admin.all("/orders/a/history");
    assert_eq!(changes[0]["data"]["actor"], json!(id));
}

#[apply(both_databases)]
fn an_answer_that_shows_a_secret_is_given_once(database: Database) {
    let (_scratch, _server, admin) = keyed(database);
    let post = |path: &str, key: &str, body: &Value| {
        admin.request("POST", path).header("Idempotency-Key", key).json(body).send()
    };
    let body = json!({"name": "x", "role": "reader"});
    let made = post("/keys", "make", &body).assert_status(201).json();
    post("/keys", "make", &body).problem(409, "already-done");
    let other = json!({"name": "y", "role": "reader"});
    post("/keys", "make", &other).problem(422, "idempotency-key-reused");
    assert_eq!(admin.all("/keys").len(), 2);
    let rotate = format!("/keys/{}/rotate", made["id"].as_str().unwrap());
    post(&rotate, "rotate", &json!({})).assert_status(200);
    post(&rotate, "rotate", &json!({})).problem(409, "already-done");
    let path = format!("/keys/{}", made["id"].as_str().unwrap());
    let delete = || admin.request("DELETE", &*path).header("Idempotency-Key", "end").send();
    delete().assert_status(204);
    assert_eq!(delete().assert_status(204).header("Idempotency-Replayed"), Some("true"));
}

#[apply(both_databases)]
fn a_key_from_the_environment_is_an_admins(database: Database) {
    let scratch = database.fresh();
    let own = "a-key-that-the-operator-has-made-up-1234";
    let setup = Setup { variables: &[("ORDERS_API_KEY", own)], ..Setup::default() };
    let server = Server::start_as(&scratch, &setup);
    server.get("/orders").problem(401, "unauthenticated");
    server.with_key("another").get("/orders").problem(401, "unauthenticated");
    create(&server.with_key(own), &json!({"name": "x", "role": "reader"}));
    assert!(!server.log().contains(own));
    drop(server);
    // Without it, the service still has had a key.
    Server::start(&scratch).get("/orders").problem(401, "unauthenticated");
}

#[apply(both_databases)]
fn once_there_was_a_key_one_is_needed_for_ever(database: Database) {
    let scratch = database.fresh();
    let server = Server::start(&scratch);
    server.get("/orders").assert_status(200);
    server.wait_for_log("OPEN");
    let (id, key) = make(&scratch, "admin");
    assert_soon(401, || server.get("/orders"));
    server.with_key(&key).get("/keys").assert_status(200);
    server.with_key(&key).delete(format!("/keys/{id}")).assert_status(204);
    assert_soon(401, || server.with_key(&key).get("/keys"));
    server.restart().get("/orders").problem(401, "unauthenticated");
    // Binding to another address works now, and requires keys.
    let required = database.fresh();
    let setup = Setup { arguments: &["--auth", "required"], ..Setup::default() };
    Server::start_as(&required, &setup).get("/orders").problem(401, "unauthenticated");
}

#[apply(both_databases)]
fn known_keys_work_on_while_the_database_is_gone_and_others_are_not_guessed_at(database: Database) {
    let (scratch, server, admin) = keyed(database);
    server.with_key("key_0123456789abcdef_0").get("/policy").problem(401, "unauthenticated");
    if database == Database::Sqlite {
        return;
    }
    let renamed = "ALTER TABLE api_key_state RENAME TO gone";
    scratch.sql().run(renamed).unwrap();
    sleep(Duration::from_secs(1));
    admin.get("/policy").assert_status(200);
    server.with_key("key_0123456789abcdef_0").get("/policy").problem(503, "database-unavailable");
}

#[apply(both_databases)]
fn a_stream_ends_when_its_key_is_revoked(database: Database) {
    let scratch = database.fresh();
    let (id, key) = make(&scratch, "reader");
    let server = Server::start(&scratch);
    // More than the system keeps on its way.
    Bulk { number: 100_000, at_once: 1 }.store(&mut scratch.sql());
    let head = format!(
        "GET /orders.ndjson HTTP/1.1\r\nHost: {}\r\nX-API-Key: {key}\r\nConnection: close\r\n\r\n",
        server.address()
    );
    let ask = || Raw::connect(server.address()).send(&head).read_past("HTTP/1.1 200 OK");
    let whole = ask().read_to_end();
    assert!(whole.ends_with(b"0\r\n\r\n"), "a stream that ends well has its last chunk");
    let begun = ask();
    drop(scratch.run(&["keys", "revoke", &id]).assert_fine());
    sleep(SOON);
    let rest = begun.read_to_end();
    assert!(rest.len() < whole.len() && !rest.ends_with(b"0\r\n\r\n"), "{}", rest.len());
    server.with_key(&key).get("/orders").problem(401, "unauthenticated");
}

//! Upgrades: databases as each released schema has left them, with what was stored in them then.
//! No version is released yet, so there is one schema.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::thread::scope;

use orders_tests::{
    Client, Database, HOUR, Receiver, Scratch, Server, Setup, Sql, at, order, under_load,
};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;
const KEY: &str =
    "key_da2e646055b023f0_d44847e93ad59c2aa2dfaefdb00709ffd646284d7b4175375303fab4e6315b97";
const HASH: &str = "d1b3906e6d6724c08bf42a2ddd4c05ae2ffc9f0f51db568de8c9e3ed90377095";
const SECRET: &str = "whsec_ZRaDH2cjBEsLVxG+U+kZo4cXTmdLGqA4x8FHiYhffBY=";
const SECRET_BYTES: &str = "6516831f6723044b0b5711be53e919a387174e674b1aa038c7c14789885f7c16";
/// What the two kept answers were answers to, as it was noted with them.
const KEPT: [(&str, &str); 2] = [
    ("anonymous", "1348ed60-ec3e-5d8c-82fb-78dd026f8090"),
    ("key_da2e646055b023f0", "185129cd-0d8a-54a7-bc8c-66363856e1d5"),
];

const ANSWER: &str = r#"{"id":"kept","datetime":"2024-03-01T12:00:00.000Z","totalfee":100,"services":[{"id":"123"}],"version":1,"created_at":"2024-02-01T12:00:00.000Z","updated_at":"2024-02-01T12:00:00.000Z"}"#;

fn digit(number: u8) -> char {
    char::from_digit(u32::from(number), 16).unwrap()
}

fn hex(text: &str) -> String {
    text.bytes().flat_map(|byte| [byte >> 4, byte & 15]).map(digit).collect()
}

/// The migrations, in order: the last digits of the version of each, and what it runs.
fn migrations(database: Database) -> Vec<(String, String)> {
    let folder = match database {
        Database::Sqlite => "sqlite",
        Database::Postgres => "postgres",
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations").join(folder);
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let version: String = name.chars().filter(char::is_ascii_digit).take(14).collect();
        (version, fs::read_to_string(path.join("up.sql")).unwrap())
    };
    paths.iter().map(read).collect()
}

/// A database as it was after so many migrations, with what the program of then had stored. Keys,
/// a trimmed feed and a webhook are stored where `keyed` says so.
fn as_after(database: Database, number: usize, keyed: bool, hook: &str) -> Scratch {
    let scratch = database.fresh();
    let mut sql = scratch.sql();
    let mut run = |text: &str| sql.run(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    run("CREATE TABLE __diesel_schema_migrations (
             version VARCHAR(50) PRIMARY KEY NOT NULL,
             run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)");
    for (version, up) in &migrations(database)[..number] {
        run(&format!("BEGIN; {up}; COMMIT"));
        run(&format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}')"));
    }
    run(&orders_of_then());
    let blob = |hex: &str| match database {
        Database::Sqlite => format!("X'{hex}'"),
        Database::Postgres => format!("decode('{hex}', 'hex')"),
    };
    let in_an_hour = match database {
        Database::Sqlite => "unixepoch() * 1000 + 3600000",
        Database::Postgres => "CAST(extract(epoch FROM now()) * 1000 AS BIGINT) + 3600000",
    };
    for (is_stored, text) in [
        (true, KEPT.map(|(caller, fingerprint)| format!(
            "INSERT INTO idempotency_keys VALUES ('{caller}', 'then', '{fingerprint}', 201,
                '/orders/kept', '\"1\"', {}, {in_an_hour})", blob(&hex(ANSWER)))).join(";")),
        (keyed, format!(
            "INSERT INTO api_keys VALUES ('key_da2e646055b023f0', 'then', 'admin', {NOON}, NULL, NULL, NULL);
             INSERT INTO api_key_secrets VALUES ({}, 'key_da2e646055b023f0', NULL);
             UPDATE api_key_state SET version = 1, required = 1", blob(HASH))),
        (keyed, "UPDATE event_feed SET trimmed_through = 2".to_owned()),
        (keyed, format!(
            "INSERT INTO webhooks VALUES ('whk_3d698380eaed6207', '{hook}', 'order.*', 'then', NULL,
                {NOON}, {NOON}, NULL, 10, 0, 0, 1, NULL, 0);
             INSERT INTO webhook_secrets VALUES ('whk_3d698380eaed6207', {}, NULL);
             INSERT INTO deliveries (webhook_id, sequence, kind, status, attempts, http_status,
                duration_ms, created_at_ms, updated_at_ms)
             VALUES ('whk_3d698380eaed6207', 9, 'deleted', 'failed', 10, 500, 7, {NOON}, {NOON})",
            blob(SECRET_BYTES))),
    ] {
        if is_stored {
            run(&text);
        }
    }
    scratch
}

/// Two orders of a group, one alone, one that was moved, one deleted, and one restored.
fn orders_of_then() -> String {
    let mut text = "INSERT INTO services VALUES (123, 'Inspection', 'inspection'),
                        (456, 'Überprüfung', 'überprüfung');
                    UPDATE counters SET last_sequence = 10, last_service_id = 456;"
        .to_owned();
    let services = |order: &str| if order == "moved" { "[456,123]" } else { "[123]" };
    for (sequence, id, version, kind, hours, fee, group) in [
        (1, "g1", 1, "created", 0, 10_000, 1),
        (2, "g2", 1, "created", 0, 10_000, 1),
        (3, "alone", 1, "created", 3, 9_950, 3),
        (4, "moved", 1, "created", 6, 10_000, 4),
        (5, "moved", 2, "updated", 9, 25_001, 5),
        (6, "gone", 1, "created", 30, 10_000, 6),
        (7, "gone", 2, "deleted", 30, 10_000, 6),
        (8, "back", 1, "created", 12, 10_000, 8),
        (9, "back", 2, "deleted", 12, 10_000, 8),
        (10, "back", 3, "restored", 12, 10_000, 8),
    ] {
        let (at, time, services) = (NOON + hours * HOUR, NOON + sequence, services(id));
        let created = if version == 1 { time } else { NOON + sequence - version + 1 };
        write!(
            text,
            "INSERT INTO events VALUES ({sequence}, '{id}', {version}, '{kind}', {time}, 'then',
                 {at}, {fee}, '{services}', {group}, {created});"
        )
        .unwrap();
        let is_last =
            matches!((id, version), ("g1" | "g2" | "alone", _) | ("moved", 2) | ("back", 3));
        if !is_last {
            continue;
        }
        write!(
            text,
            "INSERT INTO orders VALUES ('{id}', {at}, {fee}, '{services}', {version}, {group},
                 {created}, {time});
             INSERT INTO order_slots VALUES (0, {at}, '{id}', {at} + 3 * {HOUR}, {group});"
        )
        .unwrap();
        for service in services.trim_matches(['[', ']']).split(',') {
            write!(text, "INSERT INTO order_services VALUES ({service}, {at}, '{id}', {created});")
                .unwrap();
        }
    }
    text
}

/// Starts two processes at once, and returns how many migrations they ran together.
fn start_two(scratch: &Scratch) -> ([Server; 2], usize) {
    let setup = Setup { arguments: &["--allow-private-webhooks"], ..Setup::default() };
    let servers = scope(|threads| {
        [(); 2]
            .map(|()| threads.spawn(|| Server::start_as(scratch, &setup)))
            .map(|it| it.join().unwrap())
    });
    let ran = |server: &Server| -> usize {
        let log = server.log();
        let told = log.split("schema up to date, ").nth(1).unwrap().split(' ').next().unwrap();
        told.parse().unwrap()
    };
    let ran = servers.iter().map(ran).sum();
    (servers, ran)
}

fn ids(orders: &[Value]) -> Vec<&str> {
    orders.iter().map(|order| order["id"].as_str().unwrap()).collect()
}

#[apply(both_databases)]
fn a_database_of_each_released_schema_goes_on_with_all_that_it_holds(
    database: Database,
    #[values(1)] number: usize,
    #[values(false, true)] keyed: bool,
) {
    let receiver = Receiver::start();
    let scratch = as_after(database, number, keyed, &receiver.url());
    let (servers, ran) = start_two(&scratch);
    assert_eq!(ran, migrations(database).len() - number, "each is run once");
    drop(scratch.run(&["doctor"]).assert_fine());
    let clients = servers.each_ref().map(|server| server.with_key(KEY));
    let client: &Client = if keyed { &clients[0] } else { &servers[0] };
    let other: &Client = if keyed { &clients[1] } else { &servers[1] };
    if keyed {
        servers[0].get("/orders").assert_status(401);
    }

    // Everything is there, and found in every way.
    let all = client.all("/orders");
    assert_eq!(ids(&all), ["g1", "g2", "alone", "moved", "back"]);
    let moved = json!({
        "id": "moved", "datetime": at(NOON + 9 * HOUR), "totalfee": 250.01,
        "services": [{"id": "456"}, {"id": "123"}], "version": 2,
        "created_at": at(NOON + 4), "updated_at": at(NOON + 5),
    });
    assert_eq!(other.get("/orders/moved").assert_status(200).json(), moved);
    assert_eq!(
        ids(&client.all("/orders?sort=-created_at&service=123")),
        ["back", "moved", "alone", "g2", "g1"]
    );
    assert_eq!(ids(&client.all("/orders?service=456")), ["moved"]);
    assert_eq!(client.all("/services").len(), 2);
    assert_eq!(client.all("/orders/back/history").len(), 3);
    if keyed {
        let gone = client.get("/events").problem(410, "events-gone");
        assert_eq!(gone["first_sequence"], "3");
    } else {
        let events = client.get("/events").assert_status(200).json();
        assert_eq!(events["data"].as_array().unwrap().len(), 10);
    }

    // What was answered then is answered again.
    let body = r#"{"id":"kept","datetime":"2024-03-01T12:00:00.000Z","totalfee":100,"services":[{"id":"123"}]}"#;
    let body = if keyed {
        body.replace("kept", "kept2").replace("03-01", "04-01")
    } else {
        body.to_owned()
    };
    let post = client.request("POST", "/orders").header("Content-Type", "application/json");
    let again = post.header("Idempotency-Key", "then").body(body).send();
    assert_eq!((again.status, again.text()), (201, ANSWER.to_owned()));
    assert_eq!(again.header("Idempotency-Replayed"), Some("true"));

    // The rule holds, groups exempt only each other, deleted orders come back.
    client.post("/orders", &order("near", NOON + HOUR)).problem(409, "order-conflict");
    client.put("/orders/g1", &bare(NOON, 5)).assert_status(200);
    client.put("/orders/g1", &bare(NOON + 1, 5)).problem(409, "order-conflict");
    let restored = client.request("POST", "/orders/gone/restore").send().assert_status(200).json();
    assert_eq!(restored["version"], 3);
    other.post("/orders", &order("new", NOON + 15 * HOUR)).assert_status(201);
    other.delete("/orders/alone").assert_status(204);

    if keyed {
        let sent = receiver.wait_for(4);
        assert_eq!(receiver.sequences()[..4], [11, 12, 13, 14]);
        assert!(sent.iter().all(|sent| sent.is_signed_with(SECRET)));
        let log = client.all("/webhooks/whk_3d698380eaed6207/deliveries");
        let first = log.last().unwrap();
        assert_eq!((&first["status"], &first["attempts"]), (&json!("failed"), &json!(10)));
    }
    drop(servers);
    drop(scratch.run(&["doctor"]).assert_fine());
}

/// Each migration is run once, however many processes find an empty database at once.
#[apply(both_databases)]
fn processes_that_start_together_on_nothing_migrate_once(database: Database) {
    let scratch = database.fresh();
    let (servers, ran) = start_two(&scratch);
    assert_eq!(ran, migrations(database).len());
    servers[0].get("/orders").assert_status(200);
    servers[1].get("/orders").assert_status(200);
}

fn bare(at_ms: i64, fee: i64) -> Value {
    json!({"datetime": at(at_ms), "totalfee": fee, "services": [{"id": "123"}]})
}

/// What a later version may do to a database: it adds, and takes nothing away. Under the lock of those
/// who write, like every migration.
fn by_a_later_version(database: Database, sql: &mut Sql) {
    let begin = match database {
        Database::Sqlite => "BEGIN IMMEDIATE",
        Database::Postgres => "BEGIN; SELECT pg_advisory_xact_lock(7310868735434190196)",
    };
    sql.run(&format!(
        "{begin};
         ALTER TABLE orders ADD COLUMN later TEXT;
         ALTER TABLE events ADD COLUMN later BIGINT NOT NULL DEFAULT 7;
         CREATE TABLE later (id INTEGER NOT NULL PRIMARY KEY);
         INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000000');
         COMMIT",
    ))
    .unwrap();
}

#[apply(both_databases)]
fn a_process_goes_on_while_a_later_version_migrates_and_does_not_start_again(database: Database) {
    let server = Server::fresh(database);
    let scratch = server.scratch().clone();
    server.post("/orders", &order("first", NOON)).assert_status(201);
    let mut sql = scratch.sql();
    let outcomes = under_load(&[&server], || {
        std::thread::sleep(std::time::Duration::from_millis(500));
        by_a_later_version(database, &mut sql);
        std::thread::sleep(std::time::Duration::from_millis(500));
    });
    assert!(outcomes.unknown.is_empty() && outcomes.refused.is_empty(), "{outcomes:?}");
    assert_eq!(outcomes.reads.1, 0, "{outcomes:?}");
    outcomes.assert_kept(&server);
    drop(server);
    let log = Server::try_start(&scratch, &Setup::default()).unwrap_err();
    assert_eq!(log.lines().filter(|line| line.contains("newer")).count(), 1, "{log}");
}

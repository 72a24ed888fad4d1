//! `doctor` finds and names damage that was done to the database by other clients.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;

use orders_tests::{
    Database, HOUR, Hook, Receiver, Reply, Scratch, Server, Sql, at, delivering, order,
};
use rstest::rstest;
use rstest_reuse::{apply, template};
use serde_json::json;

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

/// A database with a bit of everything, and no server.
fn sound(database: Database) -> (Scratch, Sql) {
    let server = Server::fresh(database);
    for n in 0..4 {
        server.post("/orders", &order(&format!("o{n}"), NOON + n * 3 * HOUR)).assert_status(201);
    }
    let at_three = NOON + 3 * HOUR;
    let dearer = json!({"datetime": at(at_three), "totalfee": 5, "services": [{"id": 123}]});
    server.put("/orders/o1", &dearer).assert_status(200);
    server.delete("/orders/o3").assert_status(204);
    let scratch = server.scratch().clone();
    let sql = scratch.sql();
    (scratch, sql)
}

/// Removes the constraints that would prevent the damage.
fn defenceless(database: Database, sql: &mut Sql) {
    sql.run(match database {
        Database::Sqlite => {
            "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;
             DROP TRIGGER order_slots_no_overlap_on_insert;
             DROP TRIGGER order_slots_no_overlap_on_update"
        }
        Database::Postgres => {
            "ALTER TABLE order_slots DROP CONSTRAINT order_slots_no_overlap;
             ALTER TABLE order_services DROP CONSTRAINT order_services_service_id_fkey;
             ALTER TABLE orders DROP CONSTRAINT orders_version_check;
             ALTER TABLE api_keys DROP CONSTRAINT api_keys_role_check;
             ALTER TABLE api_key_secrets DROP CONSTRAINT api_key_secrets_hash_check;
             ALTER TABLE api_key_secrets DROP CONSTRAINT api_key_secrets_key_id_fkey;
             ALTER TABLE event_feed DROP CONSTRAINT event_feed_trimmed_through_check;
             ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_status_check;
             ALTER TABLE webhooks DROP CONSTRAINT webhooks_disabled_check;
             ALTER TABLE deliveries DROP CONSTRAINT deliveries_status_check"
        }
    })
    .unwrap();
}

#[apply(both_databases)]
fn a_sound_database_is_found_sound(database: Database) {
    let (scratch, _sql) = sound(database);
    let run = scratch.run(&["doctor"]).assert_fine();
    assert!(run.stdout.contains("checks are fine"), "{run:?}");
    assert!(run.stdout.contains("every order has its slots (3 looked at)"), "{run:?}");
    assert!(!run.stdout.contains("FAULT"), "{run:?}");
    // Also while a server has it, and in the other scope.
    let server = Server::start(&scratch);
    drop(scratch.run(&["policy", "set", "--scope", "service", "--window", "1h"]).assert_fine());
    drop(scratch.run(&["doctor", "--sums"]).assert_fine());
    server.get("/readyz").assert_status(200);
}

#[apply(both_databases)]
fn keys_webhooks_and_their_deliveries_are_looked_at_and_found_sound(database: Database) {
    let scratch = database.fresh();
    let arguments = &["--event-retention", "1h", "--webhook-retry-delays", "1ms,1ms"];
    let (server, admin) = delivering(&scratch, arguments);
    let (well, sick) = (Receiver::start(), Receiver::answering(|_, _| Reply::Status(500)));
    let hooks = [&well, &sick, &well].map(|receiver| Hook::make(&admin, receiver));
    admin.delete(&*hooks[2].path).assert_status(204);
    admin.request("POST", format!("{}/rotate", hooks[0].path)).send().assert_status(200);
    for (name, role) in [("a", "reader"), ("b", "writer"), ("c", "admin")] {
        let made = admin.post("/keys", &json!({"name": name, "role": role})).assert_status(201);
        let id = made.json()["id"].as_str().unwrap().to_owned();
        match role {
            "reader" => drop(admin.delete(format!("/keys/{id}")).assert_status(204)),
            "writer" => {
                let rotate = admin.request("POST", format!("/keys/{id}/rotate"));
                rotate.json(&json!({"overlap": "PT1H"})).send().assert_status(200);
            }
            _ => {}
        }
    }
    let order = order("a", NOON + 48 * HOUR);
    let post = admin.request("POST", "/orders").header("Idempotency-Key", "one").json(&order);
    post.send().assert_status(201);
    drop(well.wait_for(1));
    // Once it is tried for the third time it is given up.
    drop(sick.wait_for(3));
    drop(server);
    let run = scratch.run(&["doctor"]).assert_fine();
    for text in ["keys can be read (3 looked at)", "one secret that lasts (3 looked at)"] {
        assert!(run.stdout.contains(text), "{text}: {run:?}");
    }
}

#[template]
#[rstest]
#[case("UPDATE order_slots SET start_ms = start_ms + 1, end_ms = end_ms + 1 WHERE order_id = 'o1'", &["order o1 has no slot", "a slot of order o1 that"])]
#[case("UPDATE order_slots SET end_ms = end_ms - 1 WHERE order_id = 'o1'", &["order o1 has no slot", "a slot of order o1 that"])]
#[case("UPDATE order_slots SET grp = 900 WHERE order_id = 'o1'", &["order o1 has no slot"])]
#[case("UPDATE order_slots SET scope = 123 WHERE order_id = 'o1'", &["order o1 has no slot", "calendar 123 has a slot of order o1"])]
#[case("DELETE FROM order_slots WHERE order_id = 'o2'", &["order o2 has no slot"])]
#[case("INSERT INTO order_slots (scope, start_ms, end_ms, grp, order_id) VALUES (0, 5, 10800005, 1, 'ghost')", &["slot of order ghost"])]
#[case("UPDATE order_slots SET start_ms = start_ms - 3600000, end_ms = end_ms - 3600000 WHERE order_id = 'o1'", &["order o0 and order o1 are 7200000 ms apart"])]
#[case("UPDATE orders SET datetime_ms = datetime_ms - 1 WHERE id = 'o1'", &["order o0 at", "order o1 has no slot", "order o1 is not noted with its service 123", "order o1 is not as event"])]
#[case("UPDATE orders SET total_fee = 1 WHERE id = 'o1'", &["order o1 is not as event"])]
#[case("UPDATE orders SET updated_at_ms = updated_at_ms + 1 WHERE id = 'o1'", &["order o1 is not as event"])]
#[case("UPDATE orders SET version = 9 WHERE id = 'o1'", &["order o1 has no event of version 9", "order o1 is not as event"])]
#[case("UPDATE orders SET services = '[456]' WHERE id = 'o1'", &["order o1 is not noted with its service 456", "service 123 is noted for order o1"])]
#[case("UPDATE orders SET services = 'x' WHERE id = 'o1'", &["order o1:"])]
#[case("UPDATE orders SET version = 0 WHERE id = 'o1'", &["o1"])]
#[case("DELETE FROM orders WHERE id = 'o2'", &["slot of order o2", "noted for order o2", "order o2 is not as event"])]
#[case("INSERT INTO orders SELECT 'new', datetime_ms + 86400000, total_fee, services, 1, 3, created_at_ms, updated_at_ms FROM orders WHERE id = 'o2'", &["order new has no slot", "order new has no event"])]
#[case("DELETE FROM order_services WHERE order_id = 'o2'", &["order o2 is not noted with its service 123"])]
#[case("UPDATE order_services SET created_at_ms = 1 WHERE order_id = 'o2'", &["order o2 is not noted", "service 123 is noted for order o2"])]
#[case("DELETE FROM services WHERE id = 123", &["123"])]
#[case("UPDATE services SET name_key = 'other' WHERE id = 456", &["service 456 is kept under the name"])]
#[case("UPDATE counters SET last_sequence = last_sequence + 1", &["the last is noted as"])]
#[case("DELETE FROM events WHERE order_id = 'o0'", &["order o0 has no event", "there are 5 events"])]
#[case("DELETE FROM events WHERE order_id = 'o1' AND version = 1", &["of order o1 does not follow"])]
#[case("UPDATE events SET kind = 'restored' WHERE order_id = 'o0'", &["of order o0 does not follow"])]
#[case("UPDATE events SET kind = 'updated' WHERE order_id = 'o3' AND version = 2", &["order o3 is not as event"])]
#[case("UPDATE events SET version = 7 WHERE order_id = 'o1' AND version = 2", &["of order o1 does not follow"])]
#[case("UPDATE event_feed SET trimmed_through = 1000", &["trimmed behind its end"])]
#[case("DELETE FROM policy", &[])]
#[case("UPDATE event_feed SET trimmed_through = -1", &["trimmed behind its end"])]
#[case("DELETE FROM event_feed", &["0 rows in event_feed"])]
#[case("INSERT INTO idempotency_keys VALUES ('c', 'k', 'short', 201, '/orders/a', '\"1\"', 'x', 0)", &["the answer to a key of c cannot be given: its fingerprint"])]
#[case("INSERT INTO idempotency_keys VALUES ('c', 'k', 'f8005833-4ad2-5266-a7ec-27e4fd5617dc', 201, NULL, '\"1\"', 'x', 0)", &["a key of c cannot be given: its location"])]
#[case("INSERT INTO idempotency_keys VALUES ('c', 'k', 'f8005833-4ad2-5266-a7ec-27e4fd5617dc', 201, 'http://elsewhere', '\"1\"', 'x', 0)", &["a key of c cannot be given: its location"])]
#[case("INSERT INTO idempotency_keys VALUES ('c', 'k', 'f8005833-4ad2-5266-a7ec-27e4fd5617dc', 201, '/orders/a', '1', 'x', 0)", &["a key of c cannot be given: its ETag"])]
#[case("INSERT INTO idempotency_keys VALUES ('c', 'k', 'f8005833-4ad2-5266-a7ec-27e4fd5617dc', 409, '/orders/a', '\"1\"', 'x', 0)", &["a key of c cannot be given: its status"])]
#[case("INSERT INTO idempotency_keys VALUES ('c', 'k', 'f8005833-4ad2-5266-a7ec-27e4fd5617dc', 201, '/orders/a', '\"1\"', 'x', 9999999999999)", &["the answer to a key of c is odd"])]
#[case("INSERT INTO api_keys VALUES ('key_0000000000000001', 'k', 'admin', 0, NULL, NULL, NULL); UPDATE api_key_state SET required = 1; INSERT INTO api_key_secrets VALUES ('0123456789abcdef0123456789abcdef', 'key_0000000000000001', NULL); UPDATE api_key_state SET required = 0", &["none is required"])]
#[case("INSERT INTO api_keys VALUES ('key_0000000000000001', 'k', 'admin', 0, NULL, NULL, NULL); UPDATE api_key_state SET required = 1; INSERT INTO api_key_secrets VALUES ('0123456789abcdef0123456789abcdef', 'key_0000000000000001', NULL); DELETE FROM api_key_secrets", &["key key_0000000000000001 has 0 secrets that last"])]
#[case("INSERT INTO api_keys VALUES ('key_0000000000000001', 'k', 'admin', 0, NULL, NULL, NULL); UPDATE api_key_state SET required = 1; INSERT INTO api_key_secrets VALUES ('0123456789abcdef0123456789abcdef', 'key_0000000000000001', NULL); INSERT INTO api_key_secrets VALUES ('abcdef0123456789abcdef0123456789', 'key_0000000000000001', NULL)", &["key key_0000000000000001 has 2 secrets that last"])]
#[case("INSERT INTO api_keys VALUES ('key_0000000000000001', 'k', 'admin', 0, NULL, NULL, NULL); UPDATE api_key_state SET required = 1; INSERT INTO api_key_secrets VALUES ('0123456789abcdef0123456789abcdef', 'key_0000000000000001', NULL); UPDATE api_keys SET revoked_at_ms = 5", &["key key_0000000000000001 has 1 secrets that last"])]
#[case("INSERT INTO api_keys VALUES ('key_0000000000000001', 'k', 'admin', 0, NULL, NULL, NULL); UPDATE api_key_state SET required = 1; INSERT INTO api_key_secrets VALUES ('0123456789abcdef0123456789abcdef', 'key_0000000000000001', NULL); UPDATE api_key_secrets SET hash = 'short'", &["a secret of key key_0000000000000001 has 5 bytes"])]
#[case("INSERT INTO api_keys VALUES ('key_0000000000000001', 'k', 'admin', 0, NULL, NULL, NULL); UPDATE api_key_state SET required = 1; INSERT INTO api_key_secrets VALUES ('0123456789abcdef0123456789abcdef', 'key_0000000000000001', NULL); DELETE FROM api_keys", &["a secret is that of key key_0000000000000001, which does not exist"])]
#[case("INSERT INTO api_keys VALUES ('key_0000000000000001', 'k', 'admin', 0, NULL, NULL, NULL); UPDATE api_key_state SET required = 1; INSERT INTO api_key_secrets VALUES ('0123456789abcdef0123456789abcdef', 'key_0000000000000001', NULL); UPDATE api_keys SET role = 'owner'", &["key \"key_0000000000000001\""])]
#[case("INSERT INTO api_keys VALUES ('key_0000000000000001', 'k', 'admin', 0, NULL, NULL, NULL); UPDATE api_key_state SET required = 1; INSERT INTO api_key_secrets VALUES ('0123456789abcdef0123456789abcdef', 'key_0000000000000001', NULL); UPDATE api_keys SET name = ''", &["key \"key_0000000000000001\""])]
#[case("INSERT INTO webhooks VALUES ('whk_0000000000000001', 'https://example.com/', 'order.*', NULL, NULL, 0, 0, NULL, 1, 0, 0, 1, NULL, 0); INSERT INTO webhook_secrets VALUES ('whk_0000000000000001', '0123456789abcdef0123456789abcdef', NULL); INSERT INTO deliveries (webhook_id, sequence, kind, status, attempts, duration_ms, created_at_ms, updated_at_ms) VALUES ('whk_0000000000000001', 1, 'created', 'succeeded', 1, 5, 0, 0); UPDATE webhooks SET position = 1000", &["webhook whk_0000000000000001 is behind the last event"])]
#[case("INSERT INTO webhooks VALUES ('whk_0000000000000001', 'https://example.com/', 'order.*', NULL, NULL, 0, 0, NULL, 1, 0, 0, 1, NULL, 0); INSERT INTO webhook_secrets VALUES ('whk_0000000000000001', '0123456789abcdef0123456789abcdef', NULL); INSERT INTO deliveries (webhook_id, sequence, kind, status, attempts, duration_ms, created_at_ms, updated_at_ms) VALUES ('whk_0000000000000001', 1, 'created', 'succeeded', 1, 5, 0, 0); UPDATE webhooks SET attempts = -1", &["whk_0000000000000001"])]
#[case("INSERT INTO webhooks VALUES ('whk_0000000000000001', 'https://example.com/', 'order.*', NULL, NULL, 0, 0, NULL, 1, 0, 0, 1, NULL, 0); INSERT INTO webhook_secrets VALUES ('whk_0000000000000001', '0123456789abcdef0123456789abcdef', NULL); INSERT INTO deliveries (webhook_id, sequence, kind, status, attempts, duration_ms, created_at_ms, updated_at_ms) VALUES ('whk_0000000000000001', 1, 'created', 'succeeded', 1, 5, 0, 0); UPDATE webhooks SET url = 'ftp://example.com'", &["webhook whk_0000000000000001 leads nowhere"])]
#[case("INSERT INTO webhooks VALUES ('whk_0000000000000001', 'https://example.com/', 'order.*', NULL, NULL, 0, 0, NULL, 1, 0, 0, 1, NULL, 0); INSERT INTO webhook_secrets VALUES ('whk_0000000000000001', '0123456789abcdef0123456789abcdef', NULL); INSERT INTO deliveries (webhook_id, sequence, kind, status, attempts, duration_ms, created_at_ms, updated_at_ms) VALUES ('whk_0000000000000001', 1, 'created', 'succeeded', 1, 5, 0, 0); UPDATE webhooks SET events = 'orders'", &["webhook \"whk_0000000000000001\""])]
#[case("INSERT INTO webhooks VALUES ('whk_0000000000000001', 'https://example.com/', 'order.*', NULL, NULL, 0, 0, NULL, 1, 0, 0, 1, NULL, 0); INSERT INTO webhook_secrets VALUES ('whk_0000000000000001', '0123456789abcdef0123456789abcdef', NULL); INSERT INTO deliveries (webhook_id, sequence, kind, status, attempts, duration_ms, created_at_ms, updated_at_ms) VALUES ('whk_0000000000000001', 1, 'created', 'succeeded', 1, 5, 0, 0); UPDATE webhooks SET disabled = 'perhaps'", &["webhook \"whk_0000000000000001\""])]
#[case("INSERT INTO webhooks VALUES ('whk_0000000000000001', 'https://example.com/', 'order.*', NULL, NULL, 0, 0, NULL, 1, 0, 0, 1, NULL, 0); INSERT INTO webhook_secrets VALUES ('whk_0000000000000001', '0123456789abcdef0123456789abcdef', NULL); INSERT INTO deliveries (webhook_id, sequence, kind, status, attempts, duration_ms, created_at_ms, updated_at_ms) VALUES ('whk_0000000000000001', 1, 'created', 'succeeded', 1, 5, 0, 0); DELETE FROM webhook_secrets", &["webhook whk_0000000000000001 has 0 secrets that last"])]
#[case("INSERT INTO webhooks VALUES ('whk_0000000000000001', 'https://example.com/', 'order.*', NULL, NULL, 0, 0, NULL, 1, 0, 0, 1, NULL, 0); INSERT INTO webhook_secrets VALUES ('whk_0000000000000001', '0123456789abcdef0123456789abcdef', NULL); INSERT INTO deliveries (webhook_id, sequence, kind, status, attempts, duration_ms, created_at_ms, updated_at_ms) VALUES ('whk_0000000000000001', 1, 'created', 'succeeded', 1, 5, 0, 0); UPDATE webhooks SET deleted_at_ms = 5", &["webhook whk_0000000000000001 has 1 secrets that last"])]
#[case("INSERT INTO webhooks VALUES ('whk_0000000000000001', 'https://example.com/', 'order.*', NULL, NULL, 0, 0, NULL, 1, 0, 0, 1, NULL, 0); INSERT INTO webhook_secrets VALUES ('whk_0000000000000001', '0123456789abcdef0123456789abcdef', NULL); INSERT INTO deliveries (webhook_id, sequence, kind, status, attempts, duration_ms, created_at_ms, updated_at_ms) VALUES ('whk_0000000000000001', 1, 'created', 'succeeded', 1, 5, 0, 0); UPDATE webhook_secrets SET secret = 'short'", &["a secret of webhook whk_0000000000000001 has 5 bytes"])]
#[case("INSERT INTO webhooks VALUES ('whk_0000000000000001', 'https://example.com/', 'order.*', NULL, NULL, 0, 0, NULL, 1, 0, 0, 1, NULL, 0); INSERT INTO webhook_secrets VALUES ('whk_0000000000000001', '0123456789abcdef0123456789abcdef', NULL); INSERT INTO deliveries (webhook_id, sequence, kind, status, attempts, duration_ms, created_at_ms, updated_at_ms) VALUES ('whk_0000000000000001', 1, 'created', 'succeeded', 1, 5, 0, 0); DELETE FROM webhooks", &["a secret is that of webhook whk_0000000000000001, which does not exist", "is to webhook whk_0000000000000001, which does not exist"])]
#[case("INSERT INTO webhooks VALUES ('whk_0000000000000001', 'https://example.com/', 'order.*', NULL, NULL, 0, 0, NULL, 1, 0, 0, 1, NULL, 0); INSERT INTO webhook_secrets VALUES ('whk_0000000000000001', '0123456789abcdef0123456789abcdef', NULL); INSERT INTO deliveries (webhook_id, sequence, kind, status, attempts, duration_ms, created_at_ms, updated_at_ms) VALUES ('whk_0000000000000001', 1, 'created', 'succeeded', 1, 5, 0, 0); UPDATE deliveries SET sequence = 1000", &["tells of event 1000, which does not exist"])]
#[case("INSERT INTO webhooks VALUES ('whk_0000000000000001', 'https://example.com/', 'order.*', NULL, NULL, 0, 0, NULL, 1, 0, 0, 1, NULL, 0); INSERT INTO webhook_secrets VALUES ('whk_0000000000000001', '0123456789abcdef0123456789abcdef', NULL); INSERT INTO deliveries (webhook_id, sequence, kind, status, attempts, duration_ms, created_at_ms, updated_at_ms) VALUES ('whk_0000000000000001', 1, 'created', 'succeeded', 1, 5, 0, 0); UPDATE deliveries SET kind = 'deleted'", &["tells of event 1 as deleted"])]
#[case("INSERT INTO webhooks VALUES ('whk_0000000000000001', 'https://example.com/', 'order.*', NULL, NULL, 0, 0, NULL, 1, 0, 0, 1, NULL, 0); INSERT INTO webhook_secrets VALUES ('whk_0000000000000001', '0123456789abcdef0123456789abcdef', NULL); INSERT INTO deliveries (webhook_id, sequence, kind, status, attempts, duration_ms, created_at_ms, updated_at_ms) VALUES ('whk_0000000000000001', 1, 'created', 'succeeded', 1, 5, 0, 0); UPDATE deliveries SET status = 'perhaps'", &["has a status that is none"])]
#[case("INSERT INTO webhooks VALUES ('whk_0000000000000001', 'https://example.com/', 'order.*', NULL, NULL, 0, 0, NULL, 1, 0, 0, 1, NULL, 0); INSERT INTO webhook_secrets VALUES ('whk_0000000000000001', '0123456789abcdef0123456789abcdef', NULL); INSERT INTO deliveries (webhook_id, sequence, kind, status, attempts, duration_ms, created_at_ms, updated_at_ms) VALUES ('whk_0000000000000001', 1, 'created', 'succeeded', 1, 5, 0, 0); UPDATE deliveries SET attempts = 0", &["was made without an attempt"])]
#[case("INSERT INTO webhooks VALUES ('whk_0000000000000001', 'https://example.com/', 'order.*', NULL, NULL, 0, 0, NULL, 1, 0, 0, 1, NULL, 0); INSERT INTO webhook_secrets VALUES ('whk_0000000000000001', '0123456789abcdef0123456789abcdef', NULL); INSERT INTO deliveries (webhook_id, sequence, kind, status, attempts, duration_ms, created_at_ms, updated_at_ms) VALUES ('whk_0000000000000001', 1, 'created', 'succeeded', 1, 5, 0, 0); UPDATE deliveries SET status = 'pending'", &["waits for nothing"])]
#[case("DELETE FROM __diesel_schema_migrations WHERE version LIKE '2026%'", &["run `migrate`"])]
#[case("INSERT INTO __diesel_schema_migrations (version) VALUES ('30001231000000')", &["newer than this program"])]
fn damages(#[case] damage: &str, #[case] named: &[&str]) {}

#[apply(damages)]
fn what_is_broken_is_found_in_sqlite(damage: &str, named: &[&str]) {
    assert_found(Database::Sqlite, damage, named);
}

#[apply(damages)]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn what_is_broken_is_found_in_postgresql(damage: &str, named: &[&str]) {
    assert_found(Database::Postgres, damage, named);
}

fn assert_found(database: Database, damage: &str, named: &[&str]) {
    let (scratch, mut sql) = sound(database);
    defenceless(database, &mut sql);
    sql.run(damage).unwrap();
    let run = scratch.run(&["doctor"]);
    assert_eq!(run.code, Some(1), "{damage}: {run:?}");
    for text in named {
        assert!(run.stdout.contains(text), "{damage}: {text}: {}", run.stdout);
    }
    assert!(!run.stderr.contains("panicked"), "{run:?}");
    let mut others = scratch.sql();
    assert_eq!(others.number("SELECT count(*) AS number FROM counters"), 1);
}

#[apply(both_databases)]
fn that_the_database_no_longer_defends_itself_is_found(database: Database) {
    let (scratch, mut sql) = sound(database);
    defenceless(database, &mut sql);
    let run = scratch.run(&["doctor"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stdout.contains("is gone"), "{run:?}");
}

#[test]
fn a_file_that_is_damaged_or_missing_is_told() {
    let scratch = Database::Sqlite.fresh();
    scratch.run(&["doctor"]).assert_refused(1, "there is no database at");
    assert!(!scratch.file().exists());
    fs::write(scratch.file(), "this is no database, however long it may be ".repeat(100)).unwrap();
    scratch.run(&["doctor"]).assert_refused(1, "is not an SQLite database");
    let (scratch, sql) = sound(Database::Sqlite);
    drop(sql);
    drop(scratch.run(&["backup", "whole.db"]).assert_fine());
    let mut bytes = fs::read(scratch.dir().join("whole.db")).unwrap();
    let middle = bytes.len() / 2;
    let end = bytes.len() - 100;
    bytes[middle..end].fill(0xA5);
    fs::write(scratch.dir().join("torn.db"), bytes).unwrap();
    let run = scratch.run(&["doctor", "--database-url", "torn.db"]);
    assert_eq!(run.code, Some(1), "{run:?}");
}

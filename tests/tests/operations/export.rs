//! `export`: importing it restores exactly the same data. Also `move` and `doctor --compare`.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail")]

use std::fs;

use orders_tests::{Bulk, Database, HOUR, Scratch, Server, order};
use rstest::rstest;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

/// A database with a past: changed orders, deleted ones, two groups.
fn with_a_past(database: Database) -> Scratch {
    let server = Server::with_sample_data(database);
    for n in 0..30 {
        server.post("/orders", &order(&format!("o{n}"), NOON + n * 3 * HOUR)).assert_status(201);
    }
    for n in 0..5 {
        let path = format!("/orders/o{n}");
        let mut changed = server.get(&path).json();
        changed["totalfee"] = json!(format!("{n}.05"));
        changed["services"] = json!([{"id": 789}, {"id": 123}]);
        server.put(&path, &changed).assert_status(200);
    }
    server.delete("/orders/o7").assert_status(204);
    server.delete("/orders/o8").assert_status(204);
    server.post("/orders/o8/restore", &json!({})).assert_status(200);
    let scratch = server.scratch().clone();
    let members = ["-g0", "-g1", "-g2"].map(|id| order(id, NOON - HOUR * 24).to_string());
    let lines = members.join("\n");
    let file = scratch.write("group.ndjson", lines);
    drop(scratch.run(&["import", &file, "--on-conflict", "accept-group"]).assert_fine());
    scratch
}

fn exported(scratch: &Scratch, name: &str) -> String {
    let path = scratch.dir().join(name);
    drop(scratch.run(&["export", path.to_str().unwrap()]).assert_fine());
    fs::read_to_string(path).unwrap()
}

#[rstest]
#[case::within_sqlite(Database::Sqlite, Database::Sqlite)]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
#[case::into_postgresql(Database::Sqlite, Database::Postgres)]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
#[case::into_sqlite(Database::Postgres, Database::Sqlite)]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
#[case::within_postgresql(Database::Postgres, Database::Postgres)]
fn an_import_of_an_export_restores_exactly_what_was_there(
    #[case] database: Database,
    #[case] other: Database,
    #[values("json", "ndjson", "csv")] format: &str,
) {
    let scratch = with_a_past(database);
    let restored = other.fresh();
    let name = format!("export.{format}");
    let text = exported(&scratch, &name);
    let file = restored.write(&name, &text);
    let arguments = ["import", &file, "--quiet", "--create-services"];
    drop(restored.run(&arguments).assert_fine());
    assert_eq!(exported(&restored, &name), text);
    // Members of a group may return to their times; all of them block any other order.
    let server = Server::start(&restored);
    let before = Server::start(&scratch);
    assert_eq!(server.all("/orders"), before.all("/orders"));
    let instant = orders_tests::millis_of("2022-11-01T11:11:11.111Z");
    let problem = server.post("/orders", &order("x", instant)).problem(409, "order-conflict");
    assert_eq!(problem["conflict_count"], 3);
    let run = restored.run(&["doctor"]).assert_fine();
    assert!(run.stdout.contains("order 223 and order 224"), "{run:?}");
    // The next change increments the imported version, and its events replay to the order.
    let mut dearer = server.get("/orders/o1").json();
    assert_eq!(dearer["version"], 2);
    dearer["totalfee"] = json!(7);
    assert_eq!(server.put("/orders/o1", &dearer).json()["version"], 3);
    let history = server.get("/orders/o1/history").json();
    assert_eq!(history["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(history["data"][0]["data"]["after"]["version"], 2);
}

#[apply(both_databases)]
fn an_export_of_nothing_is_whole_and_makes_nothing(database: Database) {
    let scratch = database.fresh();
    if database == Database::Sqlite {
        scratch.run(&["export"]).assert_refused(1, "there is no database at");
        assert!(!scratch.file().exists());
    }
    drop(scratch.run(&["migrate"]).assert_fine());
    let run = scratch.run(&["export"]).assert_fine();
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(document, json!({"services": [], "orders": []}));
    assert_eq!(scratch.run(&["export", "-", "--format", "ndjson"]).assert_fine().stdout, "");
    let table = scratch.run(&["export", "--format", "csv"]).assert_fine().stdout;
    assert_eq!(table, "id,datetime,totalfee,services,version,created_at,updated_at,group\r\n");
    let file = scratch.write("empty.json", run.stdout);
    drop(scratch.run(&["import", &file]).assert_fine());
}

#[apply(both_databases)]
fn an_export_that_is_imported_again_changes_nothing(database: Database) {
    let scratch = with_a_past(database);
    let text = exported(&scratch, "export.json");
    let file = scratch.dir().join("export.json");
    let file = file.to_str().unwrap();
    let run = scratch.run(&["import", file, "--on-conflict", "skip"]).assert_fine();
    assert!(run.stdout.lines().all(|line| line.contains("order-exists")), "{run:?}");
    assert_eq!(exported(&scratch, "again.json"), text);
    // What was broken off is gone on with: a member joins the group that its fellows are in.
    let server = Server::start(&scratch);
    server.delete("/orders/224").assert_status(204);
    drop(scratch.run(&["import", file, "--on-conflict", "skip"]).assert_fine());
    let groups =
        "SELECT count(DISTINCT grp) AS number FROM orders WHERE id IN ('223', '224', '225')";
    assert_eq!(scratch.sql().number(groups), 1);
}

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn a_database_moved_to_postgresql_holds_the_same() {
    let (scratch, target) = (with_a_past(Database::Sqlite), Database::Postgres.fresh());
    let server = Server::start(&scratch);
    // While a server uses it, writes could be lost.
    scratch.run(&["move", "--to", &target.url()]).assert_refused(1, "in use");
    server.post("/services", &json!({"name": "Nächte \\ \"quoted\" 😀"})).assert_status(201);
    let history = server.get("/orders/o8/history").json();
    drop(server);
    drop(scratch.run(&["keys", "create", "--name", "k", "--role", "admin"]).assert_fine());
    drop(scratch.run(&["policy", "set", "--edit-lock", "1ms"]).assert_fine());
    let delivery = "INSERT INTO deliveries (id, webhook_id, sequence, kind, status, attempts,
        duration_ms, created_at_ms, updated_at_ms)
        VALUES (41, 'whk_0000000000000001', 1, 'created', 'failed', 1, 0, 0, 0)";
    scratch.sql().run(delivery).unwrap();
    let webhook = "INSERT INTO webhooks VALUES ('whk_0000000000000001', 'https://example.com/',
        'order.*', NULL, 'operator', 0, 0, NULL, 1, 0, 0, 1, NULL, 0)";
    scratch.sql().run(webhook).unwrap();
    // Bytes that are no text.
    let secret = "INSERT INTO webhook_secrets (webhook_id, secret) VALUES
        ('whk_0000000000000001', X'00FF10270102030405060708090A0B0C0D0E0F1011121314')";
    scratch.sql().run(secret).unwrap();
    let run = scratch.run(&["move", "--to", &target.url()]).assert_fine();
    assert!(run.stdout.contains("events") && run.stdout.contains("api_key_secrets"), "{run:?}");
    let run = scratch.run(&["doctor", "--compare", &target.url()]).assert_fine();
    assert!(run.stdout.contains("both databases are identical"), "{run:?}");
    drop(target.run(&["doctor"]).assert_fine());
    assert_eq!(exported(&target, "moved.json"), exported(&scratch, "here.json"));
    let mut sql = target.sql();
    let events = sql.number("SELECT count(*) AS number FROM events WHERE order_id = 'o8'");
    assert_eq!(
        Some(events),
        history["data"].as_array().map(|all| i64::try_from(all.len()).unwrap())
    );
    // PostgreSQL's sequences continue after the moved rows.
    sql.run(&delivery.replace("(id, ", "(").replace("(41, ", "(")).unwrap();
    assert_eq!(sql.number("SELECT max(id) AS number FROM deliveries"), 42);
    sql.run("DELETE FROM deliveries WHERE id = 42").unwrap();
    // A second time there is something in the way, and a difference is seen.
    scratch.run(&["move", "--to", &target.url()]).assert_refused(1, "not empty");
    sql.run("UPDATE orders SET total_fee = total_fee + 1 WHERE id = 'o2'").unwrap();
    let run = scratch.run(&["doctor", "--compare", &target.url()]);
    assert_eq!(run.code, Some(1));
    assert!(run.stdout.contains("differs in orders"), "{run:?}");
    scratch.run(&["move", "--to", "other.db"]).assert_refused(1, "only SQLite to PostgreSQL");
}

#[apply(both_databases)]
fn an_export_is_the_state_of_one_moment_and_no_more_than_a_page_in_memory(database: Database) {
    let scratch = database.fresh();
    drop(scratch.run(&["migrate"]).assert_fine());
    Bulk { number: 20_000, at_once: 1 }.store(&mut scratch.sql());
    let text = exported(&scratch, "bulk.ndjson");
    assert_eq!(text.lines().count(), 20_000);
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["id"], json!(Bulk { number: 20_000, at_once: 1 }.nth(0).id));
}

//! Migrations: the schema after up, down, and up again.

use std::fs;
use std::path::Path;
use std::process::Command;

use orders_tests::{Bulk, Database, HOUR, Scratch, Server, Sql, order};
use rstest_reuse::apply;
use serde_json::json;

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

/// The number of tables, indexes, triggers and constraints of the service.
fn parts(database: Database, sql: &mut Sql) -> i64 {
    sql.number(match database {
        Database::Sqlite => "SELECT count(*) AS number FROM sqlite_master WHERE tbl_name NOT LIKE '~_~_%' ESCAPE '~' AND tbl_name NOT LIKE 'sqlite~_%' ESCAPE '~'",
        Database::Postgres => {
            "SELECT (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                     WHERE n.nspname = current_schema() AND c.relname NOT LIKE '~_~_%' ESCAPE '~')
                    + (SELECT count(*) FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
                       WHERE n.nspname = current_schema() AND c.conname NOT LIKE '~_~_%' ESCAPE '~') AS number"
        }
    })
}

#[apply(both_databases)]
fn down_takes_everything_away_and_up_brings_it_back(database: Database) {
    let scratch = database.fresh();
    drop(scratch.run(&["migrate"]).assert_fine());
    let mut sql = scratch.sql();
    Bulk { number: 50, at_once: 2 }.store(&mut sql);
    let listed = || {
        let server = Server::start(&scratch);
        let paths = ["sort=created_at", "sort=-created_at&service=4", "service=4&service=10"];
        paths.map(|query| server.all(&format!("/orders?{query}")))
    };
    let (before, whole) = (listed(), parts(database, &mut sql));
    assert!(before.iter().all(|orders| !orders.is_empty()) && whole > 20, "{whole}");
    let folder = match database {
        Database::Sqlite => "sqlite",
        Database::Postgres => "postgres",
    };
    let path = format!("../migrations/{folder}/2026-12-01-000000_initial/down.sql");
    let down = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    sql.run(&format!("BEGIN; {down} COMMIT")).unwrap();
    assert_eq!(parts(database, &mut sql), 0);
    sql.run("DELETE FROM __diesel_schema_migrations WHERE version = '20261201000000'").unwrap();
    drop(scratch.run(&["migrate"]).assert_fine());
    assert_eq!(parts(database, &mut sql), whole);
    Bulk { number: 50, at_once: 2 }.store(&mut sql);
    assert_eq!(listed(), before);
    // A service that is used is still kept.
    assert!(sql.run("DELETE FROM services WHERE id = 4").is_err());
}

/// The file of a database, once no server has it open.
fn file_of(scratch: &Scratch) -> String {
    scratch.url().trim_start_matches("sqlite://").to_owned()
}

/// SQLite before 3.41 reports false damage in a table without row ids whose key columns do not come
/// first, and it is what many operators have installed.
#[test]
#[cfg_attr(no_sqlite3, ignore = "sqlite3 is not installed")]
fn the_sqlite3_of_the_system_finds_nothing_wrong_with_a_database() {
    let server = Server::fresh(Database::Sqlite);
    let scratch = server.scratch().clone();
    for number in 0..20 {
        let key = format!("k{number}");
        let create = server.request("POST", "/orders").header("Idempotency-Key", &key);
        let body = order(&format!("o{number}"), NOON + number * 3 * HOUR);
        create.json(&body).send().assert_status(201);
    }
    let moved =
        json!({"datetime": "2030-01-01T00:00:00Z", "totalfee": 5, "services": [{"id": 456}]});
    server.put("/orders/o3", &moved).assert_status(200);
    server.delete("/orders/o4").assert_status(204);
    server.post("/orders", &order("refused", NOON)).problem(409, "order-conflict");
    drop(server);
    drop(scratch.run(&["keys", "create", "--name", "k", "--role", "admin"]).assert_fine());
    drop(scratch.run(&["policy", "set", "--scope", "service", "--window", "1h"]).assert_fine());
    let output = Command::new("sqlite3")
        .args([&file_of(&scratch), "PRAGMA integrity_check; PRAGMA foreign_key_check"])
        .output()
        .expect("sqlite3 is installed: apt-get install sqlite3");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "ok", "{output:?}");
}

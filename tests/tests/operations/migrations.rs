//! Migrations of databases that hold orders: up, down, and up again.

use std::fs;
use std::path::Path;

use orders_tests::{Bulk, Database, Server};
use rstest_reuse::apply;

use crate::both_databases;

#[apply(both_databases)]
fn orders_from_before_are_listed_by_when_they_were_made(database: Database) {
    let scratch = database.fresh();
    drop(scratch.run(&["migrate"]).assert_fine());
    let mut sql = scratch.sql();
    Bulk { number: 50, at_once: 2 }.store(&mut sql);
    let listed = || {
        let server = Server::start(&scratch);
        let paths = ["sort=created_at", "sort=-created_at&service=4", "service=4&service=10"];
        paths.map(|query| server.all(&format!("/orders?{query}")))
    };
    let before = listed();
    let folder = match database {
        Database::Sqlite => "sqlite",
        Database::Postgres => "postgres",
    };
    let path = format!("../migrations/{folder}/2026-11-21-000200_orders_by_created_at/down.sql");
    let down = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    sql.run(&format!("BEGIN; {down} COMMIT")).unwrap();
    sql.run("DELETE FROM __diesel_schema_migrations WHERE version = '20261121000200'").unwrap();
    drop(scratch.run(&["migrate"]).assert_fine());
    assert_eq!(listed(), before);
    // A service that is used is still kept.
    assert!(sql.run("DELETE FROM services WHERE id = 4").is_err());
}

//! Commands on a database that is missing, older or newer: which of them create or migrate it.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;

use orders_tests::{Database, Scratch, Server, Sql, order, orders_api};
use rstest_reuse::apply;

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

/// The commands that use a database as it is.
const USERS: [&[&str]; 11] = [
    &["keys", "create", "--name", "k", "--role", "admin"],
    &["keys", "list"],
    &["keys", "revoke", "key_0000000000000001"],
    &["keys", "rotate", "key_0000000000000001"],
    &["policy", "show"],
    &["policy", "check", "--window", "1h"],
    &["policy", "set", "--window", "1h"],
    &["import", "orders.ndjson", "--dry-run"],
    &["export"],
    &["export", "out.json"],
    &["move", "--to", "postgres://nobody@127.0.0.1:1/none"],
];
/// These read a database of any version.
const READERS: [&[&str]; 2] = [&["doctor"], &["backup", "b.db"]];

fn with_an_order(database: Database) -> Scratch {
    let scratch = database.fresh();
    drop(scratch.write("orders.ndjson", order("a", NOON).to_string()));
    scratch
}

fn left_in(scratch: &Scratch) -> Vec<String> {
    let entries = fs::read_dir(scratch.dir()).unwrap();
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[apply(both_databases)]
fn a_missing_database_is_not_created_by_a_command_that_only_uses_one(database: Database) {
    let scratch = with_an_order(database);
    for arguments in USERS.iter().chain(&READERS) {
        if database == Database::Postgres && (arguments[0] == "move" || READERS.contains(arguments))
        {
            continue;
        }
        let run = scratch.run(arguments);
        run.assert_refused(1, "there is no database at ");
        assert!(run.stderr.contains("orders-api migrate"), "{arguments:?}: {run:?}");
        assert!(run.stderr.contains("--data-dir"), "{arguments:?}: {run:?}");
        assert!(run.stderr.starts_with("error: "), "{arguments:?}: {run:?}");
        assert_eq!(run.stdout, "", "{arguments:?}");
        assert_eq!(left_in(&scratch), ["orders.ndjson"], "{arguments:?}");
    }
    if database == Database::Postgres {
        let tables = "SELECT count(*) AS number FROM pg_tables WHERE schemaname = 'public'";
        assert_eq!(scratch.sql().number(tables), 0);
    }
}

#[test]
fn a_command_in_the_wrong_directory_names_the_place_and_creates_nothing() {
    let scratch = with_an_order(Database::Sqlite);
    for arguments in USERS.iter().chain(&READERS) {
        let run = orders_api(scratch.dir(), &[], arguments);
        run.assert_refused(1, "there is no database at ./data/orders.db");
        assert_eq!(left_in(&scratch), ["orders.ndjson"], "{arguments:?}");
    }
}

#[test]
fn a_database_is_created_in_a_directory_whose_parent_exists_only() {
    let scratch = with_an_order(Database::Sqlite);
    let url = format!("sqlite://{}/none/dir/x.db", scratch.dir().display());
    for arguments in [&["serve", "--bind", "127.0.0.1:0"][..], &["migrate"], &["policy", "show"]] {
        let run = orders_api(scratch.dir(), &[("ORDERS_DATABASE_URL", &url)], arguments);
        run.assert_refused(1, "none/dir");
        assert_eq!(left_in(&scratch), ["orders.ndjson"], "{arguments:?}");
    }
    fs::create_dir(scratch.dir().join("none")).unwrap();
    drop(orders_api(scratch.dir(), &[("ORDERS_DATABASE_URL", &url)], &["migrate"]).assert_fine());
    assert!(scratch.dir().join("none/dir/x.db").is_file());
}

#[apply(both_databases)]
fn the_commands_that_create_a_database_say_so(
    database: Database,
    #[values(&["migrate"], &["seed"], &["import", "orders.ndjson", "--create-services"])]
    arguments: &[&str],
) {
    let scratch = with_an_order(database);
    let run = scratch.run(arguments).assert_fine();
    assert!(run.stderr.contains("created the database"), "{run:?}");
    let run = scratch.run(&["seed"]).assert_fine();
    assert!(!run.stderr.contains("created the database"), "{run:?}");
}

#[test]
fn an_import_of_a_file_that_cannot_be_read_creates_no_database() {
    let scratch = with_an_order(Database::Sqlite);
    let broken = scratch.write("broken.json", "{\"orders\": [");
    scratch.run(&["import", "none.csv"]).assert_refused(1, "none.csv");
    scratch.run(&["import", &broken]).assert_refused(1, "broken.json");
    scratch.run(&["import", "orders.xls"]).assert_refused(2, "--format");
    assert!(!scratch.file().exists());
}

/// Makes the schema look like that of an older program.
fn make_older(sql: &mut Sql) {
    sql.run("DELETE FROM __diesel_schema_migrations").unwrap();
}

#[apply(both_databases)]
fn only_serve_and_migrate_change_an_older_schema(database: Database) {
    let scratch = with_an_order(database);
    drop(scratch.run(&["migrate"]).assert_fine());
    make_older(&mut scratch.sql());
    let creators: [&[&str]; 2] = [&["seed"], &["import", "orders.ndjson", "--create-services"]];
    for arguments in USERS.iter().chain(&creators) {
        if database == Database::Postgres && arguments[0] == "move" {
            continue;
        }
        let run = scratch.run(arguments);
        run.assert_refused(1, "older schema");
        assert!(run.stderr.contains("run `orders-api migrate`"), "{arguments:?}: {run:?}");
    }
    let run = scratch.run(&["migrate", "--check"]).assert_fine();
    assert!(run.stdout.contains("older") && run.stdout.contains("20261201000000"), "{run:?}");
    let mut sql = scratch.sql();
    assert_eq!(sql.number("SELECT count(*) AS number FROM __diesel_schema_migrations"), 0);
    assert_eq!(sql.number("SELECT count(*) AS number FROM orders"), 0);
    assert_eq!(sql.number("SELECT count(*) AS number FROM api_keys"), 0);
}

#[apply(both_databases)]
fn a_migration_can_be_described_first(database: Database) {
    let scratch = with_an_order(database);
    let check = || scratch.run(&["migrate", "--check"]);
    assert!(check().assert_fine().stdout.contains("would be created"));
    assert_eq!(left_in(&scratch), ["orders.ndjson"]);
    drop(scratch.run(&["migrate"]).assert_fine());
    assert!(check().assert_fine().stdout.contains("up to date"));
    let newer = "INSERT INTO __diesel_schema_migrations (version, run_on) \
                 VALUES ('99991231000000', CURRENT_TIMESTAMP)";
    scratch.sql().run(newer).unwrap();
    let run = check();
    run.assert_refused(1, "99991231000000");
    assert!(run.stderr.contains("install the version"), "{run:?}");
}

/// A connection that is opened later must not create an empty database under a running server.
#[test]
fn a_server_whose_file_is_gone_creates_no_other() {
    let server = Server::fresh(Database::Sqlite);
    let scratch = server.scratch().clone();
    fs::rename(scratch.file(), scratch.dir().join("moved.db")).unwrap();
    server.get("/orders").problem(503, "database-unavailable");
    scratch.run(&["keys", "list"]).assert_refused(1, "there is no database at");
    drop(server);
    assert!(!scratch.file().exists());
}

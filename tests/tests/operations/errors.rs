//! What ends a command: printed as `error: …` in any case, with the file or option, the cause and the next
//! step.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use orders_tests::{Database, Run, Server, order, orders_api};

const NOON: i64 = 1_700_000_000_000;

/// Checks that one line says what is wrong.
fn assert_says(run: &Run, code: i32, parts: &[&str]) {
    assert_eq!(run.code, Some(code), "{run:?}");
    let lines: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), 1, "{run:?}");
    for part in parts {
        assert!(lines.concat().contains(part), "{part}: {run:?}");
    }
    assert!(!run.stderr.contains("unavailable") && !run.stderr.contains("panicked"), "{run:?}");
}

#[test]
fn an_error_is_printed_whatever_is_logged() {
    let scratch = Database::Sqlite.fresh();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for log in ["orders_db=debug", "off", "error", "info"] {
        for format in ["text", "json"] {
            let serve = ["serve", "--bind", &address, "--log", log, "--log-format", format];
            let run = orders_api(scratch.dir(), &[], &serve);
            assert_says(&run, 1, &[&address, "in use", "--bind"]);
            // The address is taken before the database is touched.
            assert_eq!(fs::read_dir(scratch.dir()).unwrap().count(), 0);
            let run = orders_api(scratch.dir(), &[], &["keys", "list", "--log", log]);
            assert_says(&run, 1, &["no database"]);
        }
    }
}

#[test]
fn certificates_are_read_before_the_database_is_touched() {
    let scratch = Database::Sqlite.fresh();
    let key = scratch.write("key.pem", "no key");
    let serve = ["serve", "--bind", "127.0.0.1:0", "--tls-cert", "none.pem", "--tls-key", &key];
    assert_says(&scratch.run(&serve), 1, &["none.pem", "No such file"]);
    assert!(!scratch.file().exists());
}

#[test]
fn a_file_that_is_no_database_is_named_with_the_cause() {
    let scratch = Database::Sqlite.fresh();
    let text = scratch.write("orders.csv", "id,datetime\n".repeat(200));
    for arguments in
        [&["policy", "show"][..], &["keys", "list"], &["doctor"], &["migrate"], &["seed"]]
    {
        let run = scratch.run(&[arguments, &["--database-url", &text]].concat());
        assert_says(&run, 1, &[&text, "not an SQLite database", "--database-url"]);
    }
    let folder = scratch.dir().display().to_string();
    for arguments in [&["policy", "show"][..], &["doctor"], &["migrate"]] {
        let run = scratch.run(&[arguments, &["--database-url", &folder]].concat());
        assert_says(&run, 1, &[&folder, "directory"]);
    }
    let run = scratch.run(&["policy", "show", "--database-url", "/dev/null/x.db"]);
    assert_says(&run, 1, &["/dev/null/x.db", "Not a directory"]);
}

#[test]
fn a_backup_that_cannot_be_written_is_named_once() {
    let server = Server::fresh(Database::Sqlite);
    let scratch = server.scratch().clone();
    let run = scratch.run(&["backup", "/nope/x.db"]);
    assert_says(&run, 1, &["/nope/x.db", "No such file or directory"]);
    assert!(!run.stderr.contains("partial"), "{run:?}");
    // Names that mean something else to SQLite.
    for name in ["file:b.db?mode=memory", ":memory:", "a b#.db"] {
        drop(scratch.run(&["backup", name]).assert_fine());
        assert!(scratch.dir().join(name).is_file(), "{name}");
    }
}

#[test]
fn a_restore_names_the_backup_and_takes_no_other_file() {
    let server = Server::fresh(Database::Sqlite);
    let scratch = server.scratch().clone();
    server.post("/orders", &order("a", NOON)).assert_status(201);
    let run = scratch.run(&["restore", &scratch.write("a.csv", "id\n".repeat(2_000))]);
    assert_says(&run, 1, &["in use by another process", "stop that process"]);
    drop(server);
    let foreign = scratch.dir().join("foreign.db");
    orders_tests::Sql::open(&foreign).run("CREATE TABLE t (x)").unwrap();
    for (file, why) in [
        (scratch.write("a.csv", "id\n".repeat(2_000)), "not an SQLite database"),
        (scratch.write("empty.db", ""), "is empty"),
        (foreign.display().to_string(), "no database of orders-api"),
    ] {
        let run = scratch.run(&["restore", &file]);
        assert_says(&run, 1, &[&file, why]);
        assert!(!run.stderr.contains("restoring"), "{run:?}");
        assert!(scratch.run(&["export"]).assert_fine().stdout.contains("\"a\""));
    }
}

#[test]
fn files_of_an_import_and_an_export_are_named() {
    let scratch = Database::Sqlite.fresh();
    drop(scratch.run(&["migrate"]).assert_fine());
    let file = scratch.write("orders.ndjson", order("a", NOON).to_string());
    let run = scratch.run(&["import", &file, "--rejected", "/nope/r.ndjson"]);
    assert_says(&run, 1, &["/nope/r.ndjson", "No such file or directory"]);
    assert_says(&scratch.run(&["export", "/nope/o.json"]), 1, &["/nope/o.json", "No such file"]);
    let folder = scratch.dir().display().to_string();
    assert_says(&scratch.run(&["export", &folder]), 1, &[&folder, "directory"]);
    for name in ["out.xls", "out.json.gz"] {
        assert_says(&scratch.run(&["export", name]), 2, &[name, "--format"]);
        assert!(!scratch.dir().join(name).exists());
    }
    drop(scratch.run(&["export", "out.xls", "--format", "csv"]).assert_fine());
    drop(scratch.run(&["export", "out"]).assert_fine());
}

#[test]
fn a_password_that_is_part_of_a_message_leaves_the_message_whole() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for password in ["e", "server", "connection"] {
        let url = format!("postgres://orders:{password}@{closed}/orders");
        let run = orders_api(Path::new("/"), &[("ORDERS_DATABASE_URL", &url)], &["migrate"]);
        run.assert_refused(1, "connection to server at \"127.0.0.1\"");
        assert!(run.stderr.contains(&closed.port().to_string()), "{run:?}");
    }
}

#[test]
fn wrong_values_are_refused_with_what_is_expected() {
    let scratch = Database::Sqlite.fresh();
    for (arguments, expected) in [
        (&["serve", "--bind", "localhost:8080"][..], "127.0.0.1:8080"),
        (&["serve", "--bind", "8080"], "127.0.0.1:8080"),
        (&["--bind", "localhost:8080"], "127.0.0.1:8080"),
        (&["healthcheck", "--bind", "localhost:8080"], "127.0.0.1:8080"),
        (&["serve", "--rate-burst", "0"], "a number from 1"),
        (&["serve", "--rate-limit", "none"], "or off"),
        (&["serve", "--workers", "0"], "1..=256"),
        (&["serve", "--log", "nonsense=nonsense"], "nonsense"),
        (&["keys", "list", "--log", "a/b/c"], "a/b/c"),
        (&["keys", "create", "--name", "n", "--role", "king"], "reader, writer, admin"),
        (&["policy", "set", "--scope", "galaxy"], "global, service"),
        (&["--bind", "127.0.0.1:0", "keys", "list"], "must follow the command `serve`"),
    ] {
        let run = scratch.run(arguments);
        run.assert_refused(2, expected);
    }
}

#[test]
fn a_policy_with_many_violations_prints_some_pairs_and_their_number() {
    let scratch = Database::Sqlite.fresh();
    let rows: Vec<String> =
        (0..160).map(|n| order(&format!("o{n}"), NOON + n).to_string()).collect();
    let file = scratch.write("orders.ndjson", rows.join("\n"));
    drop(scratch.run(&["migrate"]).assert_fine());
    drop(scratch.run(&["policy", "set", "--window", "1ms"]).assert_fine());
    drop(scratch.run(&["import", &file, "--create-services"]).assert_fine());
    let run = scratch.run(&["policy", "check", "--window", "2ms"]);
    assert_says(&run, 1, &["159 pairs of orders", "the first 100", "--all"]);
    assert_eq!(run.stdout.lines().count(), 100);
    let run = scratch.run(&["policy", "check", "--window", "2ms", "--all"]);
    assert_says(&run, 1, &["159 pairs of orders"]);
    assert_eq!(run.stdout.lines().count(), 159);
}

#[test]
fn a_url_that_cannot_be_read_is_wrong_usage() {
    let scratch = Database::Sqlite.fresh();
    for (url, why) in [
        ("postgres://me:secret@[::1/orders", "postgres://me@[::1/orders"),
        ("postgres://me:secret@h/orders?foo=bar", "foo"),
        ("postgres://me:secret@h:port/orders", "port"),
        ("postgres://me:secret@h/orders?sslmode=maybe", "sslmode"),
    ] {
        let run = scratch.run(&["migrate", "--database-url", url]);
        assert_says(&run, 2, &["the database URL", why]);
        assert!(!run.stderr.contains("secret"), "{run:?}");
    }
}

#[test]
fn missing_services_and_standard_input_are_named() {
    let scratch = Database::Sqlite.fresh();
    drop(scratch.run(&["migrate"]).assert_fine());
    let file = scratch.write("orders.ndjson", order("a", NOON).to_string());
    let run = scratch.run(&["import", &file]);
    assert!(run.stdout.contains("--create-services"), "{run:?}");
    assert_says(&scratch.run(&["import", "-", "--format", "json"]), 1, &["standard input: line 1"]);
}

//! The program: commands, options, log, and startup.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::net::TcpListener;

use orders_tests::{Database, HOUR, Server, Setup, order, orders_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

/// Runs the program in a directory of its own; returns what it left there, too.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (orders_tests::Run, Vec<String>) {
    let scratch = Database::Sqlite.fresh();
    let run = orders_api(scratch.dir(), variables, arguments);
    let left = fs::read_dir(scratch.dir()).unwrap();
    (run, left.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect())
}

#[apply(both_databases)]
fn to_migrate_twice_is_harmless(database: Database) {
    let scratch = database.fresh();
    for _ in 0..3 {
        drop(scratch.run(&["migrate"]).assert_fine());
    }
    let mut sql = scratch.sql();
    let applied = "SELECT count(*) AS number FROM __diesel_schema_migrations";
    let number = sql.number(applied);
    assert!(number >= 1);
    drop(Server::start(&scratch));
    assert_eq!(sql.number(applied), number);
}

#[test]
fn an_unknown_scheme_is_a_clear_error() {
    for url in
        ["mysql://root@localhost/orders", "http://localhost/orders", "redis://x", "sqlite3:///x.db"]
    {
        let scheme = url.split(':').next().unwrap_or_default();
        for command in ["serve", "migrate"] {
            let (run, left) = run(&[command, "--database-url", url], &[]);
            assert!(matches!(run.code, Some(1 | 2)), "{run:?}");
            run.assert_refused(run.code.unwrap_or_default(), scheme);
            assert_eq!(left, Vec::<String>::new(), "no file is made for {url}");
        }
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [
        &["frobnicate"][..],
        &["--nonsense"],
        &["serve", "--nonsense"],
        &["serve", "--bind", "nowhere"],
        &["serve", "--bind", "127.0.0.1:99999"],
        &["serve", "--drain-delay", "soon"],
        &["serve", "extra"],
        &["serve", "--log-format", "xml"],
        &["policy"],
        &["policy", "frobnicate"],
        &["policy", "set", "--scope", "galaxy"],
        &["policy", "set", "--window", "three hours"],
        &["policy", "set", "--window", "0h"],
        &["policy", "set", "--window", "367d"],
        &["policy", "set", "--edit-lock", "never"],
        &["keys"],
        &["keys", "create", "--name", "x"],
        &["keys", "create", "--role", "admin"],
        &["keys", "create", "--name", "x", "--role", "king"],
        &["keys", "create", "--name", "", "--role", "admin"],
        &["keys", "create", "--name", "x", "--role", "admin", "--expires-in", "soon"],
        &["keys", "revoke"],
        &["keys", "revoke", "12"],
        &["serve", "--auth", "never"],
        &["serve", "--public-url", "orders.example.com"],
        &["migrate", "extra"],
        &["seed", "orders.json"],
        &["completions"],
        &["completions", "tcsh"],
        &["migrate", "--checks"],
    ] {
        let (run, left) = run(arguments, &[]);
        assert_eq!(run.code, Some(2), "{arguments:?}: {run:?}");
        assert!(!run.stderr.is_empty() && run.stdout.is_empty(), "{run:?}");
        assert_eq!(left, Vec::<String>::new(), "{arguments:?} leaves nothing behind");
    }
}

#[test]
fn help_and_version_are_printed() {
    for (argument, expected) in
        [("--help", "serve"), ("--version", "orders-api"), ("-h", "migrate")]
    {
        let (run, left) = run(&[argument], &[]);
        assert!(run.code == Some(0) && run.stdout.contains(expected), "{run:?}");
        assert_eq!(left, Vec::<String>::new());
    }
}

#[test]
fn the_default_database_is_a_file_in_the_data_directory() {
    let (made, left) = run(&["migrate"], &[]);
    drop(made.assert_fine());
    assert_eq!(left, ["data"]);
    let scratch = Database::Sqlite.fresh();
    let dir = scratch.dir().join("elsewhere");
    let variable = dir.display().to_string();
    drop(orders_api(scratch.dir(), &[("ORDERS_DATA_DIR", &variable)], &["migrate"]).assert_fine());
    assert!(dir.join("orders.db").is_file());
    assert!(!scratch.dir().join("data").exists());
}

#[test]
fn a_database_is_named_by_a_path_by_a_url_or_by_the_environment() {
    let scratch = Database::Sqlite.fresh();
    let path = |name: &str| scratch.dir().join(name).display().to_string();
    let migrate = |arguments: &[&str], variables: &[(&str, &str)]| {
        drop(
            orders_api(scratch.dir(), variables, &[&["migrate"], arguments].concat()).assert_fine(),
        );
    };
    migrate(&["--database-url", &path("plain.db")], &[]);
    migrate(&["--database-url", "relative.db"], &[]);
    migrate(&["--database-url", &format!("sqlite://{}", path("url.db"))], &[]);
    migrate(&[], &[("ORDERS_DATABASE_URL", &path("variable.db"))]);
    migrate(&[], &[("DATABASE_URL", &path("usual.db"))]);
    // What is nearer wins.
    migrate(&[], &[("ORDERS_DATABASE_URL", &path("own.db")), ("DATABASE_URL", &path("not1.db"))]);
    migrate(
        &["--database-url", &path("argument.db")],
        &[("ORDERS_DATABASE_URL", &path("not2.db"))],
    );
    for name in ["plain", "relative", "url", "variable", "usual", "own", "argument"] {
        assert!(scratch.dir().join(format!("{name}.db")).is_file(), "{name}");
    }
    for name in ["not1", "not2"] {
        assert!(!scratch.dir().join(format!("{name}.db")).exists(), "{name}");
    }
}

#[test]
fn what_cannot_be_opened_is_a_clear_error() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("postgres://nobody@{closed}/none");
    for url in [url.as_str(), "/proc/none/orders.db", "/dev/null/x/orders.db"] {
        let (run, _) = run(&["serve", "--bind", "127.0.0.1:0", "--database-url", url], &[]);
        run.assert_refused(1, "");
        assert!(!run.stderr.is_empty() && run.stderr.lines().count() < 20, "{run:?}");
    }
    let scratch = Database::Sqlite.fresh();
    let file = scratch.write(
        "no-database.db",
        "this is no database, and long enough to be seen as none\n".repeat(100),
    );
    let run = orders_api(scratch.dir(), &[], &["migrate", "--database-url", &file]);
    run.assert_refused(1, "");
    assert!(fs::read_to_string(file).unwrap().starts_with("this is no database"));
}

#[test]
fn a_port_that_is_taken_is_a_clear_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (run, _) = run(&["serve", "--bind", &address], &[]);
    run.assert_refused(1, "in use");
}

#[test]
fn without_a_key_nothing_but_loopback_is_listened_on() {
    for bind in ["0.0.0.0:0", "[::]:0"] {
        let (run, _) = run(&["serve", "--bind", bind], &[]);
        assert!(matches!(run.code, Some(1 | 2)), "{run:?}");
        assert!(run.stderr.to_lowercase().contains("loopback"), "{run:?}");
        assert!(!run.stderr.contains("listening on"), "{run:?}");
    }
}

#[apply(both_databases)]
fn log_lines_are_json_when_asked_for(database: Database) {
    let scratch = database.fresh();
    let setup = Setup { arguments: &["--log-format", "json", "--sample-data"], ..Setup::default() };
    let mut server = Server::start_as(&scratch, &setup);
    server.post("/orders", &order("a\"b\\\n", NOON));
    server.post("/orders", &order("quoted", NOON)).assert_status(201);
    server.post("/services", &json!({"name": "\"x\"\u{2028}\u{1b}"}));
    server.get("/orders/%22%0a%1b%5c").assert_status(404);
    drop(
        server
            .request("GET", "/healthz")
            .header("X-Request-Id", "a\"b\\c")
            .header("User-Agent", "\"\\")
            .send(),
    );
    server.terminate();
    assert_eq!(server.wait(), Some(0));
    let log = server.log();
    assert!(log.lines().count() >= 1);
    for line in log.lines() {
        let parsed: Result<Value, _> = serde_json::from_str(line);
        assert!(parsed.is_ok_and(|line| line.is_object()), "{line}");
    }
}

#[apply(both_databases)]
fn no_line_of_the_log_can_be_forged(database: Database) {
    let server = Server::fresh(database);
    let forged = "FORGED";
    server.post("/orders", &order(&format!("x\n{forged} line"), NOON));
    server.post("/services", &json!({"name": format!("x\r\n{forged}")}));
    server.get(format!("/orders/x%0a{forged}")).assert_status(404);
    server.get(format!("/orders?limit=%0a{forged}")).assert_status(400);
    let log = server.log();
    assert!(!log.lines().any(|line| line.trim_start().starts_with(forged)), "{log}");
}

#[apply(both_databases)]
fn a_database_newer_than_the_program_is_refused_with_one_clear_line(database: Database) {
    let scratch = database.fresh();
    drop(scratch.run(&["migrate"]).assert_fine());
    let newer = "INSERT INTO __diesel_schema_migrations (version, run_on) \
                 VALUES ('99991231000000', CURRENT_TIMESTAMP)";
    scratch.sql().run(newer).unwrap();
    for arguments in
        [&["serve", "--bind", "127.0.0.1:0"][..], &["migrate"], &["seed"], &["policy", "show"]]
    {
        let run = scratch.run(arguments);
        run.assert_refused(1, "newer");
        assert_eq!(run.stderr.lines().filter(|line| line.contains("newer")).count(), 1, "{run:?}");
    }
    let mut sql = scratch.sql();
    assert_eq!(sql.number("SELECT count(*) AS number FROM services"), 0);
}

#[apply(both_databases)]
fn the_address_is_also_taken_from_the_environment(database: Database) {
    let scratch = database.fresh();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let url = scratch.url();
    let variables = [("ORDERS_BIND", address.as_str()), ("ORDERS_DATABASE_URL", &url)];
    // Alone, the program serves: here at an address that it cannot have.
    orders_api::<&str>(scratch.dir(), &variables, &[]).assert_refused(1, "in use");
}

#[apply(both_databases)]
fn liveness_and_readiness_are_answered(database: Database) {
    let server = Server::fresh(database);
    for path in ["/healthz", "/readyz"] {
        server.get(path).assert_status(200);
    }
    let other = Server::start(&server.scratch().clone());
    other.post("/orders", &order("a", NOON + HOUR)).assert_status(201);
}

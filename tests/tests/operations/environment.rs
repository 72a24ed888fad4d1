//! Environment variables: they are settings, and never tell a command what to do.

use orders_tests::{Database, Scratch, Server, Setup, order, orders_api};

const NOON: i64 = 1_700_000_000_000;
const SHORT_KEY: &str = "a-key-that-is-too-short";

fn migrated() -> Scratch {
    let scratch = Database::Sqlite.fresh();
    drop(scratch.run(&["migrate"]).assert_fine());
    scratch
}

fn run(scratch: &Scratch, variables: &[(&str, &str)], arguments: &[&str]) -> orders_tests::Run {
    let url = scratch.url();
    let all = [&[("ORDERS_DATABASE_URL", url.as_str())], variables].concat();
    orders_api(scratch.dir(), &all, arguments)
}

#[test]
fn what_a_command_is_told_to_do_is_not_taken_from_the_environment() {
    let scratch = migrated();
    let key = [("ORDERS_NAME", "prod"), ("ORDERS_ROLE", "admin")];
    run(&scratch, &key, &["keys", "create"]).assert_refused(2, "--name");
    assert_eq!(run(&scratch, &[], &["keys", "list"]).assert_fine().stdout, "");
    run(&scratch, &[("ORDERS_TO", "postgres://x@h/d")], &["move"]).assert_refused(2, "--to");
    run(&scratch, &[("ORDERS_WINDOW", "2h")], &["policy", "set"]).assert_refused(2, "--window");
    let file = scratch.write("orders.ndjson", order("a", NOON).to_string());
    let close = scratch.write("close.ndjson", order("b", NOON + 1).to_string());
    let import = ["import", &file, "--create-services"];
    let others = [
        ("ORDERS_DRY_RUN", "true"),
        ("ORDERS_QUIET", "true"),
        ("ORDERS_IMPORT_FORMAT", "csv"),
        ("ORDERS_REJECTED", "rejected.ndjson"),
    ];
    assert!(run(&scratch, &others, &import).assert_fine().stdout.contains("accepted"));
    assert!(!scratch.dir().join("rejected.ndjson").exists());
    let skip = [("ORDERS_ON_CONFLICT", "skip")];
    run(&scratch, &skip, &["import", &close]).assert_refused(1, "rejected");
    let format = [("ORDERS_EXPORT_FORMAT", "csv"), ("ORDERS_OPENAPI_FORMAT", "markdown")];
    for command in ["export", "openapi"] {
        assert!(run(&scratch, &format, &[command]).assert_fine().stdout.starts_with('{'));
    }
    drop(run(&scratch, &[], &["policy", "set", "--window", "1ms"]).assert_fine());
    drop(run(&scratch, &[], &["import", &close]).assert_fine());
    let accept = [("ORDERS_ACCEPT_VIOLATIONS", "true")];
    run(&scratch, &accept, &["policy", "set", "--window", "1h"]).assert_refused(1, "order a");
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let scratch = migrated();
    let variables = [
        ("ORDERS_AUTH", ""),
        ("ORDERS_RATE_LIMIT", ""),
        ("ORDERS_DRAIN_DELAY", ""),
        ("ORDERS_TLS_CERT", ""),
        ("ORDERS_TRUST_PROXY", ""),
        ("ORDERS_ACCESS_LOG", ""),
        ("ORDERS_LOG", ""),
        ("ORDERS_LOG_FORMAT", ""),
        ("ORDERS_DATA_DIR", ""),
    ];
    let server = Server::start_as(&scratch, &Setup { variables: &variables, ..Setup::default() });
    server.get("/orders").assert_status(200);
    assert!(!server.log().contains("not settings"), "{}", server.log());
    let empty = [("ORDERS_BIND", ""), ("ORDERS_DATABASE_URL", ""), ("DATABASE_URL", "")];
    let (dir, taken) = (Database::Sqlite.fresh(), server.address().to_string());
    orders_api(dir.dir(), &empty, &["serve", "--bind", &taken]).assert_refused(1, "in use");
    orders_api(dir.dir(), &empty, &["policy", "show"]).assert_refused(1, "./data/orders.db");
}

#[test]
fn a_variable_of_serve_does_not_disturb_another_command() {
    let scratch = migrated();
    let variables = [("ORDERS_BIND", "nowhere"), ("ORDERS_WORKERS", "many")];
    drop(run(&scratch, &variables, &["policy", "show"]).assert_fine());
    run(&scratch, &variables, &["serve"]).assert_refused(2, "nowhere");
    run(&scratch, &variables, &[]).assert_refused(2, "nowhere");
}

#[test]
fn a_switch_is_true_or_false_and_nothing_else() {
    let scratch = migrated();
    let variables =
        |value: &'static str| [("ORDERS_ACCESS_LOG", value), ("ORDERS_BIND", "nowhere")];
    for value in ["maybe", "flase"] {
        run(&scratch, &variables(value), &["serve", "--bind", "127.0.0.1:0"])
            .assert_refused(2, "--access-log");
    }
}

#[test]
fn an_unknown_variable_is_warned_about() {
    let scratch = migrated();
    let variables = [("ORDERS_BNID", "0.0.0.0:80"), ("ORDERS_BIND", "127.0.0.1:0"), ("ORDERS", "")];
    let stderr = run(&scratch, &variables, &["policy", "show"]).assert_fine().stderr;
    assert!(stderr.contains("ORDERS_BNID"), "{stderr}");
    assert!(!stderr.contains("ORDERS_BIND") && !stderr.contains("ORDERS_DATABASE_URL"), "{stderr}");
}

#[test]
fn a_key_that_is_empty_or_not_text_is_refused() {
    let scratch = migrated();
    let serve = |key: &str, bind: &str| {
        run(&scratch, &[("ORDERS_API_KEY", key)], &["serve", "--bind", bind])
    };
    serve("", "127.0.0.1:0").assert_refused(1, "ORDERS_API_KEY is empty");
    serve("ä key with many odd characters in it", "127.0.0.1:0").assert_refused(1, "ASCII");
    serve(SHORT_KEY, "0.0.0.0:0").assert_refused(1, "32 random characters");
    let variables = &[("ORDERS_API_KEY", SHORT_KEY)];
    let server = Server::start_as(&scratch, &Setup { variables, ..Setup::default() });
    assert!(server.log().contains("32 random characters"), "{}", server.log());
}

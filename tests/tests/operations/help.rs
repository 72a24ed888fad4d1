//! Help, versions, completions, man pages, and output that nobody reads to its end.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::process::{Command, Stdio};

use orders_tests::{Database, HOUR, Scratch, order, orders_api};

const NOON: i64 = 1_700_000_000_000;

fn printed(arguments: &[&str]) -> String {
    let scratch = Database::Sqlite.fresh();
    let run = orders_api(scratch.dir(), &[], arguments).assert_fine();
    assert_eq!(fs::read_dir(scratch.dir()).unwrap().count(), 0, "{arguments:?}");
    assert_eq!(run.stderr, "");
    run.stdout
}

#[test]
fn help_is_grouped_and_shows_what_concerns_the_command() {
    let all = printed(&["--help"]);
    for part in ["Exit codes:", "Examples:", "import", "completions", "--database-url"] {
        assert!(all.contains(part), "{part}: {all}");
    }
    assert!(!all.contains("--webhook-timeout"), "{all}");
    assert!(all.lines().all(|line| line.chars().count() <= 100), "{all}");
    let serve = printed(&["serve", "--help"]);
    for heading in ["Address and TLS:", "Access:", "Limits:", "Webhooks:", "Database:", "Log:"] {
        assert!(serve.contains(heading), "{heading}: {serve}");
    }
    assert!(serve.contains("[env: ORDERS_BIND"), "{serve}");
    for command in ["openapi", "healthcheck", "completions", "man"] {
        let help = printed(&[command, "--help"]);
        assert!(!help.contains("--database-url") && !help.contains("--log"), "{help}");
        assert!(help.contains("Examples:"), "{help}");
    }
    let create = printed(&["keys", "create", "--help"]);
    assert!(create.contains("[possible values: reader, writer, admin]"), "{create}");
    assert!(!create.contains("ORDERS_NAME"), "{create}");
}

#[test]
fn the_version_names_the_commit_and_the_features() {
    for option in ["--version", "-V"] {
        let version = printed(&[option]);
        assert!(version.starts_with("orders-api "), "{version}");
        assert!(version.contains("commit ") && version.contains("features: "), "{version}");
        assert_eq!(version.lines().count(), 1, "{version}");
    }
}

#[test]
fn completions_and_man_pages_are_printed() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(printed(&["completions", shell]).contains("on-conflict"), "{shell}");
    }
    assert!(printed(&["man"]).contains(".TH orders-api 1"));
    let scratch = Database::Sqlite.fresh();
    drop(orders_api(scratch.dir(), &[], &["man", "."]).assert_fine());
    let page = fs::read_to_string(scratch.dir().join("orders-api-import.1")).unwrap();
    assert!(page.contains("on\\-conflict"), "{page}");
    orders_api(scratch.dir(), &[], &["man", "none"]).assert_refused(1, "none");
}

/// Runs a shell command with the program as `$0`.
fn shell(scratch: &Scratch, script: &str) -> orders_tests::Run {
    let mut command = Command::new("bash");
    command.args(["-o", "pipefail", "-c", script]).arg(orders_tests::program());
    // The variables of the tests themselves are no settings, and the program warns of such.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ORDERS_") {
            command.env_remove(&name);
        }
    }
    command.env("ORDERS_DATABASE_URL", scratch.url()).current_dir(scratch.dir());
    command.stdin(Stdio::null()).output().unwrap().into()
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let scratch = Database::Sqlite.fresh();
    drop(scratch.run(&["seed"]).assert_fine());
    let rows: Vec<String> =
        (0..3_000).map(|n| order(&format!("o{n}"), NOON + n * 3 * HOUR).to_string()).collect();
    drop(scratch.write("rows.ndjson", rows.join("\n")));
    drop(scratch.run(&["import", "rows.ndjson", "--quiet"]).assert_fine());
    for command in
        ["openapi", "openapi --format markdown", "export", "completions bash", "man", "doctor"]
    {
        let run = shell(&scratch, &format!("\"$0\" --log warn {command} | head -c 1 > first"));
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{command}");
    }
    // Rows that nobody sees are not imported silently.
    let rows: Vec<String> =
        (0..9_000).map(|n| order(&format!("p{n}"), NOON - n * 3 * HOUR).to_string()).collect();
    drop(scratch.write("more.ndjson", rows[1..].join("\n")));
    let run = shell(&scratch, "\"$0\" import more.ndjson --on-conflict skip | head -n 1");
    run.assert_refused(1, "cannot write to standard output");
    assert!(run.stderr.contains("orders were imported"), "{run:?}");
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let scratch = Database::Sqlite.fresh();
    drop(scratch.run(&["seed"]).assert_fine());
    for command in ["openapi", "export", "policy show", "doctor", "man"] {
        let run = shell(&scratch, &format!("\"$0\" {command} > /dev/full"));
        run.assert_refused(1, "error: cannot write to standard output: No space left");
    }
    // The secret of a key is shown once.
    let run = shell(&scratch, "\"$0\" keys create --name k --role reader > /dev/full");
    run.assert_refused(1, "nobody has seen it");
}

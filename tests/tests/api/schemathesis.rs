//! Generated requests: schemathesis reads the served document, sends valid and invalid requests, and
//! checks every response against it. `schemathesis.toml` configures what it expects.
#![expect(clippy::disallowed_methods, reason = "settings of tests are read where they are used")]

use std::path::Path;
use std::process::Command;

use orders_tests::{Database, Server, Setup, document};
use rstest_reuse::apply;

use crate::both_databases;

/// The least number of requests that a run must make.
const LEAST: usize = 2000;
/// The key of all requests, except those that must be rejected.
const KEY: &str = "a-key-that-the-operator-has-made-up-1234";

#[apply(both_databases)]
#[ignore = "needs schemathesis: ./tests/run"]
fn generated_requests_find_no_fault(database: Database) {
    let program = std::env::var_os("ORDERS_TESTS_SCHEMATHESIS");
    let program = program.expect("ORDERS_TESTS_SCHEMATHESIS is set: see tests/run");
    let scratch = database.fresh();
    // With a key, so that operations without one are rejected.
    let variables = [("ORDERS_API_KEY", KEY)];
    let arguments = &["--sample-data"];
    let setup = Setup { arguments, variables: &variables, ..Setup::default() };
    let server = Server::start_as(&scratch, &setup);
    // As a file: it would leave out the path that it got the document from.
    let served = server.get("/openapi.json").assert_status(200).body;
    let file = server.scratch().write("openapi.json", served);
    let run = Command::new(program)
        // What it keeps for its next run goes away with the database.
        .current_dir(server.scratch().dir())
        .arg("--config-file")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("schemathesis.toml"))
        .args(["run", &file, "--url", &format!("http://{}", server.address())])
        .args(["--header", &format!("X-API-Key: {KEY}")])
        // Its response has no end; `events/sse.rs` tests it.
        .args(["--exclude-path", "/events/stream"])
        .args(["--checks", "all", "--phases", "examples,coverage,fuzzing,stateful", "--no-color"])
        .output()
        .expect("schemathesis starts");
    let (said, failed) = (String::from_utf8_lossy(&run.stdout), !run.status.success());
    assert!(!failed, "{said}{}", String::from_utf8_lossy(&run.stderr));
    assert!(number_before(" generated, ", &said) >= LEAST, "{said}");
    let operations: usize = document().paths().map(|(_, operations)| operations.len()).sum();
    let operations = operations - 1;
    for done in ["✅ Examples", "✅ Coverage", "✅ Fuzzing", "✅ Stateful"]
        .map(str::to_owned)
        .into_iter()
        .chain([format!("Tested: {operations}")])
    {
        assert!(said.contains(&format!("\n  {done}\n")), "{done}: {said}");
    }
    assert!(!server.log().contains("panicked"), "{}", server.log());
    server.scratch().assert_calm();
}

/// The number before a word.
fn number_before(word: &str, text: &str) -> usize {
    let before = text.split_once(word).map_or("", |(before, _)| before);
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

//! The OpenAPI document, the API reference and the page that shows it: correct and complete.

use std::collections::BTreeSet;
use std::path::Path;

use orders_tests::{Answer, Database, Server, document, orders_api};
use rstest_reuse::apply;
use serde_json::Value;

use crate::both_databases;

/// A concrete path for a documented path template.
fn some_path(documented: &str) -> String {
    let id = match documented.split('/').nth(1) {
        Some("services") => "123",
        Some("keys") => "key_0123456789abcdef",
        Some("webhooks") => "whk_0123456789abcdef",
        _ => "223",
    };
    documented.replace("{id}", id).replace("{code}", "not-found").replace("{file}", "start.js")
}

fn allow(answer: &Answer) -> BTreeSet<String> {
    let allow = answer.header("Allow").unwrap_or_default().split(',');
    allow.map(|method| method.trim().to_owned()).collect()
}

#[apply(both_databases)]
fn every_path_has_the_methods_that_the_document_tells(database: Database) {
    let server = Server::with_sample_data(database);
    for (path, operations) in document().paths() {
        let mut methods: BTreeSet<String> =
            operations.into_iter().map(|(method, _)| method).collect();
        if methods.contains("GET") {
            methods.insert("HEAD".to_owned());
        }
        methods.insert("OPTIONS".to_owned());
        let options = server.request("OPTIONS", some_path(path)).send().assert_status(204);
        assert_eq!(allow(&options), methods, "{path}");
    }
}

#[apply(both_databases)]
fn the_document_is_served_as_it_is_printed(database: Database) {
    let server = Server::fresh(database);
    let served = server.get("/openapi.json").assert_status(200);
    assert_eq!(served.json(), document().json);
    assert_eq!(served.json()["openapi"], "3.1.0");
    server.get("/openapi.json?x=1").problem(400, "invalid-parameter");
    let html = server.request("GET", "/openapi.json").header("Accept", "text/html").send();
    html.problem(406, "not-acceptable");
}

#[test]
fn the_document_is_printed_without_a_database() {
    let scratch = Database::Sqlite.fresh();
    let nowhere = [("ORDERS_DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")];
    for format in ["json", "markdown"] {
        let run = orders_api(scratch.dir(), &nowhere, &["openapi", "--format", format]);
        assert!(run.assert_fine().stderr.is_empty());
    }
    let left = std::fs::read_dir(scratch.dir()).unwrap().count();
    assert_eq!(left, 0, "nothing is left behind");
}

#[test]
fn the_reference_is_current() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/HTTP.md");
    let printed = printed_reference();
    let kept = std::fs::read_to_string(file).unwrap();
    assert!(
        kept == printed,
        "docs/HTTP.md is out of date. Generate it again:\n\
         cargo run -- openapi --format markdown > docs/HTTP.md"
    );
}

#[test]
fn the_reference_has_every_operation_with_every_status() {
    let printed = printed_reference();
    for (path, operations) in document().paths() {
        for (method, operation) in operations {
            let rest = printed.split_once(&format!("\n## `{method} {path}`\n")).unwrap().1;
            let section = rest.split("\n## ").next().unwrap();
            for status in operation["responses"].as_object().unwrap().keys() {
                assert!(section.contains(&format!("\n| {status} | ")), "{method} {path} {status}");
            }
        }
    }
}

fn printed_reference() -> String {
    let scratch = Database::Sqlite.fresh();
    let run = orders_api(scratch.dir(), &[], &["openapi", "--format", "markdown"]);
    run.assert_fine().stdout
}

#[test]
fn every_operation_is_told_apart_and_told_of() {
    let mut ids = BTreeSet::new();
    for (path, operations) in document().paths() {
        for (method, operation) in operations {
            let what = format!("{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{what}");
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{what}");
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            for name in parameters.filter(|one| one["in"] == "path").map(|one| &one["name"]) {
                assert!(path.contains(&format!("{{{}}}", name.as_str().unwrap())), "{what}");
            }
        }
    }
}

#[test]
fn every_example_is_what_its_schema_says() {
    let document = document();
    let components = &document.json["components"];
    let check = |name: &str, schema: &Value, example: &Value| {
        assert_eq!(document.fault(name, schema, example), None, "{example}");
    };
    let mut problems = 0;
    for (name, schema) in components["schemas"].as_object().unwrap() {
        for example in schema["examples"].as_array().into_iter().flatten() {
            check(name, schema, example);
        }
        let kind = &schema["properties"]["type"]["enum"][0];
        if let Some(code) = kind.as_str().and_then(|kind| kind.strip_prefix("/problems/")) {
            check(name, schema, &components["examples"][code]["value"]);
            problems += 1;
        }
    }
    assert!(problems > 20);
    let order = &components["schemas"]["Order"];
    assert!(document.fault("Order", order, &serde_json::json!({})).is_some(), "faults are found");
}

#[apply(both_databases)]
fn the_page_of_every_problem_shows_the_example_of_the_document(database: Database) {
    let server = Server::fresh(database);
    let document = &document().json;
    let parameter = &document["paths"]["/problems/{code}"]["get"]["parameters"][0];
    let codes = parameter["schema"]["enum"].as_array().unwrap();
    let examples = document["components"]["examples"].as_object().unwrap();
    assert_eq!(codes.len(), examples.len());
    for code in codes.iter().filter_map(Value::as_str) {
        let page = server.get(format!("/problems/{code}")).assert_status(200).json();
        assert_eq!(page["example"], examples[code]["value"], "{code}");
        assert_eq!(page["status"], page["example"]["status"]);
    }
}

#[apply(both_databases)]
fn the_page_comes_from_this_host_alone(database: Database) {
    let server = Server::fresh(database);
    let page = server.get("/docs").assert_status(200);
    let policy = page.header("Content-Security-Policy").unwrap_or_default();
    assert!(policy.contains("default-src 'self'") && !policy.contains("http"), "{policy}");
    for (name, value) in [
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ] {
        assert_eq!(page.header(name), Some(value), "{name}");
    }
    let html = page.text();
    let mut files = 0;
    for (_, rest) in html.match_indices("=\"/").map(|(at, _)| html.split_at(at + 2)) {
        let path = rest.split('"').next().unwrap();
        let file = server.get(path).assert_status(200);
        assert!(!file.body.is_empty());
        files += 1;
        // What the browser would load by itself. The program's own links to its makers it would not.
        let text = file.text();
        for outside in ["url(http", "url(//", "@import", "importScripts("] {
            assert!(!text.contains(outside), "{outside} in {path}");
        }
    }
    assert_eq!(files, 3);
    for outside in ["http:", "https:", "=\"//"] {
        assert!(!html.contains(outside), "{outside} in {html}");
    }
    let start = server.get("/docs/start.js").text();
    assert!(start.contains("\"/openapi.json\"") && start.contains("validatorUrl: null"), "{start}");
    for none in ["/docs/none.js", "/docs/index.html", "/docs/", "/docs/..%2fCargo.toml"] {
        server.get(none).problem(404, "not-found");
    }
}

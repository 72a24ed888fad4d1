//! The boundaries of the workspace: what each crate may use, in which direction modules import each
//! other, and how large anything may be.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use orders_tests::house;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap()
}

/// The names below a table of a manifest.
fn table(manifest: &str, name: &str) -> BTreeSet<String> {
    let text = read(manifest);
    let lines = text.lines().skip_while(|line| line.trim() != format!("[{name}]")).skip(1);
    let entries = lines.take_while(|line| !line.starts_with('['));
    let names = entries.filter_map(|line| line.split(['.', ' ', '=']).next());
    names.filter(|name| !name.is_empty() && !name.starts_with('#')).map(str::to_owned).collect()
}

fn crates() -> Vec<String> {
    ["crates/orders-core", "crates/orders-db", "crates/orders-api", "tests", "bench"]
        .map(|folder| format!("{folder}/Cargo.toml"))
        .to_vec()
}

/// All Rust sources below a folder.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.clone(), fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

#[test]
fn the_core_depends_on_nothing_that_does_input_or_output() {
    let allowed = ["chrono", "serde", "thiserror"].map(str::to_owned);
    let manifest = "crates/orders-core/Cargo.toml";
    assert_eq!(table(manifest, "dependencies"), allowed.into());
    let core = read(manifest);
    let serde = core.lines().find(|line| line.starts_with("serde = { workspace")).unwrap();
    assert!(serde.contains("optional = true"), "serde only as a feature: {serde}");
    let chrono =
        read("Cargo.toml").lines().find(|line| line.starts_with("chrono")).unwrap().to_owned();
    assert!(chrono.contains("default-features = false"), "chrono without a clock: {chrono}");
    for (path, text) in sources(&top().join("crates/orders-core/src")) {
        for banned in ["std::fs", "std::env", "std::net", "std::time", "std::thread", "Utc::now"] {
            assert!(!text.contains(banned), "{banned} in {}", path.display());
        }
    }
}

#[test]
fn the_store_knows_nothing_of_http_and_the_service_nothing_of_sql() {
    let db = table("crates/orders-db/Cargo.toml", "dependencies");
    for banned in ["actix-web", "actix-rt", "tokio", "serde", "serde_json", "clap"] {
        assert!(!db.contains(banned), "orders-db depends on {banned}");
    }
    let api = table("crates/orders-api/Cargo.toml", "dependencies");
    for banned in ["diesel", "diesel_migrations", "r2d2", "pq-sys", "libsqlite3-sys"] {
        assert!(!api.contains(banned), "orders-api depends on {banned}");
    }
    assert!(db.contains("orders-core") && api.contains("orders-db"), "the tables are read");
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for manifest in crates() {
        assert!(table(&manifest, "lints").contains("workspace"), "{manifest}");
    }
}

#[test]
fn both_databases_have_the_same_migrations_and_each_can_be_taken_back() {
    let names = |database: &str| -> BTreeSet<String> {
        let folder = top().join("migrations").join(database);
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        entries
            .flat_map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                let files =
                    fs::read_dir(entry.path()).unwrap().map(|file| file.unwrap().file_name());
                files
                    .map(move |file| format!("{name}/{}", file.into_string().unwrap()))
                    .collect::<Vec<_>>()
            })
            .collect()
    };
    assert_eq!(names("postgres"), names("sqlite"));
    assert!(names("sqlite").iter().any(|name| name.ends_with("/down.sql")));
}

#[test]
fn no_sql_is_put_together_from_input() {
    // What a generated statement may contain: constants of the program, and the clock.
    let known = ["POSTGRES_NOW", "PURGED_AT_ONCE", "POSTGRES_LOCK", "statement_timeout", "plans"];
    let limits = ["lock_timeout", "busy_timeout", "cache_kib"];
    // In lists: names of columns and tables, operators and directions, all of them constants.
    let of_lists = ["time", "id", "after", "up_to", "column", "operator", "direction", "source"];
    // Of writes: the names of the tables and columns that `database/tables.rs` lists.
    let of_writes = ["table", "verb", "names", "name", "key", "set"];
    let known = [&known[..], &limits, &of_lists, &of_writes].concat();
    for (path, text) in sources(&top().join("crates/orders-db/src")) {
        let code = text.split("#[cfg(test)]").next().unwrap();
        for call in ["sql_query(", "batch_execute(", "sql::<", "push_sql("] {
            for (at, _) in code.match_indices(call) {
                let argument = &code[at + call.len()..].trim_start().trim_start_matches('&');
                let Some(format) = argument.strip_prefix("format!(") else { continue };
                let literal = format.split('"').nth(1).unwrap();
                for (_, open) in literal.match_indices('{').map(|(at, _)| literal.split_at(at + 1))
                {
                    let name = open.split('}').next().unwrap();
                    assert!(known.contains(&name), "{name:?} in {}: {literal}", path.display());
                }
            }
        }
    }
}

/// What still breaks a rule of the house. The list only shrinks: `tests/house --exceptions` prints it.
const EXCEPTIONS: &str = "tests/tests/tidy/exceptions.txt";

#[test]
fn modules_directions_sizes_and_words_are_those_of_the_design() {
    let excepted = read(EXCEPTIONS);
    let excepted: BTreeSet<String> = excepted.lines().map(str::to_owned).collect();
    let found = house::violations();
    let new: Vec<&String> = found.difference(&excepted).collect();
    assert!(new.is_empty(), "these break a rule of the house: {new:#?}");
    let gone: Vec<&String> = excepted.difference(&found).collect();
    assert!(gone.is_empty(), "these are no longer needed in {EXCEPTIONS}: {gone:#?}");
}

#[test]
fn the_files_from_route_to_sql_are_there() {
    for (request, files) in house::paths() {
        for file in files {
            assert!(top().join(&file).is_file(), "{request} passes {file}, which does not exist");
        }
    }
}

#[test]
fn nothing_is_left_unfinished_or_silenced() {
    for folder in ["crates", "bench", "tests"] {
        for (path, text) in sources(&top().join(folder)) {
            if path.ends_with("tests/tests/tidy.rs") {
                continue;
            }
            for banned in ["todo!(", "unimplemented!(", "FIXME", "#[allow(", "#![allow("] {
                assert!(!text.contains(banned), "{banned} in {}", path.display());
            }
        }
    }
}

/// The texts between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

#[test]
fn each_test_that_the_documents_name_is_there() {
    let document = read("docs/TESTING.md");
    let is_name =
        |text: &&str| text.chars().all(|c| c.is_ascii_lowercase() || "_:0123456789".contains(c));
    let names: BTreeSet<(&str, &str)> =
        quoted(&document).filter(is_name).filter_map(|name| name.split_once("::")).collect();
    assert!(names.len() > 50, "no more than {} names", names.len());
    let modules = sources(&top().join("tests/tests"));
    for (module, function) in names {
        let file = PathBuf::from(format!("{module}.rs"));
        let (_, text) = modules
            .iter()
            .find(|(path, _)| path.ends_with(&file))
            .unwrap_or_else(|| panic!("there is no test module {module}"));
        let is_there = text.lines().any(|line| {
            line.strip_prefix("fn ")
                .and_then(|line| line.strip_prefix(function))
                .is_some_and(|rest| rest.starts_with('('))
        });
        assert!(is_there, "{module}::{function}");
    }
}

#[test]
fn each_file_of_the_tests_that_the_documents_name_is_there() {
    let mut documents = vec![top().join("README.md"), top().join("SECURITY.md")];
    documents.push(top().join("CONTRIBUTING.md"));
    documents.extend(fs::read_dir(top().join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    for document in documents.iter().filter(|path| path.extension().is_some_and(|it| it == "md")) {
        let text = fs::read_to_string(document).unwrap();
        for path in quoted(&text).filter(|path| path.starts_with("tests/tests/")) {
            let path = path.split([' ', '<', '*']).next().unwrap();
            assert!(top().join(path).exists(), "{} names {path}", document.display());
        }
    }
}

#[test]
fn every_mutant_still_applies() {
    let mut patches: Vec<PathBuf> = fs::read_dir(top().join("tests/mutants"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "patch"))
        .collect();
    patches.sort();
    assert!(patches.len() >= 10);
    for patch in &patches {
        // Without fuzz: the code that a mutant changes must be unchanged.
        let applied = Command::new("git")
            .args(["apply", "--check", "--verbose"])
            .arg(patch)
            .current_dir(top())
            .output();
        let Ok(applied) = applied else { return };
        let told = String::from_utf8_lossy(&applied.stderr);
        assert!(applied.status.success(), "{told}");
        assert!(!told.contains("Skipped"), "{}: {told}", patch.display());
    }
}

//! Files of the program are for its user alone.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use orders_tests::{Database, Server, order};

const NOON: i64 = 1_700_000_000_000;

/// The paths below a directory, with their permissions.
fn modes(directory: &Path) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        found.push((entry.file_name().into_string().unwrap(), mode));
        if entry.metadata().unwrap().is_dir() {
            found.extend(modes(&entry.path()));
        }
    }
    found
}

/// Runs a command of the program with a umask that hides nothing.
fn run(directory: &Path, arguments: &[&str]) {
    let ran = Command::new("sh")
        .args(["-c", "umask 000; exec \"$0\" \"$@\""])
        .arg(orders_tests::program())
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn no_file_is_accessible_to_others_whatever_the_umask() {
    let scratch = Database::Sqlite.fresh();
    let directory = scratch.dir().join("files");
    fs::create_dir(&directory).unwrap();
    let database = "data/orders.db";
    run(&directory, &["--database-url", database, "seed"]);
    for arguments in [
        &["backup", "backup.db"][..],
        &["export", "export.json"],
        &["export", "export.csv", "--format", "csv"],
        &["restore", "backup.db"],
    ] {
        run(&directory, &[&["--database-url", database], arguments].concat());
    }
    let found = modes(&directory);
    for name in ["data", "orders.db", "backup.db", "export.json", "export.csv"] {
        assert!(found.iter().any(|(found, _)| found == name), "no {name} in {found:?}");
    }
    for (name, mode) in found {
        assert_eq!(mode & 0o077, 0, "{name} has mode {mode:o}");
    }
}

#[test]
fn files_that_others_can_read_are_warned_of() {
    let server = Server::fresh(Database::Sqlite);
    server.post("/orders", &order("a", NOON)).assert_status(201);
    assert!(!server.log().contains("chmod"), "{}", server.log());
    let file = server.scratch().file();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let server = server.restart();
    assert!(server.log().contains("mode 0644") && server.log().contains("chmod 600"));
    assert!(!server.log().contains("mode 0750"), "{}", server.log());
    fs::set_permissions(server.scratch().dir(), fs::Permissions::from_mode(0o750)).unwrap();
    let server = server.restart();
    assert!(server.log().contains("mode 0750"), "{}", server.log());
}

#[test]
fn what_others_could_read_is_neither_backed_up_nor_restored_that_way() {
    let scratch = Database::Sqlite.fresh();
    drop(scratch.run(&["seed"]).assert_fine());
    let (file, copy) = (scratch.file(), scratch.dir().join("copy.db"));
    let mode = |file: &Path| fs::metadata(file).unwrap().permissions().mode() & 0o777;
    let open = |file: &Path| fs::set_permissions(file, fs::Permissions::from_mode(0o666)).unwrap();
    open(&file);
    drop(scratch.run(&["backup", copy.to_str().unwrap()]).assert_fine());
    assert_eq!(mode(&copy), 0o600);
    open(&copy);
    drop(scratch.run(&["restore", copy.to_str().unwrap()]).assert_fine());
    assert_eq!(mode(&file), 0o600);
}

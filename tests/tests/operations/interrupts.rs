//! Ctrl-C in the middle of a command.

use std::fs::{self, File};
use std::io::Write;
use std::process::Command;

use orders_tests::{Bulk, Database, HOUR, Scratch, order};
use rstest_reuse::apply;

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

fn rows(number: i64) -> String {
    let rows = (0..number).map(|n| order(&format!("o{n}"), NOON + n * 3 * HOUR).to_string());
    rows.flat_map(|row| [row, "\n".to_owned()]).collect()
}

fn stored(scratch: &Scratch) -> i64 {
    scratch.sql().number("SELECT count(*) AS number FROM orders")
}

#[apply(both_databases)]
fn an_interrupted_import_says_how_much_is_stored_and_goes_on_when_run_again(database: Database) {
    let scratch = database.fresh();
    drop(scratch.run(&["seed"]).assert_fine());
    let before = stored(&scratch);
    let pipe = scratch.dir().join("pipe.ndjson");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let name = pipe.display().to_string();
    let arguments = ["import", &name, "--quiet", "--on-conflict", "skip"];
    // The rest of the file never comes.
    let mut writer = None;
    let run = scratch.run_interrupted(&arguments, || {
        if writer.is_none() {
            let mut file = File::options().write(true).open(&pipe).unwrap();
            file.write_all(rows(1_500).as_bytes()).unwrap();
            writer = Some(file);
        }
        stored(&scratch) > before
    });
    run.assert_refused(1, "interrupted; 1000 orders were imported");
    assert!(run.stderr.contains("run the import again"), "{run:?}");
    assert_eq!(stored(&scratch) - before, 1_000);
    drop(writer);
    let file = scratch.write("rows.ndjson", rows(1_500));
    drop(scratch.run(&["import", &file, "--quiet", "--on-conflict", "skip"]).assert_fine());
    assert_eq!(stored(&scratch) - before, 1_500);
}

#[test]
fn an_interrupted_import_of_all_or_nothing_stores_nothing() {
    let scratch = Database::Sqlite.fresh();
    drop(scratch.run(&["seed"]).assert_fine());
    let file = scratch.write("rows.ndjson", rows(50_000));
    let mut waited = 0;
    let run = scratch.run_interrupted(&["import", &file, "--quiet"], || {
        waited += 1;
        waited > 500
    });
    run.assert_refused(1, "interrupted; 0 orders were imported");
    assert_eq!(stored(&scratch), 3);
}

#[test]
fn an_interrupted_export_or_backup_leaves_nothing_behind() {
    let scratch = Database::Sqlite.fresh();
    drop(scratch.run(&["migrate"]).assert_fine());
    Bulk { number: 60_000, at_once: 1 }.store(&mut scratch.sql());
    let partial = |name: &str| scratch.dir().join(format!("{name}.partial"));
    fs::write(scratch.dir().join("out.ndjson"), "before").unwrap();
    let run = scratch.run_interrupted(&["export", "out.ndjson"], || partial("out.ndjson").exists());
    run.assert_refused(1, "out.ndjson: interrupted");
    assert_eq!(fs::read_to_string(scratch.dir().join("out.ndjson")).unwrap(), "before");
    assert!(!partial("out.ndjson").exists());
    let run = scratch.run_interrupted(&["backup", "b.db"], || partial("b.db").exists());
    run.assert_refused(1, "interrupted; b.db was not written");
    assert!(!partial("b.db").exists() && !scratch.dir().join("b.db").exists());
}

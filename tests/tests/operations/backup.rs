//! `backup` and `restore`.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;

use orders_tests::{Database, HOUR, Scratch, Server, order};
use serde_json::Value;

const NOON: i64 = 1_700_000_000_000;

fn fresh() -> Server {
    Server::fresh(Database::Sqlite)
}

fn left_beside(scratch: &Scratch) -> Vec<String> {
    let entries = fs::read_dir(scratch.dir()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_made_while_clients_write_is_whole_and_holds_what_was_acknowledged_before() {
    let server = fresh();
    let scratch = server.scratch().clone();
    let is_over = AtomicBool::new(false);
    scope(|threads| {
        for client in 0..4 {
            let (server, is_over) = (&server, &is_over);
            threads.spawn(move || {
                let mut n = 0;
                while !is_over.load(Ordering::Relaxed) {
                    n += 1;
                    let at = NOON + (n * 4 + client) * 3 * HOUR;
                    server
                        .post("/orders", &order(&format!("c{client}n{n}"), at))
                        .assert_status(201);
                }
            });
        }
        for number in 0..4 {
            let mut sql = scratch.sql();
            let before = sql.number("SELECT count(*) AS number FROM orders");
            let file = scratch.dir().join(format!("backup{number}.db"));
            drop(scratch.run(&["backup", file.to_str().unwrap()]).assert_fine());
            let url = format!("sqlite://{}", file.display());
            drop(scratch.run(&["doctor", "--database-url", &url]).assert_fine());
            let run = scratch.run(&["export", "--format", "ndjson", "--database-url", &url]);
            let held = i64::try_from(run.assert_fine().stdout.lines().count()).unwrap();
            assert!(held >= before, "{held} of {before}");
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(!left_beside(&scratch).iter().any(|name| name.contains("partial")));
}

#[test]
fn a_backup_takes_the_place_of_no_file() {
    let server = fresh();
    let scratch = server.scratch().clone();
    let there = scratch.write("there.db", "mine");
    scratch.run(&["backup", &there]).assert_refused(1, "never replaces a file");
    assert_eq!(fs::read_to_string(&there).unwrap(), "mine");
    scratch
        .run(&["backup", &scratch.file().display().to_string()])
        .assert_refused(1, "exists already");
    scratch.run(&["backup", "no/such/folder/b.db"]).assert_refused(1, "no/such/folder");
    drop(server);
    let empty = Database::Sqlite.fresh();
    empty.run(&["backup", "b.db"]).assert_refused(1, "there is no database at");
    assert_eq!(left_beside(&empty), Vec::<String>::new());
}

#[test]
fn a_restore_brings_back_the_backup_and_keeps_what_was_there() {
    let server = fresh();
    let scratch = server.scratch().clone();
    server.post("/orders", &order("a", NOON)).assert_status(201);
    drop(scratch.run(&["backup", "b.db"]).assert_fine());
    let backup = fs::read(scratch.dir().join("b.db")).unwrap();
    server.post("/orders", &order("b", NOON + 3 * HOUR)).assert_status(201);
    // Not under a server, and nothing is lost by the attempt.
    scratch.run(&["restore", "b.db"]).assert_refused(1, "in use");
    server.post("/orders", &order("c", NOON + 6 * HOUR)).assert_status(201);
    // The server dies with its log unfolded.
    drop(server);
    drop(scratch.run(&["restore", "b.db"]).assert_fine());
    assert_eq!(fs::read(scratch.dir().join("b.db")).unwrap(), backup);
    let server = Server::start(&scratch);
    let ids = |server: &Server| -> Vec<Value> {
        server.all("/orders").iter().filter_map(|order| order.get("id").cloned()).collect()
    };
    assert_eq!(ids(&server), ["a"]);
    server.post("/orders", &order("d", NOON + 9 * HOUR)).assert_status(201);
    drop(server);
    // Going back is a restore too; no previous file is lost.
    let former = format!("{}.before-restore", scratch.file().display());
    drop(scratch.run(&["restore", &former]).assert_fine());
    assert_eq!(ids(&Server::start(&scratch)), ["a", "b", "c"]);
    let names = left_beside(&scratch);
    assert!(names.contains(&"orders.db.before-restore".to_owned()), "{names:?}");
    assert!(names.contains(&"orders.db.before-restore-2".to_owned()), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("restoring")), "{names:?}");
    drop(scratch.run(&["doctor"]).assert_fine());
}

#[test]
fn what_is_not_sound_is_not_restored() {
    let server = fresh();
    let scratch = server.scratch().clone();
    server.post("/orders", &order("a", NOON)).assert_status(201);
    drop(scratch.run(&["backup", "b.db"]).assert_fine());
    drop(server);
    let before = scratch.run(&["export"]).assert_fine().stdout;
    let good = fs::read(scratch.dir().join("b.db")).unwrap();
    let write = |name: &str, bytes: &[u8]| scratch.write(name, bytes);
    let mut torn = good.clone();
    let (middle, end) = (torn.len() / 2, torn.len() - 100);
    torn[middle..end].fill(0xA5);
    let mut files = vec![
        (write("torn.db", &torn), "cannot be used"),
        (write("half.db", &good[..good.len() / 2]), "cannot be used"),
        (write("text.db", b"not a database, but rather a text of some length"), "cannot be used"),
        ("none.db".to_owned(), "no file"),
    ];
    for (name, damage, why) in [
        (
            "newer.db",
            "INSERT INTO __diesel_schema_migrations (version) VALUES ('30001231000000')",
            "newer",
        ),
        ("slots.db", "DELETE FROM order_slots", "has no slot"),
        ("events.db", "UPDATE events SET total_fee = 1", "not as event"),
    ] {
        let file = write(name, &good);
        let url = format!("sqlite://{file}");
        orders_tests::Sql::open(std::path::Path::new(&file)).run(damage).unwrap();
        assert!(url.contains(name));
        files.push((file, why));
    }
    for (file, why) in &files {
        scratch.run(&["restore", file]).assert_refused(1, why);
        assert_eq!(scratch.run(&["export"]).assert_fine().stdout, before, "{file}");
    }
    assert!(!left_beside(&scratch).iter().any(|name| name.contains("restor")));
    // A database that is itself beyond reading is kept, and replaced.
    fs::write(scratch.file(), "ruined").unwrap();
    drop(scratch.run(&["restore", "b.db"]).assert_fine());
    assert_eq!(scratch.run(&["export"]).assert_fine().stdout, before);
    let kept = fs::read_to_string(scratch.dir().join("orders.db.before-restore")).unwrap();
    assert_eq!(kept, "ruined");
}

#[test]
fn of_postgresql_the_command_to_run_is_told_without_the_password() {
    let scratch = Database::Sqlite.fresh();
    let url = "postgres://orders:secret@db.internal:5433/orders?sslmode=require&password=hidden";
    for (command, tool) in [("backup", "pg_dump --format=custom"), ("restore", "pg_restore")] {
        let run = scratch.run(&[command, "file.dump", "--database-url", url]);
        run.assert_refused(1, tool);
        assert!(
            run.stderr.contains("postgres://orders@db.internal:5433/orders?sslmode=require"),
            "{run:?}"
        );
        assert!(!run.stderr.contains("secret") && !run.stderr.contains("hidden"), "{run:?}");
    }
}

//! Commands killed at random times: each was done or not, or resumes when it runs again, and no
//! leftover is in the way.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fmt::Write;
use std::fs;
use std::time::{Duration, Instant};

use orders_tests::{Database, HOUR, Random, Run, Scratch, Server, at, order};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;
const WINDOW: i64 = 3 * HOUR;
/// The most rounds to wait for a wanted random event.
const MOST_ROUNDS: usize = 40;

/// Runs a command to its end, and returns how long it took.
fn timed(scratch: &Scratch, arguments: &[&str]) -> Duration {
    let start = Instant::now();
    drop(scratch.run(arguments).assert_fine());
    start.elapsed()
}

/// Where the machine was busy while something was timed, it is over sooner than that says: then the next
/// moments lie earlier.
fn shorten_if(was_over: bool, long: &mut Duration) {
    if was_over {
        *long = *long * 3 / 4;
    }
}

/// A number of orders without conflicts, as NDJSON.
fn lines(number: i64) -> String {
    let mut lines = String::new();
    for n in 0..number {
        writeln!(lines, "{}", order(&format!("o{n}"), NOON + n * WINDOW)).unwrap();
    }
    lines
}

fn seeded(database: Database) -> Scratch {
    let scratch = database.fresh();
    drop(scratch.run(&["seed"]).assert_fine());
    scratch
}

/// Runs a command, kills it, and waits until PostgreSQL has finished its last statement, which may
/// still commit after the client is gone.
fn kill(scratch: &Scratch, arguments: &[&str], after: Duration) -> Option<Run> {
    let ended = scratch.run_killed(arguments, after);
    if scratch.url().starts_with("postgres") {
        let mut sql = scratch.sql();
        let there = "SELECT count(*) AS number FROM pg_stat_activity \
                     WHERE datname = current_database() AND application_name = 'orders-api'";
        let start = Instant::now();
        while sql.number(there) > 0 {
            assert!(start.elapsed() < Duration::from_mins(1), "its sessions do not end");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    ended
}

/// The ids and versions of all orders but the sample ones.
fn stored(scratch: &Scratch) -> Vec<String> {
    let query = "SELECT id || ' ' || version AS text FROM orders WHERE id LIKE 'o%' ORDER BY id";
    scratch.sql().texts(query)
}

fn assert_sound(scratch: &Scratch) {
    let run = scratch.run(&["doctor"]);
    assert_eq!(run.code, Some(0), "{run:?}");
}

#[apply(both_databases)]
fn an_import_that_is_killed_goes_on_where_it_stopped(database: Database) {
    const ROWS: i64 = 3_000;
    let mut random = Random::from_environment();
    let whole = seeded(database);
    let file = whole.write("orders.ndjson", lines(ROWS));
    let import = ["import", &file, "--on-conflict", "skip", "--quiet"];
    let mut long = timed(&whole, &import);
    let expected = stored(&whole);
    assert_eq!(i64::try_from(expected.len()), Ok(ROWS));
    let mut half_way = 0;
    let mut rounds = 0;
    while rounds < 3 || half_way == 0 {
        rounds += 1;
        assert!(rounds < MOST_ROUNDS, "none was killed half-way");
        let scratch = seeded(database);
        // More than once, before it gets to the end.
        for is_first in [true, false] {
            let ended = kill(&scratch, &import, random.duration_below(long));
            let there = stored(&scratch);
            assert!(there.iter().all(|order| expected.contains(order)), "{there:?}");
            half_way += usize::from(ended.is_none() && !there.is_empty() && there != expected);
            shorten_if(is_first && ended.is_some(), &mut long);
            assert_sound(&scratch);
        }
        drop(scratch.run(&import).assert_fine());
        assert_eq!(stored(&scratch), expected);
        assert_eq!(scratch.sql().number("SELECT count(*) AS number FROM events"), ROWS + 3);
        assert_sound(&scratch);
    }
}

#[apply(both_databases)]
fn an_import_of_all_or_nothing_that_is_killed_is_one_of_the_two(database: Database) {
    let mut random = Random::from_environment();
    let whole = seeded(database);
    let file = whole.write("orders.ndjson", lines(1_000));
    let import = ["import", &file, "--quiet"];
    let long = timed(&whole, &import);
    for _ in 0..5 {
        let scratch = seeded(database);
        let ended = kill(&scratch, &import, random.duration_below(long * 5 / 4));
        let there = stored(&scratch).len();
        assert!(there == 0 && ended.is_none() || there == 1_000, "{there}: {ended:?}");
        assert_sound(&scratch);
        if there == 0 {
            drop(scratch.run(&import).assert_fine());
        }
    }
}

#[apply(both_databases)]
fn a_migration_that_is_killed_is_finished_by_the_next_start(database: Database) {
    let mut random = Random::from_environment();
    let whole = database.fresh();
    let long = timed(&whole, &["migrate"]);
    for _ in 0..8 {
        let scratch = database.fresh();
        drop(kill(&scratch, &["migrate"], random.duration_below(long)));
        let server = Server::start(&scratch);
        server.post("/services", &json!({"id": 123, "name": "Inspection"})).assert_status(201);
        server.post("/orders", &order("a", NOON)).assert_status(201);
        drop(server);
        assert_sound(&scratch);
    }
}

#[apply(both_databases)]
fn a_change_of_the_policy_that_is_killed_is_made_or_not(database: Database) {
    let mut random = Random::from_environment();
    let scratch = seeded(database);
    let file = scratch.write("orders.ndjson", lines(1_000));
    drop(scratch.run(&["import", &file, "--quiet"]).assert_fine());
    let policies = [("3h", "global"), ("1h", "service")];
    let set = |(window, scope)| ["policy", "set", "--window", window, "--scope", scope];
    let shown = || scratch.run(&["policy", "show"]).assert_fine().stdout;
    let mut known = policies.map(|policy| {
        let long = timed(&scratch, &set(policy));
        (shown(), long)
    });
    let mut killed = 0;
    let mut rounds = 0;
    while rounds < 8 || killed == 0 {
        let [(after, long), (before, _)] = &mut known;
        let policy = policies[rounds % 2];
        let ended = kill(&scratch, &set(policy), random.duration_below(*long * 5 / 4));
        let now = shown();
        assert!(now == *before && ended.is_none() || now == *after, "{now}: {ended:?}");
        killed += usize::from(ended.is_none());
        shorten_if(ended.is_some(), long);
        assert_sound(&scratch);
        if now == *before {
            drop(scratch.run(&set(policy)).assert_fine());
            assert_eq!(shown(), *after);
        }
        known.reverse();
        rounds += 1;
        assert!(rounds < MOST_ROUNDS, "none was killed");
    }
}

#[test]
fn a_restore_that_is_killed_leaves_the_old_or_the_new_database_whole() {
    let mut random = Random::from_environment();
    let scratch = seeded(Database::Sqlite);
    let file = scratch.write("orders.ndjson", lines(1_000));
    drop(scratch.run(&["backup", "old.db"]).assert_fine());
    drop(scratch.run(&["import", &file, "--quiet"]).assert_fine());
    drop(scratch.run(&["backup", "new.db"]).assert_fine());
    let long = timed(&scratch, &["restore", "new.db"]);
    let mut wanted = (0, "old.db");
    let mut other = (1_000, "new.db");
    for _ in 0..8 {
        let before = stored(&scratch).len();
        let ended = kill(&scratch, &["restore", wanted.1], random.duration_below(long * 5 / 4));
        let there = stored(&scratch).len();
        assert!(there == before && ended.is_none() || there == wanted.0, "{there}: {ended:?}");
        assert_sound(&scratch);
        // Leftovers do no harm.
        drop(scratch.run(&["restore", wanted.1]).assert_fine());
        assert_eq!(stored(&scratch).len(), wanted.0);
        std::mem::swap(&mut wanted, &mut other);
    }
}

#[test]
fn a_backup_that_is_killed_is_whole_or_not_there() {
    let mut random = Random::from_environment();
    let scratch = seeded(Database::Sqlite);
    let file = scratch.write("orders.ndjson", lines(1_000));
    drop(scratch.run(&["import", &file, "--quiet"]).assert_fine());
    let long = timed(&scratch, &["backup", "first.db"]);
    for round in 0..8 {
        let name = format!("backup{round}.db");
        let ended = kill(&scratch, &["backup", &name], random.duration_below(long * 5 / 4));
        if scratch.dir().join(&name).exists() {
            drop(scratch.run(&["doctor", "--database-url", &name]).assert_fine());
        } else {
            assert!(ended.is_none(), "{ended:?}");
            drop(scratch.run(&["backup", &name]).assert_fine());
        }
        let query = "SELECT count(*) AS number FROM orders";
        let copied = orders_tests::Sql::open(&scratch.dir().join(&name)).number(query);
        assert_eq!(copied, 1_003);
        assert_sound(&scratch);
    }
    let entries = fs::read_dir(scratch.dir()).unwrap();
    let left: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    let partial = left.iter().filter(|name| name.to_string_lossy().contains("partial")).count();
    assert!(partial <= 8, "{left:?}");
}

#[apply(both_databases)]
fn a_server_that_is_killed_while_it_starts_and_while_it_ends_does_no_harm(database: Database) {
    let mut random = Random::from_environment();
    let scratch = seeded(database);
    let serve = ["serve", "--bind", "127.0.0.1:0", "--drain-delay", "0s"];
    for round in 0..8 {
        let moment = random.duration_below(Duration::from_millis(150));
        assert!(kill(&scratch, &serve, moment).is_none(), "it serves until it is ended");
        let mut server = Server::start(&scratch);
        let body = order(&format!("o{round}"), NOON + round * WINDOW);
        let made: Value = server.post("/orders", &body).assert_status(201).json();
        assert_eq!(made["datetime"], at(NOON + round * WINDOW));
        server.terminate();
        std::thread::sleep(random.duration_below(Duration::from_millis(60)));
        server.kill9();
        assert_eq!(i64::try_from(stored(&scratch).len()), Ok(round + 1));
    }
    assert_sound(&scratch);
}

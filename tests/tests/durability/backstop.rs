//! The schema itself rejects overlapping slots, even those of a foreign database client.
#![expect(clippy::expect_used, reason = "a test may fail")]
#![expect(
    clippy::as_conversions,
    clippy::cast_possible_wrap,
    reason = "clients and rounds are few"
)]

use std::sync::Barrier;
use std::thread::scope;

use orders_tests::{Database, HOUR, Scratch, Server, Sql, order};
use rstest_reuse::apply;

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;
const WINDOW: i64 = 3 * HOUR;

/// A database with its schema and nothing else.
fn migrated(database: Database) -> (Scratch, Sql) {
    let scratch = database.fresh();
    drop(scratch.run(&["migrate"]).assert_fine());
    let sql = scratch.sql();
    (scratch, sql)
}

/// A statement that puts an order's slot into a calendar.
fn slot(scope: i64, start: i64, group: i64, order: &str) -> String {
    long_slot(scope, (start, start + WINDOW), group, order)
}

/// A statement that puts a slot of any length into a calendar.
fn long_slot(scope: i64, (start, end): (i64, i64), group: i64, order: &str) -> String {
    format!(
        "INSERT INTO order_slots (scope, start_ms, end_ms, grp, order_id) \
         VALUES ({scope}, {start}, {end}, {group}, '{order}')"
    )
}

fn slots(sql: &mut Sql) -> i64 {
    sql.number("SELECT count(*) AS number FROM order_slots")
}

fn assert_overlap(outcome: Result<(), String>) {
    let error = outcome.expect_err("the schema refuses it");
    assert!(error.contains("order_slots_no_overlap"), "{error}");
}

#[apply(both_databases)]
fn a_slot_that_overlaps_another_is_refused(database: Database) {
    let (_scratch, mut sql) = migrated(database);
    sql.run(&slot(0, NOON, 1, "a")).unwrap();
    for gap in [0, 1, HOUR, WINDOW - 1] {
        assert_overlap(sql.run(&slot(0, NOON + gap, 2, "b")));
        assert_overlap(sql.run(&slot(0, NOON - gap, 2, "b")));
    }
    assert_eq!(slots(&mut sql), 1);
}

#[apply(both_databases)]
fn a_slot_exactly_one_window_away_is_accepted(database: Database) {
    let (_scratch, mut sql) = migrated(database);
    for (group, start) in (1..).zip([NOON, NOON + WINDOW, NOON - WINDOW, -WINDOW, 0, WINDOW]) {
        sql.run(&slot(0, start, group, &format!("o{group}"))).unwrap();
    }
    assert_eq!(slots(&mut sql), 6);
}

#[apply(both_databases)]
fn slots_of_one_group_or_of_different_calendars_may_overlap(database: Database) {
    let (_scratch, mut sql) = migrated(database);
    sql.run(&slot(0, NOON, 1, "a")).unwrap();
    sql.run(&slot(0, NOON, 1, "b")).unwrap();
    sql.run(&slot(0, NOON + HOUR, 1, "c")).unwrap();
    sql.run(&slot(7, NOON, 2, "d")).unwrap();
    sql.run(&slot(8, NOON, 3, "d")).unwrap();
    // Any member blocks an order outside of the group.
    assert_overlap(sql.run(&slot(0, NOON + HOUR + WINDOW - 1, 2, "e")));
    assert_overlap(sql.run(&slot(7, NOON + 1, 3, "e")));
    assert_eq!(slots(&mut sql), 5);
}

#[apply(both_databases)]
fn slots_of_different_lengths_must_not_overlap_either(database: Database) {
    let (_scratch, mut sql) = migrated(database);
    let hours = |from: i64, to: i64| (NOON + from * HOUR, NOON + to * HOUR);
    // A long one, and three short ones of its group within it and at its end.
    sql.run(&long_slot(0, hours(0, 100), 1, "long")).unwrap();
    for (number, from) in [(1, 2), (2, 50), (3, 98)] {
        sql.run(&long_slot(0, hours(from, from + 1), 1, &format!("within-{number}"))).unwrap();
    }
    for (what, slot) in [
        ("within the long one, after a short one", hours(60, 61)),
        ("within the long one, just before its end", (NOON + 100 * HOUR - 1, NOON + 101 * HOUR)),
        ("before the long one and into it", (NOON - HOUR, NOON + 1)),
        ("around all of them", hours(-10, 200)),
        ("exactly the long one's", hours(0, 100)),
        ("exactly a short one's", hours(50, 51)),
    ] {
        let outcome = sql.run(&long_slot(0, slot, 2, "other"));
        assert!(outcome.is_err(), "{what}");
        assert_overlap(outcome);
    }
    // Touching ends are allowed, and so are other calendars, at any length.
    sql.run(&long_slot(0, hours(-1, 0), 2, "before")).unwrap();
    sql.run(&long_slot(0, hours(100, 300), 3, "after")).unwrap();
    sql.run(&long_slot(7, hours(60, 61), 4, "elsewhere")).unwrap();
    assert_overlap(sql.run(&long_slot(0, hours(299, 300), 4, "late")));
    sql.run(&long_slot(0, hours(300, 301), 4, "late")).unwrap();
    // The longest was looked back by also once it is gone.
    sql.run("DELETE FROM order_slots WHERE order_id IN ('long', 'after')").unwrap();
    sql.run(&long_slot(0, hours(51, 98), 5, "between")).unwrap();
    assert_overlap(sql.run(&long_slot(0, hours(97, 98), 6, "late-between")));
}

#[apply(both_databases)]
fn an_update_that_makes_a_slot_longer_is_guarded_too(database: Database) {
    let (_scratch, mut sql) = migrated(database);
    for (number, start) in (1..).zip([0, HOUR, 2 * HOUR, 50 * HOUR]) {
        let (slot, id) = ((NOON + start, NOON + start + HOUR), format!("o{number}"));
        sql.run(&long_slot(0, slot, number, &id)).unwrap();
    }
    let mut update = |what: &str| sql.run(&format!("UPDATE order_slots SET {what}"));
    assert_overlap(update("end_ms = end_ms + 1 WHERE order_id = 'o1'"));
    assert_overlap(update("end_ms = end_ms + 172800000 WHERE order_id = 'o3'"));
    assert_eq!(update("end_ms = end_ms + 169200000 WHERE order_id = 'o3'"), Ok(()));
    // A longer slot blocks all later ones that it overlaps, whether others lie between or not.
    assert_overlap(sql.run(&slot(0, NOON + 20 * HOUR, 9, "new")));
    assert_overlap(sql.run(&long_slot(0, (NOON + 50 * HOUR - 1, NOON + 50 * HOUR), 9, "new")));
}

/// Random slots of many lengths: the schema accepts exactly those that overlap none of another group.
#[apply(both_databases)]
fn the_schema_agrees_with_every_slot_compared_with_every_other(database: Database) {
    let (_scratch, mut sql) = migrated(database);
    let mut seed = 42_u64;
    let mut below = |limit: u64| {
        // Knuth's linear congruential generator; its high bits are random enough.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((seed >> 33) % limit).unwrap()
    };
    let mut accepted: Vec<(i64, (i64, i64), i64)> = Vec::new();
    for number in 0..600 {
        let start = NOON + below(300);
        let length = if below(10) == 0 { 1 + below(120) } else { 1 + below(6) };
        let (end, group) = (start + length, 1 + below(40));
        let fits =
            |(_, (s, e), g): &(i64, (i64, i64), i64)| *g == group || start >= *e || *s >= end;
        let expected = accepted.iter().all(fits);
        let outcome = sql.run(&long_slot(0, (start, end), group, &format!("o{number}")));
        assert_eq!(outcome.is_ok(), expected, "{start} to {end} of {group}: {accepted:?}");
        if expected {
            accepted.push((number, (start, end), group));
        }
        // Now and then one goes, so that there is room for others.
        if number % 7 == 6 {
            let (gone, ..) = accepted.remove(0);
            sql.run(&format!("DELETE FROM order_slots WHERE order_id = 'o{gone}'")).unwrap();
        }
    }
    assert!(accepted.len() > 20, "{accepted:?}");
}

#[test]
fn the_bound_that_the_triggers_look_back_by_never_shrinks() {
    let (_scratch, mut sql) = migrated(Database::Sqlite);
    sql.run(&long_slot(0, (NOON, NOON + 100 * HOUR), 1, "long")).unwrap();
    sql.run(&slot(0, NOON + 200 * HOUR, 2, "short")).unwrap();
    let longest = "SELECT longest_ms AS number FROM slot_lengths WHERE scope = 0";
    assert_eq!(sql.number(longest), 100 * HOUR);
    assert!(sql.run("UPDATE slot_lengths SET longest_ms = 1").is_err());
    assert!(sql.run("DELETE FROM slot_lengths").is_err());
    sql.run("DELETE FROM order_slots WHERE order_id = 'long'").unwrap();
    assert_eq!(sql.number(longest), 100 * HOUR);
}

#[apply(both_databases)]
fn an_update_into_an_overlap_is_refused(database: Database) {
    let (_scratch, mut sql) = migrated(database);
    sql.run(&slot(0, NOON, 1, "a")).unwrap();
    sql.run(&slot(0, NOON, 1, "b")).unwrap();
    sql.run(&slot(0, NOON + 2 * WINDOW, 2, "c")).unwrap();
    sql.run(&slot(5, NOON, 3, "d")).unwrap();
    let mut update = |what: &str| sql.run(&format!("UPDATE order_slots SET {what}"));
    let moved = |by: i64| {
        format!("start_ms = start_ms + {by}, end_ms = end_ms + {by} WHERE order_id = 'c'")
    };
    assert_overlap(update(&moved(-WINDOW - 1)));
    assert_overlap(update(&moved(-2 * WINDOW)));
    assert_overlap(update("scope = 0 WHERE order_id = 'd'"));
    assert_overlap(update("grp = 4 WHERE order_id = 'b'"));
    assert_overlap(update("scope = 0, grp = 9 WHERE order_id = 'd'"));
    // A move within its own slot, one that just fits, and one into a group are fine.
    assert_eq!(update(&moved(1)), Ok(()));
    assert_eq!(update(&moved(-1)), Ok(()));
    assert_eq!(update(&moved(-WINDOW)), Ok(()));
    assert_eq!(update("grp = 1 WHERE order_id = 'c'"), Ok(()));
    assert_eq!(update(&moved(-1)), Ok(()));
    // The whole group cannot be torn apart in one statement either.
    assert_overlap(update("grp = CASE order_id WHEN 'a' THEN 50 ELSE 60 END WHERE scope = 0"));
}

#[apply(both_databases)]
fn one_statement_with_two_overlapping_slots_is_refused_as_a_whole(database: Database) {
    let (_scratch, mut sql) = migrated(database);
    let two = format!(
        "{}, (0, {}, {}, 2, 'b')",
        slot(0, NOON, 1, "a"),
        NOON + HOUR,
        NOON + HOUR + WINDOW
    );
    assert_overlap(sql.run(&two));
    assert_eq!(slots(&mut sql), 0);
    let copy = "INSERT INTO order_slots (scope, start_ms, end_ms, grp, order_id) \
                SELECT scope, start_ms + 1, end_ms + 1, grp + 1, order_id FROM order_slots";
    sql.run(&slot(0, NOON, 1, "a")).unwrap();
    assert_overlap(sql.run(copy));
    assert_eq!(slots(&mut sql), 1);
}

#[apply(both_databases)]
fn ways_around_a_refusal_let_nothing_in(database: Database) {
    let (_scratch, mut sql) = migrated(database);
    sql.run(&slot(0, NOON, 1, "a")).unwrap();
    let overlapping = slot(0, NOON + HOUR, 2, "b");
    let ways = match database {
        Database::Sqlite => vec![
            overlapping.replace("INSERT", "INSERT OR IGNORE"),
            overlapping.replace("INSERT", "INSERT OR REPLACE"),
            overlapping.replace("INSERT", "INSERT OR FAIL"),
            format!("{overlapping} ON CONFLICT DO NOTHING"),
            format!("PRAGMA ignore_check_constraints = ON; {overlapping}"),
            format!("PRAGMA recursive_triggers = OFF; {overlapping}"),
        ],
        Database::Postgres => vec![
            format!("{overlapping} ON CONFLICT DO NOTHING"),
            format!("BEGIN; SET CONSTRAINTS ALL DEFERRED; {overlapping}; COMMIT"),
            format!("BEGIN ISOLATION LEVEL READ UNCOMMITTED; {overlapping}; COMMIT"),
        ],
    };
    for way in ways {
        // Depending on the database, it is an error or ignored.
        drop(sql.run(&way));
        drop(sql.run("ROLLBACK"));
        assert_eq!(slots(&mut sql), 1, "{way}");
    }
}

#[apply(both_databases)]
fn the_slots_of_the_service_s_own_orders_are_guarded_too(database: Database) {
    let server = Server::fresh(database);
    server.post("/orders", &order("a", NOON)).assert_status(201);
    let mut sql = server.scratch().sql();
    assert_eq!(slots(&mut sql), 1);
    assert_overlap(sql.run(&slot(0, NOON + HOUR, 1_000, "stray")));
    // One that gets in where it is free is in the service's way like any other.
    sql.run(&slot(0, NOON + WINDOW, 1_000, "stray")).unwrap();
    let answer = server.post("/orders", &order("b", NOON + WINDOW + HOUR));
    assert_eq!(answer.status, 409, "{answer}");
    assert_eq!(server.all("/orders").len(), 1);
    sql.run("DELETE FROM order_slots WHERE order_id = 'stray'").unwrap();
    server.post("/orders", &order("b", NOON + WINDOW + HOUR)).assert_status(201);
    server.put("/orders/a", &order("a", NOON - HOUR)).assert_status(200);
    server.delete("/orders/b").assert_status(204);
    assert_eq!(slots(&mut sql), 1, "slots follow their orders");
}

#[apply(both_databases)]
fn of_two_connections_the_second_is_refused(
    database: Database,
    #[values("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")] level: &str,
) {
    let (scratch, mut first) = migrated(database);
    let mut second = scratch.sql();
    let (begin, begin_second) = match database {
        Database::Sqlite => ("BEGIN IMMEDIATE".to_owned(), "SELECT 1".to_owned()),
        Database::Postgres => {
            let begin = format!("BEGIN ISOLATION LEVEL {level}");
            (begin.clone(), begin)
        }
    };
    first.run(&begin).unwrap();
    second.run(&begin_second).unwrap();
    // Both look before they write, as a client without a lock would: neither sees the other.
    assert_eq!((slots(&mut first), slots(&mut second)), (0, 0));
    first.run(&slot(0, NOON, 1, "a")).unwrap();
    let outcome = scope(|threads| {
        // Waits until the first has ended, whenever it began.
        let outcome = threads.spawn(|| second.run(&slot(0, NOON + WINDOW - 1, 2, "b")));
        first.run("COMMIT").unwrap();
        outcome.join().unwrap()
    });
    assert!(outcome.is_err());
    drop(second.run("ROLLBACK"));
    assert_eq!(slots(&mut first), 1);
    // Had the first withdrawn, the second would have been accepted.
    assert_overlap(second.run(&slot(0, NOON + WINDOW - 1, 2, "b")));
    first.run(&format!("{begin}; DELETE FROM order_slots; COMMIT")).unwrap();
    second.run(&slot(0, NOON + WINDOW - 1, 2, "b")).unwrap();
}

#[apply(both_databases)]
fn concurrent_plain_inserts_leave_no_overlap(database: Database) {
    let (scratch, mut sql) = migrated(database);
    let (clients, rounds) = (8, 25);
    let barrier = Barrier::new(clients);
    scope(|threads| {
        for client in 0..clients as i64 {
            let (barrier, mut sql) = (&barrier, scratch.sql());
            threads.spawn(move || {
                for round in 0..rounds {
                    let start = NOON + round * 2 * WINDOW + client * HOUR / 4;
                    barrier.wait();
                    // Rejected, or the victim of a deadlock. Never are both inserted.
                    drop(sql.run(&slot(
                        0,
                        start,
                        round * 100 + client + 1,
                        &format!("r{round}c{client}"),
                    )));
                }
            });
        }
    });
    let overlaps = sql.number(
        "SELECT count(*) AS number FROM order_slots a JOIN order_slots b \
         ON a.scope = b.scope AND a.start_ms < b.end_ms AND b.start_ms < a.end_ms AND a.grp <> b.grp",
    );
    assert_eq!(overlaps, 0);
    assert!((1..=rounds).contains(&slots(&mut sql)));
}

#[apply(both_databases)]
fn values_out_of_range_are_refused(database: Database) {
    let (_scratch, mut sql) = migrated(database);
    let mut order = |id: &str, at: i64, fee: i64, version: i64, group: i64| {
        sql.run(&format!(
            "INSERT INTO orders (id, datetime_ms, total_fee, services, version, grp, created_at_ms, updated_at_ms) \
             VALUES ({id}, {at}, {fee}, '[1]', {version}, {group}, 0, 0)"
        ))
    };
    order("'a'", NOON, 0, 1, 1).unwrap();
    order("'b'", 253_402_300_799_999, 99_999_999_999_999, 1, 1).unwrap();
    for outcome in [
        order("'a'", NOON + WINDOW, 0, 1, 2),
        order("''", NOON, 0, 1, 1),
        order("NULL", NOON, 0, 1, 1),
        order(&format!("'{}'", "x".repeat(65)), NOON, 0, 1, 1),
        order("'c'", 253_402_300_800_000, 0, 1, 1),
        order("'c'", -62_135_596_800_001, 0, 1, 1),
        order("'c'", NOON, -1, 1, 1),
        order("'c'", NOON, 100_000_000_000_000, 1, 1),
        order("'c'", NOON, 0, 0, 1),
        order("'c'", NOON, 0, 1, 0),
    ] {
        assert!(outcome.is_err());
    }
    for statement in [
        "INSERT INTO services (id, name, name_key) VALUES (0, 'x', 'x')",
        "INSERT INTO services (id, name, name_key) VALUES (9007199254740992, 'x', 'x')",
        "INSERT INTO services (id, name, name_key) VALUES (1, 'A', 'a'), (2, 'a', 'a')",
        "INSERT INTO order_services (service_id, datetime_ms, order_id, created_at_ms) \
         VALUES (404, 0, 'a', 0)",
        "INSERT INTO policy (id, window_ms, scope) VALUES (2, 1, 'global')",
        "UPDATE policy SET window_ms = 0",
        "UPDATE policy SET window_ms = 31622400001",
        "UPDATE policy SET scope = 'galaxy'",
        "UPDATE policy SET edit_lock_ms = 0",
        "UPDATE counters SET last_service_id = 9007199254740992",
        "UPDATE counters SET last_sequence = -1",
        "INSERT INTO order_slots (scope, start_ms, end_ms, grp, order_id) VALUES (0, 5, 5, 1, 'a')",
        "INSERT INTO order_slots (scope, start_ms, end_ms, grp, order_id) VALUES (-1, 0, 10800000, 1, 'a')",
    ] {
        assert!(sql.run(statement).is_err(), "{statement}");
    }
}

#[apply(both_databases)]
fn a_service_in_use_cannot_be_deleted_past_the_service_either(database: Database) {
    let server = Server::fresh(database);
    server.post("/orders", &order("a", NOON)).assert_status(201);
    let mut sql = server.scratch().sql();
    assert!(sql.run("DELETE FROM services WHERE id = 123").is_err());
    assert!(sql.run("UPDATE services SET id = 5 WHERE id = 123").is_err());
    sql.run("DELETE FROM services WHERE id = 456").unwrap();
    server.get("/services/123").assert_status(200);
}

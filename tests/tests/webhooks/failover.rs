//! Deliveries survive `kill -9`, and processes share them.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::{Duration, Instant};

use orders_tests::{Database, HOUR, Hook, Receiver, Reply, delivering, order};
use rstest_reuse::apply;

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;
const KILLS: i64 = 20;
const PER_ROUND: i64 = 12;
/// What was left by a process that was killed is taken up after a second.
const QUICK: [&str; 4] =
    ["--webhook-retry-delays", "50ms,50ms,50ms,50ms,50ms,50ms", "--webhook-timeout", "400ms"];

/// Each sequence once, in the order in which it first came.
fn first_deliveries(receiver: &Receiver) -> Vec<u64> {
    let mut seen = BTreeSet::new();
    receiver.sequences().into_iter().filter(|sequence| seen.insert(*sequence)).collect()
}

#[apply(both_databases)]
fn every_event_is_delivered_at_least_once_and_first_in_order_whatever_is_killed(
    database: Database,
) {
    let scratch = database.fresh();
    let (mut server, mut admin) = delivering(&scratch, &QUICK);
    // One that is quick, one that is slow, one that fails now and then.
    let receivers = [
        Receiver::start(),
        Receiver::answering(|_, _| {
            sleep(Duration::from_millis(20));
            Reply::Status(200)
        }),
        Receiver::answering(|_, place| Reply::Status(if place % 7 == 3 { 500 } else { 200 })),
    ];
    let hooks = receivers.each_ref().map(|receiver| Hook::make(&admin, receiver));
    let mut interrupted = 0;
    for round in 0..KILLS {
        let post = |numbers: std::ops::Range<i64>| {
            for place in numbers.map(|number| round * PER_ROUND + number) {
                let body = order(&format!("c{place}"), NOON + place * 4 * HOUR);
                admin.post("/orders", &body).assert_status(201);
            }
        };
        let so_far = |receiver: &Receiver| receiver.received().len();
        let before = receivers.each_ref().map(so_far);
        post(0..PER_ROUND / 2);
        // Once deliveries are under way, at another moment each time.
        let began = Instant::now();
        while receivers.iter().map(so_far).zip(before).any(|(now, then)| now <= then) {
            assert!(began.elapsed() < Duration::from_mins(1), "nothing is delivered");
            sleep(Duration::from_millis(1));
        }
        post(PER_ROUND / 2..PER_ROUND);
        sleep(Duration::from_millis(u64::try_from(round * 13 % 50).unwrap()));
        let pending = hooks.each_ref().map(|hook| hook.find(&admin)["state"]["pending"].clone());
        interrupted += usize::from(pending.iter().any(|pending| *pending != 0));
        server.kill9();
        (server, admin) = delivering(&scratch, &QUICK);
    }
    assert!(interrupted >= 15, "only {interrupted} kills interrupted anything");
    for hook in &hooks {
        hook.wait_until_idle(&admin);
    }
    let events = KILLS * PER_ROUND;
    let all: Vec<u64> = (4..4 + u64::try_from(events).unwrap()).collect();
    for (receiver, hook) in receivers.iter().zip(&hooks) {
        assert_eq!(first_deliveries(receiver), all, "each, and first in order");
        let mut ids: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
        for received in receiver.received() {
            assert!(received.is_signed_with(&hook.secret), "{received:?}");
            let id = received.header("webhook-id").to_owned();
            ids.entry(received.sequence()).or_default().insert(id);
        }
        assert!(ids.values().all(|ids| ids.len() == 1), "the same id each time");
        assert_eq!(hook.find(&admin)["state"]["failed"], 0);
    }
    println!(
        "{database:?}: {events} events, received: {:?}",
        receivers.each_ref().map(|one| one.received().len())
    );
    scratch.assert_calm();
}

#[apply(both_databases)]
fn several_processes_share_the_work_and_nothing_is_delivered_twice(database: Database) {
    let scratch = database.fresh();
    let processes: Vec<_> = (0..3).map(|_| delivering(&scratch, &[])).collect();
    let receivers: Vec<Receiver> = (0..8).map(|_| Receiver::start()).collect();
    let hooks: Vec<Hook> =
        receivers.iter().map(|receiver| Hook::make(&processes[0].1, receiver)).collect();
    for number in 0..120 {
        let (_, admin) = &processes[number % 3];
        let place = i64::try_from(number).unwrap();
        let body = order(&format!("c{place}"), NOON + place * 4 * HOUR);
        admin.post("/orders", &body).assert_status(201);
    }
    let all: Vec<u64> = (4..124).collect();
    for (receiver, hook) in receivers.iter().zip(&hooks) {
        hook.wait_until_idle(&processes[0].1);
        assert_eq!(receiver.sequences(), all, "each once, in order");
    }
    scratch.assert_calm();
}

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn what_a_process_held_when_it_was_killed_is_taken_up_by_another() {
    let scratch = Database::Postgres.fresh();
    let (mut first, admin) = delivering(&scratch, &[]);
    let receiver =
        Receiver::answering(
            |_, place| {
                if place == 0 { Reply::Silence } else { Reply::Status(200) }
            },
        );
    let hook = Hook::make(&admin, &receiver);
    for place in 0..3 {
        admin
            .post("/orders", &order(&format!("c{place}"), NOON + place * 4 * HOUR))
            .assert_status(201);
    }
    drop(receiver.wait_for(1));
    let (_second, admin) = delivering(&scratch, &[]);
    first.kill9();
    hook.wait_until_idle(&admin);
    assert_eq!(first_deliveries(&receiver), [4, 5, 6]);
}

#[apply(both_databases)]
fn nothing_is_lost_or_doubled_while_it_cannot_be_written_down_for_a_moment(database: Database) {
    let scratch = database.fresh();
    let (_server, admin) = delivering(&scratch, &[]);
    let receiver = Receiver::answering(|_, _| {
        sleep(Duration::from_millis(30));
        Reply::Status(200)
    });
    let hook = Hook::make(&admin, &receiver);
    for place in 0..40 {
        let body = order(&format!("c{place}"), NOON + place * 4 * HOUR);
        admin.post("/orders", &body).assert_status(201);
        if place == 10 {
            scratch.sql().run("ALTER TABLE deliveries RENAME TO away").unwrap();
        } else if place == 30 {
            sleep(Duration::from_secs(1));
            scratch.sql().run("ALTER TABLE away RENAME TO deliveries").unwrap();
        }
    }
    hook.wait_until_idle(&admin);
    assert_eq!(receiver.sequences(), (4..44).collect::<Vec<_>>());
    assert_eq!(hook.log(&admin).len(), 40);
}

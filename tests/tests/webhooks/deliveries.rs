//! Delivery of events: order, retries, exhaustion, replay, and when it stops.
#![expect(clippy::indexing_slicing, reason = "a test may fail")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread::sleep;
use std::time::Duration;

use orders_tests::{Client, Database, HOUR, Hook, Received, Receiver, Reply, delivering, order};
use rstest_reuse::apply;
use serde_json::json;

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;
/// So that nothing takes long: five attempts.
const SHORT: [&str; 2] = ["--webhook-retry-delays", "200ms,400ms,600ms,800ms"];

fn create(admin: &Client, numbers: std::ops::Range<i64>) {
    for number in numbers {
        let body = order(&number.to_string(), NOON + number * 4 * HOUR);
        admin.post("/orders", &body).assert_status(201);
    }
}

fn gaps(received: &[Received]) -> Vec<Duration> {
    received.windows(2).map(|pair| pair[1].at - pair[0].at).collect()
}

#[apply(both_databases)]
fn events_come_in_order_and_one_that_fails_holds_those_behind_it(database: Database) {
    let scratch = database.fresh();
    let (_server, admin) = delivering(&scratch, &SHORT);
    // The third request fails twice.
    let receiver = Receiver::answering(|_, place| {
        Reply::Status(if matches!(place, 2 | 3) { 500 } else { 200 })
    });
    let hook = Hook::make(&admin, &receiver);
    create(&admin, 0..6);
    let received = receiver.wait_for(8);
    let first = received[0].sequence();
    let expected = [0, 1, 2, 2, 2, 3, 4, 5].map(|place| first + place);
    assert_eq!(receiver.sequences(), expected);
    let ids: Vec<&str> = received[2..5].iter().map(|one| one.header("webhook-id")).collect();
    assert!(ids[0] == ids[1] && ids[1] == ids[2], "the same id over retries: {ids:?}");
    assert_eq!(received[2].body, received[4].body);
    assert!(received.iter().all(|one| one.is_signed_with(&hook.secret)));
    let gaps = gaps(&received);
    assert!(gaps[2] >= Duration::from_millis(180) && gaps[3] >= Duration::from_millis(360));
    hook.wait_until_idle(&admin);
    let log = hook.log(&admin);
    let attempts: Vec<i64> =
        log.iter().rev().map(|row| row["attempts"].as_i64().unwrap()).collect();
    assert_eq!(attempts, [1, 1, 3, 1, 1, 1]);
    assert!(log.iter().all(|row| row["status"] == "succeeded"), "{log:?}");
}

#[apply(both_databases)]
fn what_is_given_up_is_kept_lets_the_next_go_and_can_be_replayed(database: Database) {
    let scratch = database.fresh();
    let (_server, admin) = delivering(&scratch, &SHORT);
    let status = Arc::new(AtomicU16::new(200));
    let answer = Arc::clone(&status);
    let receiver = Receiver::answering(move |received, _| {
        let poison = received.event()["subject"] == "1";
        Reply::Status(if poison { answer.load(Ordering::SeqCst) } else { 204 })
    });
    status.store(503, Ordering::SeqCst);
    let hook = Hook::make(&admin, &receiver);
    create(&admin, 0..2);
    let held = hook.wait_until(&admin, |webhook| webhook["state"]["attempts"] == 2);
    assert_eq!(held["state"]["pending"], 1);
    assert!(held["state"]["next_attempt_at"].is_string(), "{held}");
    create(&admin, 2..3);
    let over = hook.wait_until_idle(&admin);
    assert_eq!((&over["state"]["failed"], &over["state"]["attempts"]), (&json!(1), &json!(0)));
    assert_eq!(over["disabled"], false);
    let failed = admin.all(&format!("{}/deliveries?status=failed", hook.path));
    assert_eq!(failed.len(), 1);
    assert_eq!((&failed[0]["attempts"], &failed[0]["http_status"]), (&json!(5), &json!(503)));
    let first = receiver.received()[0].sequence();
    let expected = [0, 1, 1, 1, 1, 1, 2].map(|place| first + place);
    assert_eq!(receiver.sequences(), expected);
    // Repaired, and replayed from just before it.
    status.store(200, Ordering::SeqCst);
    hook.replay(&admin, first);
    let received = receiver.wait_for(9);
    assert_eq!((received[7].sequence(), received[8].sequence()), (first + 1, first + 2));
    assert_eq!(received[7].header("webhook-id"), received[1].header("webhook-id"));
    // From the beginning, before the webhook was created; unwanted events are skipped.
    hook.wait_until_idle(&admin);
    hook.replay(&admin, 0);
    let all = receiver.wait_for(9 + 6);
    assert_eq!(receiver.sequences()[9..], [1, 2, 3, 4, 5, 6]);
    assert!(all.iter().all(|one| one.is_signed_with(&hook.secret)));
    hook.wait_until_idle(&admin);
    assert_eq!(hook.replay(&admin, 6)["state"]["pending"], 0);
}

#[apply(both_databases)]
fn retry_after_is_waited_for(database: Database) {
    let scratch = database.fresh();
    let (_server, admin) = delivering(&scratch, &SHORT);
    let receiver = Receiver::answering(|_, place| {
        let busy = "HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n".to_owned();
        if place == 0 { Reply::Raw(busy) } else { Reply::Status(200) }
    });
    Hook::make(&admin, &receiver);
    create(&admin, 0..1);
    let gap = gaps(&receiver.wait_for(2))[0];
    assert!(gap >= Duration::from_millis(1_900), "{gap:?}");
}

#[apply(both_databases)]
fn an_endpoint_that_is_gone_is_disabled_and_goes_on_where_it_ended(database: Database) {
    let scratch = database.fresh();
    let (server, admin) = delivering(&scratch, &SHORT);
    let receiver =
        Receiver::answering(|_, place| Reply::Status(if place == 1 { 410 } else { 200 }));
    let hook = Hook::make(&admin, &receiver);
    create(&admin, 0..3);
    let gone = hook.wait_until(&admin, |webhook| webhook["disabled"] == true);
    assert_eq!((&gone["disabled_reason"], &gone["state"]["failed"]), (&json!("gone"), &json!(1)));
    create(&admin, 3..4);
    sleep(Duration::from_millis(700));
    assert_eq!(receiver.received().len(), 2);
    assert!(server.log().contains("the webhook is disabled"));
    hook.patch(&admin, &json!({"disabled": false}));
    let received = receiver.wait_for(5);
    let first = received[0].sequence();
    assert_eq!(receiver.sequences(), [0, 1, 1, 2, 3].map(|place| first + place));
}

#[apply(both_databases)]
fn what_is_disabled_or_deleted_in_the_middle_of_a_delivery_ends_there(database: Database) {
    let scratch = database.fresh();
    let (_server, admin) = delivering(&scratch, &SHORT);
    let slow = || {
        Receiver::answering(|_, _| {
            sleep(Duration::from_millis(500));
            Reply::Status(200)
        })
    };
    let [first, second] = [slow(), slow()];
    let [disabled, deleted] = [&first, &second].map(|receiver| Hook::make(&admin, receiver));
    create(&admin, 0..10);
    drop((first.wait_for(1), second.wait_for(1)));
    disabled.patch(&admin, &json!({"disabled": true}));
    admin.delete(&*deleted.path).assert_status(204);
    sleep(Duration::from_secs(2));
    // What was sent before the change was known, and nothing since.
    let counts = || (first.received().len(), second.received().len());
    let (of_disabled, of_deleted) = counts();
    assert!(of_disabled <= 2 && of_deleted <= 2, "{of_disabled} {of_deleted}");
    let state = disabled.find(&admin);
    assert!(state["state"]["pending"].as_u64().unwrap() >= 8, "{state}");
    disabled.patch(&admin, &json!({"disabled": false}));
    disabled.wait_until_idle(&admin);
    let mut sequences = first.sequences();
    sequences.dedup();
    let from = sequences[0];
    assert_eq!(sequences, (from..from + 10).collect::<Vec<_>>());
    assert_eq!(counts().1, of_deleted);
}

#[apply(both_databases)]
fn a_changed_url_is_delivered_to_at_once(database: Database) {
    let scratch = database.fresh();
    // By the delays of before it would take five minutes.
    let (_server, admin) = delivering(&scratch, &["--webhook-retry-delays", "5m"]);
    let dead = Receiver::answering(|_, _| Reply::Status(500));
    let alive = Receiver::start();
    let hook = Hook::make(&admin, &dead);
    create(&admin, 0..1);
    hook.wait_until(&admin, |webhook| webhook["state"]["attempts"] == 1);
    hook.patch(&admin, &json!({"url": alive.url()}));
    drop(alive.wait_for(1));
    hook.wait_until_idle(&admin);
    let log = hook.log(&admin);
    assert_eq!((log.len(), &log[0]["attempts"]), (1, &json!(2)), "{log:?}");
}

#[apply(both_databases)]
fn a_server_that_ends_finishes_what_it_sends_and_another_goes_on(database: Database) {
    let scratch = database.fresh();
    let (mut server, admin) = delivering(&scratch, &SHORT);
    let entered = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&entered);
    let receiver = Receiver::answering(move |_, place| {
        noted.store(true, Ordering::SeqCst);
        sleep(Duration::from_millis(if place == 0 { 2_500 } else { 0 }));
        Reply::Status(200)
    });
    Hook::make(&admin, &receiver);
    create(&admin, 0..5);
    while !entered.load(Ordering::SeqCst) {
        sleep(Duration::from_millis(10));
    }
    server.terminate();
    assert_eq!(server.wait(), Some(0), "{}", server.log());
    let (_next, _) = delivering(&scratch, &SHORT);
    let received = receiver.wait_for(5);
    let first = received[0].sequence();
    assert_eq!(receiver.sequences(), (first..first + 5).collect::<Vec<_>>(), "none twice");
    // The lease was released, not left to expire.
    assert!(gaps(&received)[0] < Duration::from_secs(12), "{:?}", gaps(&received));
}

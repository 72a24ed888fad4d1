//! A dead, slow or endless endpoint affects no other.

use std::thread::sleep;
use std::time::{Duration, Instant};

use orders_tests::{Database, HOUR, Hook, Receiver, Reply, delivering, order};
use rstest_reuse::apply;
use serde_json::json;

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

#[apply(both_databases)]
fn dead_slow_and_endless_endpoints_hold_up_nobody(database: Database) {
    let scratch = database.fresh();
    let delays = ["--webhook-retry-delays", "100ms,100ms,100ms,100ms,100ms,100ms,100ms,100ms"];
    let (server, admin) = delivering(&scratch, &delays);
    let bad: Vec<Receiver> = (0..15)
        .map(|number| {
            Receiver::answering(move |_, _| match number % 3 {
                0 => Reply::Silence,
                1 => Reply::Drip,
                _ => Reply::Flood,
            })
        })
        .collect();
    let bad_hooks: Vec<Hook> = bad.iter().map(|receiver| Hook::make(&admin, receiver)).collect();
    // Nobody listens there any more.
    let dead = Receiver::start();
    let dead_hook = Hook::make(&admin, &dead);
    drop(dead);
    let good = Receiver::start();
    let good_hook = Hook::make(&admin, &good);
    let before = server.resident_kib();
    let mut slowest = Duration::ZERO;
    for place in 0..60_i64 {
        let began = Instant::now();
        let body = order(&place.to_string(), NOON + place * 4 * HOUR);
        admin.post("/orders", &body).assert_status(201);
        let written = began.elapsed();
        let number = usize::try_from(place).unwrap() + 1;
        drop(good.wait_for(number));
        slowest = slowest.max(began.elapsed());
        assert!(written < Duration::from_secs(2), "a write took {written:?}");
        sleep(Duration::from_millis(100));
    }
    let grown = server.resident_kib().saturating_sub(before);
    println!("{database:?}: slowest delivery {slowest:?}, grown by {grown} KiB");
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
    assert!(grown < 64 * 1024, "{grown} KiB more");
    good_hook.wait_until_idle(&admin);
    let attempts = |hook: &Hook| hook.find(&admin)["state"]["attempts"].as_u64().unwrap();
    assert!(attempts(&dead_hook) > 0);
    // Whoever says yes, and then talks on, has said yes: in order, and without being heard out.
    assert!(bad_hooks[2].log(&admin).iter().any(|row| row["status"] == "succeeded"));
    let silent = bad_hooks[0].log(&admin);
    assert!(silent[0]["error"].as_str().unwrap().contains("no answer within 5s"), "{silent:?}");
    assert!(silent[0]["duration_ms"].as_u64().unwrap() < 6_000, "{silent:?}");
}

#[apply(both_databases)]
fn odd_answers_are_no_answers(database: Database) {
    let scratch = database.fresh();
    let (server, admin) = delivering(&scratch, &[]);
    let head = "HTTP/1.1 200 OK\r\n";
    for bytes in [
        String::new(),
        "\u{0}\u{0}\u{0}".to_owned(),
        "HTTP/1.1 two\r\n\r\n".to_owned(),
        format!("{head}X: {}\r\n\r\n", "x".repeat(1 << 20)),
        format!("{head}{}\r\n", "X: y\r\n".repeat(100_000)),
        format!("{head}Content-Length: -1\r\n\r\n"),
        "HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000),
        "SSH-2.0-OpenSSH_9.2\r\n".to_owned(),
    ] {
        let shown: String = bytes.chars().take(40).collect();
        let receiver = Receiver::answering(move |_, _| Reply::Raw(bytes.clone()));
        let hook = Hook::make(&admin, &receiver);
        let test = admin.request("POST", format!("{}/test", hook.path)).send().assert_status(200);
        assert_eq!(test.json()["delivered"], json!(false), "{shown:?} {test}");
        admin.delete(&*hook.path).assert_status(204);
    }
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

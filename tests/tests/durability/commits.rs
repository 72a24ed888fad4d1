//! The connection to PostgreSQL breaks during a commit: the outcome is determined, each request is done
//! once, and its response is correct.
#![expect(clippy::expect_used, reason = "a test may fail")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{park, scope, spawn};
use std::time::{Duration, Instant};

use orders_tests::{Database, HOUR, Scratch, Server, Setup, order};
use rstest::rstest;
use serde_json::json;

const NOON: i64 = 1_700_000_000_000;
const DAY: i64 = 24 * HOUR;

/// Where the next commit is cut off.
const NOT_AT_ALL: u8 = 0;
const BEFORE_IT_ARRIVES: u8 = 1;
const BEFORE_ITS_ANSWER: u8 = 2;
/// It is dropped silently.
const FOR_EVER: u8 = 3;

/// A TCP proxy to the database that can cut one connection at its commit.
struct Scissors {
    port: u16,
    cut: Arc<AtomicU8>,
}

impl Scissors {
    fn before(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it listens").port();
        let cut = Arc::new(AtomicU8::new(NOT_AT_ALL));
        let armed = Arc::clone(&cut);
        spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(&target) else { continue };
                let clone = |stream: &TcpStream| stream.try_clone().expect("a stream is cloned");
                let (back_from, back_to, armed) = (clone(&far), clone(&near), Arc::clone(&armed));
                spawn(move || ask(near, far, &armed));
                spawn(move || answer(back_from, back_to));
            }
        });
        Self { port, cut }
    }

    fn arm(&self, cut: u8) {
        self.cut.store(cut, Ordering::SeqCst);
    }

    fn has_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst) == NOT_AT_ALL
    }
}

/// Forwards what the service sends, up to the commit to cut.
fn ask(mut near: TcpStream, mut far: TcpStream, armed: &AtomicU8) {
    let mut piece = [0; 8 * 1024];
    while let Ok(length @ 1..) = near.read(&mut piece) {
        let asked = piece.get(..length).unwrap_or_default();
        if commits(asked) {
            match armed.swap(NOT_AT_ALL, Ordering::SeqCst) {
                BEFORE_IT_ARRIVES => break,
                BEFORE_ITS_ANSWER => {
                    // The near end first, so that the response is lost.
                    drop(near.shutdown(Shutdown::Both));
                    drop(far.write_all(asked));
                    return;
                }
                FOR_EVER => loop {
                    park();
                },
                _ => {}
            }
        }
        if far.write_all(asked).is_err() {
            break;
        }
    }
    drop(near.shutdown(Shutdown::Both));
    drop(far.shutdown(Shutdown::Both));
}

/// Whether these bytes commit something: `COMMIT` with the NUL that ends a statement (so `READ
/// COMMITTED` does not count), or a write that is a transaction of its own: the values (`B`) of a
/// statement that records a change.
fn commits(asked: &[u8]) -> bool {
    let tells_of = |kind| asked.windows(7).any(|word| word == kind);
    tells_of(b"COMMIT\0")
        || asked.starts_with(b"B") && [b"created", b"updated", b"deleted"].into_iter().any(tells_of)
}

fn answer(mut from: TcpStream, mut to: TcpStream) {
    let mut piece = [0; 8 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        if to.write_all(piece.get(..length).unwrap_or_default()).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Both));
}

/// A server that reaches PostgreSQL through scissors.
fn cut_off() -> (Scratch, Server, Scissors) {
    let scratch = Database::Postgres.fresh();
    drop(scratch.run(&["seed"]).assert_fine());
    let url = scratch.url();
    let target = url.split(['@', '/']).nth(3).expect("the URL has a host").to_owned();
    let scissors = Scissors::before(target.clone());
    let through = url.replace(&target, &format!("127.0.0.1:{}", scissors.port));
    let server = Server::start_as(&scratch, &Setup { url: Some(&through), ..Setup::default() });
    (scratch, server, scissors)
}

#[rstest]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn a_commit_that_is_cut_off_is_done_once_and_answered_truly(
    #[values(BEFORE_IT_ARRIVES, BEFORE_ITS_ANSWER)] cut: u8,
) {
    let (scratch, server, scissors) = cut_off();
    for round in 0..10 {
        scissors.arm(cut);
        let id = format!("o{round}");
        let at = NOON + round * DAY;
        let created = server.post("/orders", &order(&id, at)).assert_status(201).json();
        assert!(scissors.has_cut(), "the commit was cut off");
        assert_eq!(server.get(format!("/orders/{id}")).json(), created);
        scissors.arm(cut);
        server.put(format!("/orders/{id}"), &order(&id, at + HOUR)).assert_status(200);
        assert!(scissors.has_cut(), "the commit of the move was cut off");
        scissors.arm(cut);
        server.delete(format!("/orders/{id}")).assert_status(204);
        assert!(scissors.has_cut(), "the commit of the deletion was cut off");
        let events = format!("SELECT count(*) AS number FROM events WHERE order_id = '{id}'");
        assert_eq!(scratch.sql().number(&events), 3, "each was done once");
    }
}

#[rstest]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn a_process_that_is_lost_while_it_holds_the_lock_holds_up_the_others_for_seconds_only() {
    let (scratch, server, scissors) = cut_off();
    let other = Server::start(&scratch);
    drop(server.post("/orders", &order("warm", NOON)).assert_status(201));
    scissors.arm(FOR_EVER);
    scope(|threads| {
        let lost = threads.spawn(|| server.another().post("/orders", &order("a", NOON + DAY)));
        while !scissors.has_cut() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let start = Instant::now();
        let mut refused = 0;
        while other.post("/orders", &order("b", NOON + 2 * DAY)).status != 201 {
            refused += 1;
            assert!(start.elapsed() < Duration::from_secs(15), "refused {refused} times");
        }
        assert!(start.elapsed() > Duration::from_secs(1), "the lock was not held");
        let lost = lost.join().expect("it was answered");
        let stored = other.get("/orders/a").status == 200;
        let answer = lost.json();
        match lost.status {
            201 => assert!(stored, "it was acknowledged: {answer}"),
            status => {
                assert_eq!(status, 503, "{answer}");
                let may_be_done = answer.to_string().contains("outcome-unknown");
                assert!(may_be_done || !stored, "it was done after {answer}");
            }
        }
    });
}

#[rstest]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn all_who_share_a_commit_that_is_cut_off_are_answered_truly(
    #[values(BEFORE_IT_ARRIVES, BEFORE_ITS_ANSWER)] cut: u8,
) {
    let (scratch, server, scissors) = cut_off();
    // A first statement is sent with its text, and is not recognized as a commit.
    drop(server.post("/orders", &order("warm", NOON - DAY)).assert_status(201));
    drop(server.put("/orders/warm", &order("warm", NOON - 2 * DAY)).assert_status(200));
    drop(server.delete("/orders/warm").assert_status(204));
    for round in 0..10 {
        scissors.arm(cut);
        scope(|threads| {
            for number in 0..16 {
                let client = server.another();
                threads.spawn(move || {
                    let at = NOON + (round * 16 + number) * DAY;
                    let body = order(&format!("o{round}-{number}"), at);
                    drop(client.post("/orders", &body).assert_status(201));
                });
            }
        });
    }
    let events = "SELECT count(*) AS number FROM events WHERE order_id LIKE 'o%'";
    assert_eq!(scratch.sql().number(events), 160);
    let orders = "SELECT count(*) AS number FROM orders WHERE id LIKE 'o%'";
    assert_eq!(scratch.sql().number(orders), 160);
}

#[rstest]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn a_service_whose_commit_is_cut_off_is_answered_truly(
    #[values(BEFORE_IT_ARRIVES, BEFORE_ITS_ANSWER)] cut: u8,
) {
    let (_scratch, server, scissors) = cut_off();
    scissors.arm(cut);
    let body = json!({"id": 1, "name": "Cleaning"});
    server.post("/services", &body).assert_status(201);
    assert!(scissors.has_cut(), "the commit was cut off");
    assert_eq!(server.get("/services/1").json(), body);
    scissors.arm(cut);
    let body = json!({"id": 1, "name": "Polishing"});
    server.put("/services/1", &body).assert_status(200);
    assert_eq!(server.get("/services/1").json(), body);
    scissors.arm(cut);
    server.delete("/services/1").assert_status(204);
    server.get("/services/1").problem(404, "not-found");
}

#[rstest]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn an_answer_whose_commit_is_cut_off_is_kept_or_given_afresh(
    #[values(BEFORE_IT_ARRIVES, BEFORE_ITS_ANSWER)] cut: u8,
) {
    let (scratch, server, scissors) = cut_off();
    let ask = |method: &str, path: &str, key: &str, body: &serde_json::Value| {
        server.request(method, path).header("Idempotency-Key", key).json(body).send()
    };
    scissors.arm(cut);
    let body = order("a", NOON);
    let first = ask("POST", "/orders", "create", &body).assert_status(201);
    assert!(scissors.has_cut(), "the commit was cut off");
    assert_eq!(ask("POST", "/orders", "create", &body).body, first.body);
    // Changes nothing: only the response is written.
    scissors.arm(cut);
    let first = ask("PUT", "/orders/a", "replace", &body).assert_status(200);
    assert!(scissors.has_cut(), "the commit was cut off");
    let again = ask("PUT", "/orders/a", "replace", &body);
    assert_eq!((&again.body, again.header("idempotency-replayed")), (&first.body, Some("true")));
    let events = "SELECT count(*) AS number FROM events WHERE order_id = 'a'";
    assert_eq!(scratch.sql().number(events), 1);
}

//! Clients that write and read without a pause during a fault, and the outcomes of their requests.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use crate::{Answer, Client, HOUR, assert_spaced, millis_of, order};

/// The longest time to a response, however long the database is unavailable.
const LONGEST_ANSWER: Duration = Duration::from_secs(5);
/// The longest time to recovery after a fault.
const LONGEST_RECOVERY: Duration = Duration::from_secs(5);
/// The tolerance on a busy machine.
const BUSY: Duration = Duration::from_secs(1);
/// How long the clients run before and after the fault.
const AROUND: Duration = Duration::from_millis(700);
const WRITERS: u64 = 4;
const READERS: u64 = 2;
const NOON: i64 = 1_700_000_000_000;

/// The outcomes of the requests.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// The ids of the orders whose creation was acknowledged.
    pub acknowledged: BTreeSet<String>,
    /// Those with an unknown outcome.
    pub unknown: BTreeSet<String>,
    /// Rejected ones: they must not be there.
    pub refused: BTreeSet<String>,
    /// How many reads by id returned the order, and how many were rejected.
    pub reads: (u64, u64),
    /// The longest time to a response.
    pub slowest: Duration,
    /// How long after the end of the fault the last writer was served, and the last reader.
    pub recovery: Duration,
    /// The number of requests without a response.
    pub unanswered: u64,
}

struct Load<'a> {
    clients: &'a [&'a Client],
    outcomes: Mutex<Outcomes>,
    ended: AtomicBool,
    over: Mutex<Option<Instant>>,
    recovered: AtomicU64,
}

/// Runs clients that write and read while `fault` runs. An order with the id `first` must exist. The
/// fault is over when `fault` returns.
///
/// # Panics
/// If a response is not allowed during a fault or takes too long, or if the clients are not served
/// again in time.
#[must_use]
pub fn under_load(clients: &[&Client], fault: impl FnOnce()) -> Outcomes {
    let load = Load {
        clients,
        outcomes: Mutex::default(),
        ended: AtomicBool::new(false),
        over: Mutex::new(None),
        recovered: AtomicU64::new(0),
    };
    scope(|threads| {
        for number in 0..WRITERS {
            let load = &load;
            threads.spawn(move || load.write(number));
        }
        for number in 0..READERS {
            let load = &load;
            threads.spawn(move || load.read(number));
        }
        sleep(AROUND);
        fault();
        let over = Instant::now();
        *load.over.lock().unwrap_or_else(PoisonError::into_inner) = Some(over);
        while load.recovered.load(Ordering::SeqCst) < WRITERS + READERS {
            if over.elapsed() > 4 * (LONGEST_RECOVERY + BUSY) {
                break;
            }
            sleep(Duration::from_millis(5));
        }
        sleep(AROUND);
        load.ended.store(true, Ordering::SeqCst);
    });
    let recovered = load.recovered.into_inner();
    let outcomes = load.outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    let told = format!(
        "{} acknowledged, {} refused, {} unknown, reads {:?}, slowest {:?}, recovery {:?}",
        outcomes.acknowledged.len(),
        outcomes.refused.len(),
        outcomes.unknown.len(),
        outcomes.reads,
        outcomes.slowest,
        outcomes.recovery
    );
    eprintln!("{told}");
    assert_eq!(recovered, WRITERS + READERS, "not all are served again: {told}");
    assert!(outcomes.slowest < LONGEST_ANSWER + BUSY, "{told}");
    assert!(outcomes.recovery < LONGEST_RECOVERY + BUSY, "{told}");
    outcomes
}

impl Load<'_> {
    fn write(&self, number: u64) {
        let client = self.client(number);
        let mut is_well = false;
        for round in 0.. {
            if self.ended.load(Ordering::SeqCst) {
                return;
            }
            let id = format!("w{number}-{round}");
            let place = i64::try_from(number * 20_000 + round).unwrap();
            let body = order(&id, NOON + (1 + place) * 4 * HOUR);
            let request = client.request("POST", "/orders").json(&body);
            let Some(answer) = self.timed(|| request.try_send()) else { continue };
            let mut outcomes = self.outcomes();
            match answer.status {
                201 => drop(outcomes.acknowledged.insert(id)),
                _ if answer.text().contains("outcome-unknown") => {
                    outcomes.unknown.insert(id);
                }
                _ => {
                    assert_refused(&answer);
                    outcomes.refused.insert(id);
                }
            }
            drop(outcomes);
            self.note(answer.status == 201, &mut is_well);
        }
    }

    fn read(&self, number: u64) {
        let client = self.client(number);
        let mut is_well = false;
        while !self.ended.load(Ordering::SeqCst) {
            let request = client.request("GET", "/orders/first");
            let Some(answer) = self.timed(|| request.try_send()) else { continue };
            if answer.status == 200 {
                self.outcomes().reads.0 += 1;
            } else {
                assert_refused(&answer);
                self.outcomes().reads.1 += 1;
            }
            self.note(answer.status == 200, &mut is_well);
            // Leaves time for other processes.
            sleep(Duration::from_millis(2));
        }
    }

    fn client(&self, number: u64) -> Client {
        let position = usize::try_from(number).unwrap() % self.clients.len();
        self.clients[position].another()
    }

    fn timed<E>(&self, send: impl FnOnce() -> Result<Answer, E>) -> Option<Answer> {
        let start = Instant::now();
        let answer = send().ok();
        let mut outcomes = self.outcomes();
        outcomes.slowest = outcomes.slowest.max(start.elapsed());
        outcomes.unanswered += u64::from(answer.is_none());
        answer
    }

    /// Records the first success after the fault.
    fn note(&self, is_fine: bool, is_well: &mut bool) {
        let over = *self.over.lock().unwrap_or_else(PoisonError::into_inner);
        if let (true, false, Some(over)) = (is_fine, *is_well, over) {
            *is_well = true;
            let mut outcomes = self.outcomes();
            outcomes.recovery = outcomes.recovery.max(over.elapsed());
            self.recovered.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn outcomes(&self) -> std::sync::MutexGuard<'_, Outcomes> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks that this is a 503 without effect that says when to retry.
#[track_caller]
fn assert_refused(answer: &Answer) {
    let problem = answer.json();
    let code = problem["type"].as_str().and_then(|kind| kind.strip_prefix("/problems/"));
    assert!(matches!(code, Some("database-unavailable" | "overloaded")), "{answer}");
    drop(answer.problem(503, code.unwrap_or_default()));
    let seconds: Option<u32> = answer.header("Retry-After").and_then(|text| text.parse().ok());
    assert!(seconds.is_some(), "{answer}");
}

impl Outcomes {
    /// Checks that acknowledged orders exist and rejected ones do not, that every request got a
    /// response, and that the rule holds.
    ///
    /// # Panics
    /// If it is not so.
    pub fn assert_kept(&self, client: &Client) {
        let stored = client.all("/orders");
        let times: Vec<i64> =
            stored.iter().map(|order| millis_of(order["datetime"].as_str().unwrap())).collect();
        let stored: BTreeSet<&str> =
            stored.iter().filter_map(|order| order["id"].as_str()).collect();
        let has = |id: &&String| stored.contains(id.as_str());
        let lost: Vec<_> = self.acknowledged.iter().filter(|id| !has(id)).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        let late: Vec<_> = self.refused.iter().filter(has).collect();
        assert!(late.is_empty(), "refused and done: {late:?}");
        assert!(!self.acknowledged.is_empty());
        assert_eq!(self.unanswered, 0);
        let known = self.acknowledged.len() + self.unknown.iter().filter(has).count() + 1;
        assert_eq!(times.len(), known, "nothing else is there");
        assert_spaced(times, 3 * HOUR);
    }
}

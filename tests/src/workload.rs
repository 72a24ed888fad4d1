//! Clients that write and read at random while processes are killed and connections cut, and the
//! check of all that they saw. A seed determines the random choices, but not how threads interleave.

mod deployment;
mod faults;
mod seen;
mod tally;
mod wire;
mod worker;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use crate::history::{Checker, Model, Operation, Scope, Violation};
use crate::{Database, HOUR, Random};
use deployment::Deployment;
use seen::Seen;
pub use tally::Tally;
use worker::Worker;

/// A randomized workload.
#[derive(Debug, Clone, Copy)]
pub struct RandomWorkload {
    /// The database.
    pub database: Database,
    /// The number of processes.
    pub processes: usize,
    /// The seed.
    pub seed: u64,
    /// The number of clients.
    pub clients: usize,
    /// The longest pause of a client between two operations.
    pub rest: Duration,
    /// The longest duration of a fault, and of the pause after it.
    pub fault: (Duration, Duration),
}

/// A round of a workload. After it the load stops and everything is checked.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// The scope of the policy.
    pub scope: Scope,
    /// Its duration.
    pub length: Duration,
    /// The least number of operations; the round lasts longer if needed.
    pub operations: u64,
}

/// What the clients of a round share.
struct Shared {
    began: Instant,
    is_over: AtomicBool,
    /// The number of the next operation; also a fee that no other operation has.
    next: AtomicU64,
    /// How many operations have ended.
    ended: AtomicU64,
    seen: Mutex<Seen>,
}

impl RandomWorkload {
    /// Runs the rounds, and reports the tally after each. Ends at the first one with a
    /// violation.
    ///
    /// # Panics
    /// If a process cannot be started, or does not get well after a fault.
    #[must_use]
    pub fn run(&self, rounds: &[Round], mut told: impl FnMut(&Tally)) -> Tally {
        let mut deployment = Deployment::made(self);
        let mut tally = Tally::default();
        let shared = Shared {
            began: Instant::now(),
            is_over: AtomicBool::new(false),
            next: AtomicU64::new(1_000),
            ended: AtomicU64::new(0),
            seen: Mutex::default(),
        };
        let group = Deployment::sample_group();
        let stored = deployment.orders();
        let groups = stored.into_iter().enumerate().map(|(place, order)| {
            let own = 1_000_000_000 + u64::try_from(place).unwrap();
            let group = if group.contains(&order.id) { 0 } else { own };
            (order, group)
        });
        let last = deployment.events(0).last().map_or(0, |event| event.sequence);
        let mut scope = Scope::Global;
        let mut checker = Checker::new(Model::new(3 * HOUR, scope, last, groups));
        for (number, round) in (0..).zip(rounds) {
            if round.scope != scope {
                scope = round.scope;
                deployment.set_scope(scope);
                checker.set_scope(scope);
            }
            let operations = self.round(&mut deployment, round, number, &shared, &mut tally);
            let (events, stored) = deployment.at_rest(checker.sequence());
            tally.count(&operations, &events);
            let mut violations = checker.round(operations, &events, &stored);
            // What clients saw comes first; the logs only explain it.
            violations.append(&mut tally.violations);
            violations.extend(deployment.complaints());
            tally.violations = violations;
            tally.rounds += 1;
            told(&tally);
            if !tally.violations.is_empty() {
                break;
            }
        }
        tally
    }

    /// The seed of this workload, which differs for each database and number of processes.
    fn start(&self) -> u64 {
        let of_database = match self.database {
            Database::Sqlite => 0,
            Database::Postgres => 1 << 63,
        };
        self.seed ^ of_database ^ (u64::try_from(self.processes).unwrap() << 48)
    }

    /// Runs the clients and the faults. Returns all operations, in no order.
    fn round(
        &self,
        deployment: &mut Deployment,
        round: &Round,
        number: u64,
        shared: &Shared,
        tally: &mut Tally,
    ) -> Vec<Operation> {
        shared.is_over.store(false, Ordering::SeqCst);
        let (first, start) = (shared.ended.load(Ordering::SeqCst), Instant::now());
        let fronts: Vec<String> = deployment.fronts();
        let mut operations = scope(|threads| {
            let work = |client| {
                let random = Random::new(self.start(), number, client);
                let worker = Worker::new(client, &fronts, random, shared, self.rest, round.scope);
                threads.spawn(move || worker.work())
            };
            let running: Vec<_> = (0..self.clients).map(work).collect();
            let faults = threads.spawn(|| {
                let mut random = Random::new(self.start(), number, usize::MAX);
                faults::happen(deployment, &mut random, self.fault, shared, tally);
            });
            let done = || shared.ended.load(Ordering::SeqCst) - first;
            while start.elapsed() < round.length || done() < round.operations {
                if running.iter().any(std::thread::ScopedJoinHandle::is_finished)
                    || faults.is_finished()
                {
                    // One has failed: its panic is passed on.
                    break;
                }
                sleep(Duration::from_millis(10));
            }
            shared.is_over.store(true, Ordering::SeqCst);
            faults.join().unwrap();
            let all = running.into_iter().flat_map(|worker| worker.join().unwrap());
            all.collect::<Vec<_>>()
        });
        operations.extend(deployment.fence(shared, self.clients));
        operations
    }
}

impl Shared {
    /// Nanoseconds since the beginning.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst)
    }
}

impl Tally {
    /// Checks that nothing was found that no single order of the operations explains.
    ///
    /// # Panics
    /// If something was.
    pub fn assert_explained(&self, workload: &RandomWorkload) {
        let told: Vec<String> = self.violations.iter().map(Violation::to_string).collect();
        let told = told.join("\n");
        assert!(told.is_empty(), "ORDERS_TESTS_SEED={} repeats this:\n{told}", workload.seed);
    }
}

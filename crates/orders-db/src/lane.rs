//! Lanes: bounded queues, each emptied by a thread of its own that takes all that waits at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::StoreError;

/// What a caller is answered with. Called once, from a lane's thread.
pub type Reply<T> = Box<dyn FnOnce(Result<T, StoreError>) + Send>;

/// How much of a lane's room a job takes.
pub(crate) trait Weigh {
    fn weight(&self) -> usize;
}

/// A bounded queue of jobs.
pub(crate) struct Lane<J> {
    waiting: Mutex<Waiting<J>>,
    arrived: Condvar,
    room: usize,
}

struct Waiting<J> {
    jobs: VecDeque<J>,
    weight: usize,
    closed: bool,
}

impl<J: Weigh> Lane<J> {
    pub(crate) fn new(room: usize) -> Self {
        let waiting = Waiting { jobs: VecDeque::new(), weight: 0, closed: false };
        Self { waiting: Mutex::new(waiting), arrived: Condvar::new(), room }
    }

    /// Queues a job, or gives it back when the lane is full. An empty lane takes any job.
    pub(crate) fn push(&self, job: J) -> Result<(), J> {
        let mut waiting = self.lock();
        let full = waiting.weight > 0 && waiting.weight + job.weight() > self.room;
        if full || waiting.closed {
            return Err(job);
        }
        waiting.weight += job.weight();
        waiting.jobs.push_back(job);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for jobs and takes what is there, up to a weight (one job at least); `None` once the
    /// lane is closed and empty.
    pub(crate) fn take(&self, most: usize) -> Option<Vec<J>> {
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let mut taken = Vec::new();
        let mut weight = 0;
        while let Some(next) = waiting.jobs.front() {
            if !taken.is_empty() && weight + next.weight() > most {
                break;
            }
            weight += next.weight();
            taken.extend(waiting.jobs.pop_front());
        }
        waiting.weight -= weight;
        Some(taken)
    }

    /// Takes no more jobs; those that wait are still done.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<J>> {
        // Nothing in here panics while it holds the lock, so a poisoned one is whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const WAITING: u8 = 0;
const COMMITTING: u8 = 1;
const GIVEN_UP: u8 = 2;

/// The fate of a command that was queued: what its caller was told failed is never done later.
#[derive(Debug, Clone)]
pub struct Ticket {
    state: Arc<AtomicU8>,
    deadline: Instant,
}

impl Ticket {
    pub(crate) fn new(deadline: Instant) -> Self {
        Self { state: Arc::new(AtomicU8::new(WAITING)), deadline }
    }

    /// Gives the command up. `true`: it will not be done. `false`: its commit is under way.
    #[must_use]
    pub fn give_up(&self) -> bool {
        self.state
            .compare_exchange(WAITING, GIVEN_UP, Ordering::SeqCst, Ordering::SeqCst)
            .map_or_else(|state| state == GIVEN_UP, |_| true)
    }

    /// Whether there is still somebody who waits for the command.
    pub(crate) fn is_wanted(&self) -> bool {
        self.state.load(Ordering::SeqCst) != GIVEN_UP && Instant::now() < self.deadline
    }

    /// Says that the commit is about to be sent. `false`: it must not be.
    pub(crate) fn begin_commit(&self) -> bool {
        self.is_wanted()
            && self
                .state
                .compare_exchange(WAITING, COMMITTING, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
    }

    /// Says that the commit was not sent after all.
    pub(crate) fn take_back_commit(&self) {
        // Only the writer leaves COMMITTING, and only this way.
        self.state.store(WAITING, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    impl Weigh for usize {
        fn weight(&self) -> usize {
            *self
        }
    }

    #[test]
    fn a_full_lane_gives_the_job_back_and_an_empty_one_takes_any() {
        let lane = Lane::new(10);
        assert_eq!(lane.push(25), Ok(()));
        assert_eq!(lane.push(1), Err(1));
        assert_eq!(lane.take(5), Some(vec![25]));
        assert_eq!((lane.push(6), lane.push(4), lane.push(1)), (Ok(()), Ok(()), Err(1)));
    }

    #[test]
    fn all_that_waits_is_taken_up_to_the_weight_and_in_order() {
        let lane = Lane::new(100);
        for job in [2, 3, 4, 50] {
            lane.push(job).unwrap();
        }
        assert_eq!(lane.take(8), Some(vec![2, 3]));
        assert_eq!(lane.take(8), Some(vec![4]));
        lane.close();
        assert_eq!(lane.push(1), Err(1));
        assert_eq!(lane.take(8), Some(vec![50]));
        assert_eq!(lane.take(8), None);
    }

    #[test]
    fn what_was_given_up_is_never_committed_and_what_is_committing_is_not_given_up() {
        let ticket = Ticket::new(Instant::now() + Duration::from_mins(1));
        assert!(ticket.give_up() && ticket.give_up());
        assert!(!ticket.begin_commit());
        let ticket = Ticket::new(Instant::now() + Duration::from_mins(1));
        assert!(ticket.begin_commit());
        assert!(!ticket.give_up());
        ticket.take_back_commit();
        assert!(ticket.give_up());
        let late = Ticket::new(Instant::now());
        assert!(!late.begin_commit(), "its deadline has passed");
    }
}

//! Tickets: the fate of what was queued.
//!
//! Invariant: what a caller was told failed is never done later.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

const WAITING: u8 = 0;
const COMMITTING: u8 = 1;
const GIVEN_UP: u8 = 2;

/// The fate of a command that was queued: what its caller was told failed is never done later.
#[derive(Debug, Clone)]
pub struct Ticket {
    shared: Arc<Shared>,
    deadline: Instant,
}

#[derive(Debug)]
struct Shared {
    state: AtomicU8,
    /// `None` where nobody wants to know.
    steps: Option<OnceLock<Steps>>,
}

/// When the writer was how far with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// It was taken from the queue, and the lock of the database was asked for.
    pub taken: Instant,
    /// The lock was had.
    pub locked: Instant,
    /// All that was needed was loaded, and it was decided.
    pub judged: Instant,
    /// All was written and committed; the same as `judged` where there was nothing to write.
    pub committed: Instant,
    /// How many operations were done by the same transaction.
    pub batch: usize,
}

impl Ticket {
    /// `is_followed`: whether somebody wants to know [`Self::steps`].
    pub(crate) fn new(deadline: Instant, is_followed: bool) -> Self {
        let steps = is_followed.then(OnceLock::new);
        Self { shared: Arc::new(Shared { state: AtomicU8::new(WAITING), steps }), deadline }
    }

    /// When the writer was how far; `None` unless the command was done, and the store was opened
    /// with [`follow_writes`](crate::StoreOptions::follow_writes).
    #[must_use]
    pub fn steps(&self) -> Option<&Steps> {
        self.shared.steps.as_ref()?.get()
    }

    /// Notes how it was done.
    pub(crate) fn record(&self, steps: Steps) {
        if let Some(noted) = &self.shared.steps {
            // Done once, so noted once.
            noted.get_or_init(|| steps);
        }
    }

    /// Gives the command up. `true`: it will not be done. `false`: its commit is under way.
    #[must_use]
    pub fn give_up(&self) -> bool {
        self.shared
            .state
            .compare_exchange(WAITING, GIVEN_UP, Ordering::SeqCst, Ordering::SeqCst)
            .map_or_else(|state| state == GIVEN_UP, |_| true)
    }

    /// Whether there is still somebody who waits for the command.
    pub(crate) fn is_wanted(&self) -> bool {
        self.shared.state.load(Ordering::SeqCst) != GIVEN_UP && Instant::now() < self.deadline
    }

    /// Says that the commit is about to be sent. `false`: it must not be.
    pub(crate) fn begin_commit(&self) -> bool {
        self.is_wanted()
            && self
                .shared
                .state
                .compare_exchange(WAITING, COMMITTING, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
    }

    /// Says that the commit was not sent after all.
    pub(crate) fn take_back_commit(&self) {
        // Only the writer leaves COMMITTING, and only this way.
        self.shared.state.store(WAITING, Ordering::SeqCst);
    }
}

/// Commits to all of them, or to none.
pub(crate) fn begin_commit(tickets: &[&Ticket]) -> bool {
    for (position, ticket) in tickets.iter().enumerate() {
        if !ticket.begin_commit() {
            take_back_commit(tickets.get(..position).unwrap_or_default());
            return false;
        }
    }
    true
}

/// Says that their commit was not sent after all.
pub(crate) fn take_back_commit(tickets: &[&Ticket]) {
    for ticket in tickets {
        ticket.take_back_commit();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_given_up_is_never_committed_and_what_is_committing_is_not_given_up() {
        let ticket = Ticket::new(Instant::now() + Duration::from_mins(1), false);
        assert!(ticket.give_up() && ticket.give_up());
        assert!(!ticket.begin_commit());
        let ticket = Ticket::new(Instant::now() + Duration::from_mins(1), false);
        assert!(ticket.begin_commit());
        assert!(!ticket.give_up());
        ticket.take_back_commit();
        assert!(ticket.give_up());
        let late = Ticket::new(Instant::now(), false);
        assert!(!late.begin_commit(), "its deadline has passed");
    }
}

//! Tickets: whether a queued command is cancelled or committed.
//!
//! Invariant: a command that was reported as failed is never executed later.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

const WAITING: u8 = 0;
const COMMITTING: u8 = 1;
const CANCELLED: u8 = 2;

/// The state of a queued command. A command that was reported as failed is never executed later.
#[derive(Debug, Clone)]
pub struct Ticket {
    shared: Arc<Shared>,
    deadline: Instant,
}

#[derive(Debug)]
struct Shared {
    state: AtomicU8,
    /// `None` if the store does not follow writes.
    steps: Option<OnceLock<Steps>>,
}

/// When a command reached each step of the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// The writer took it from the queue and requested the database's lock.
    pub taken: Instant,
    /// The writer had the lock.
    pub locked: Instant,
    /// The snapshot was loaded, and the command decided.
    pub decided: Instant,
    /// The changes were committed; equals `decided` if there was nothing to write.
    pub committed: Instant,
    /// How many operations shared the transaction.
    pub batch: usize,
}

impl Ticket {
    /// Creates a ticket. `is_followed`: whether [`Self::steps`] are recorded.
    pub(crate) fn new(deadline: Instant, is_followed: bool) -> Self {
        let steps = is_followed.then(OnceLock::new);
        Self { shared: Arc::new(Shared { state: AtomicU8::new(WAITING), steps }), deadline }
    }

    /// Returns the times of the steps; `None` unless the command is done and the store was opened with
    /// [`follow_writes`](crate::StoreOptions::follow_writes).
    #[must_use]
    pub fn steps(&self) -> Option<&Steps> {
        self.shared.steps.as_ref()?.get()
    }

    /// Records the times of the steps.
    pub(crate) fn record(&self, steps: Steps) {
        if let Some(recorded) = &self.shared.steps {
            // A command is done once, so this is set once.
            recorded.get_or_init(|| steps);
        }
    }

    /// Cancels the command. Returns `false` if its commit is under way.
    #[must_use]
    pub fn cancel(&self) -> bool {
        self.shared
            .state
            .compare_exchange(WAITING, CANCELLED, Ordering::SeqCst, Ordering::SeqCst)
            .map_or_else(|state| state == CANCELLED, |_| true)
    }

    /// Returns `true` while the caller waits for the command.
    pub(crate) fn is_wanted(&self) -> bool {
        self.shared.state.load(Ordering::SeqCst) != CANCELLED && Instant::now() < self.deadline
    }

    /// Marks that the commit is about to be sent. Returns `false` if it must not be.
    pub(crate) fn begin_commit(&self) -> bool {
        self.is_wanted()
            && self
                .shared
                .state
                .compare_exchange(WAITING, COMMITTING, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
    }

    /// Marks that the commit did not take place.
    pub(crate) fn revert_commit(&self) {
        // Only the writer leaves COMMITTING, and only here.
        self.shared.state.store(WAITING, Ordering::SeqCst);
    }
}

/// Marks the commit on all tickets, or on none.
pub(crate) fn begin_commit(tickets: &[&Ticket]) -> bool {
    for (position, ticket) in tickets.iter().enumerate() {
        if !ticket.begin_commit() {
            revert_commit(tickets.get(..position).unwrap_or_default());
            return false;
        }
    }
    true
}

/// Marks on all tickets that the commit did not take place.
pub(crate) fn revert_commit(tickets: &[&Ticket]) {
    for ticket in tickets {
        ticket.revert_commit();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_cancelled_command_is_never_committed_and_a_committing_one_is_not_cancelled() {
        let ticket = Ticket::new(Instant::now() + Duration::from_mins(1), false);
        assert!(ticket.cancel() && ticket.cancel());
        assert!(!ticket.begin_commit());
        let ticket = Ticket::new(Instant::now() + Duration::from_mins(1), false);
        assert!(ticket.begin_commit());
        assert!(!ticket.cancel());
        ticket.revert_commit();
        assert!(ticket.cancel());
        let late = Ticket::new(Instant::now(), false);
        assert!(!late.begin_commit(), "its deadline has passed");
    }
}

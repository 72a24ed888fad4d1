//! Notifies subscribers of new events: at once after a commit of this process, and by polling the
//! database for what other processes wrote.
//!
//! Polling costs writers nothing: `NOTIFY` would take a server-wide lock at each commit, and SQLite
//! has no such thing. A poll reads one row by its key, and only while there are subscribers.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use orders_core::Event;

use crate::StoreError;
use crate::database::connection::{AnyConnection, Manager};
use crate::database::schema::counters;

/// The polling interval while there are subscribers. Events of other processes must be known within
/// 100 ms.
const INTERVAL: Duration = Duration::from_millis(40);
/// The polling interval while the database is unavailable.
const OUTAGE_INTERVAL: Duration = Duration::from_millis(250);

/// Called with the highest committed sequence.
type Callback = Box<dyn FnMut(u64) + Send>;

/// The highest sequence known to be committed, and its subscribers.
#[derive(Default)]
pub(crate) struct SequenceWatch {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// `None` until the first poll or the first write.
    sequence: Option<u64>,
    subscribers: BTreeMap<u64, Arc<Mutex<Subscriber>>>,
    last_number: u64,
    /// Whether a subscriber may not have been called with `sequence` yet.
    is_pending: bool,
    closed: bool,
}

struct Subscriber {
    callback: Callback,
    /// The last argument of the callback.
    last: Option<u64>,
}

/// A subscription to new events. Dropping it ends it.
#[must_use = "dropping a subscription ends it"]
pub struct Subscription {
    watch: Arc<SequenceWatch>,
    number: u64,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.watch.lock().subscribers.remove(&self.number);
    }
}

impl SequenceWatch {
    /// Publishes events that were committed.
    pub(crate) fn publish(&self, events: &[Event]) {
        if let Some(last) = events.last() {
            self.record(last.sequence);
        }
    }

    fn record(&self, sequence: u64) {
        let mut state = self.lock();
        if state.sequence.is_none_or(|known| sequence > known) {
            state.sequence = Some(sequence);
            state.is_pending = true;
            if !state.subscribers.is_empty() {
                self.changed.notify_one();
            }
        }
    }

    pub(crate) fn subscribe(self: &Arc<Self>, callback: Callback) -> Subscription {
        let mut state = self.lock();
        state.last_number += 1;
        let number = state.last_number;
        state.subscribers.insert(number, Arc::new(Mutex::new(Subscriber { callback, last: None })));
        state.is_pending = true;
        drop(state);
        self.changed.notify_one();
        Subscription { watch: Arc::clone(self), number }
    }

    /// Ends the watch.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Calls all subscribers that were not called with the current sequence yet.
    fn broadcast(&self) {
        let mut state = self.lock();
        state.is_pending = false;
        let sequence = state.sequence;
        let subscribers: Vec<_> = state.subscribers.values().cloned().collect();
        // A callback may subscribe or unsubscribe.
        drop(state);
        for subscriber in subscribers {
            let mut subscriber = subscriber.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(sequence) = sequence.filter(|known| subscriber.last != Some(*known)) {
                subscriber.last = Some(sequence);
                (subscriber.callback)(sequence);
            }
        }
    }

    /// Waits for the next poll or for something to broadcast. `None` once the watch is closed.
    fn wait(&self, next_poll: Instant) -> Option<()> {
        let mut state = self.lock();
        while !state.closed {
            if state.subscribers.is_empty() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let left = next_poll.saturating_duration_since(Instant::now());
            if state.is_pending || left.is_zero() {
                return Some(());
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing here panics while it holds the lock, so the state of a poisoned one is intact.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Polls and broadcasts until the store is closed.
pub(crate) fn watch(watch: &SequenceWatch, manager: &Manager) {
    let mut connection = None;
    let mut next_poll = Instant::now();
    while watch.wait(next_poll).is_some() {
        if Instant::now() >= next_poll {
            let pause = match poll(manager, &mut connection) {
                Ok(sequence) => {
                    watch.record(sequence);
                    INTERVAL
                }
                Err(error) => {
                    log::debug!("cannot poll for new events: {error}");
                    OUTAGE_INTERVAL
                }
            };
            next_poll = Instant::now() + pause;
        }
        watch.broadcast();
    }
}

fn poll(manager: &Manager, connection: &mut Option<AnyConnection>) -> Result<u64, StoreError> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => manager.open()?,
    };
    let sequence = find_last(&mut open)?;
    *connection = Some(open);
    Ok(sequence)
}

/// Finds the sequence of the last committed event.
pub(crate) fn find_last(connection: &mut AnyConnection) -> Result<u64, StoreError> {
    let sequence: i64 = counters::table
        .select(counters::last_sequence)
        .first(connection)
        .map_err(|error| StoreError::from_read(&error))?;
    u64::try_from(sequence).map_err(|_negative| StoreError::Corrupt("last_sequence".to_owned()))
}

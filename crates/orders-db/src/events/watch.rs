//! How those who follow the events learn that there are new ones: woken by this process's own
//! writer after its commit, and by a look at the database for what other processes wrote.
//!
//! A look, because it asks nothing of those who write: `NOTIFY` would take a lock of the whole
//! server at each commit, and SQLite has nothing of the kind. It is one row by its key, and only
//! while somebody listens.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use orders_core::Event;

use crate::StoreError;
use crate::connection::{AnyConnection, Manager};
use crate::schema::counters;

/// How often the database is looked at while somebody listens: others' events are to be known
/// within 100 ms.
const PAUSE: Duration = Duration::from_millis(40);
/// How often while it does not answer.
const PAUSE_OF_OUTAGE: Duration = Duration::from_millis(250);

/// What is called with the highest sequence that is committed.
type Heard = Box<dyn FnMut(u64) + Send>;

/// The highest sequence that is known to be committed, and who wants to know.
#[derive(Default)]
pub(crate) struct Latest {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// `None` until there was a first look, or a first write.
    sequence: Option<u64>,
    listeners: BTreeMap<u64, Arc<Mutex<Ear>>>,
    last_number: u64,
    /// Whether somebody may not have heard of `sequence` yet.
    news: bool,
    closed: bool,
}

/// Somebody who listens.
struct Ear {
    heard: Heard,
    /// What it was called with last.
    last: Option<u64>,
}

/// Whoever holds it is told of new events. Dropping it ends that.
#[must_use = "dropped, it hears nothing"]
pub struct Listener {
    latest: Arc<Latest>,
    number: u64,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.latest.lock().listeners.remove(&self.number);
    }
}

impl Latest {
    /// Says that these events were committed.
    pub(crate) fn tell(&self, events: &[Event]) {
        if let Some(last) = events.last() {
            self.note(last.sequence);
        }
    }

    fn note(&self, sequence: u64) {
        let mut state = self.lock();
        if state.sequence.is_none_or(|known| sequence > known) {
            state.sequence = Some(sequence);
            state.news = true;
            if !state.listeners.is_empty() {
                self.changed.notify_one();
            }
        }
    }

    pub(crate) fn listen(self: &Arc<Self>, heard: Heard) -> Listener {
        let mut state = self.lock();
        state.last_number += 1;
        let number = state.last_number;
        state.listeners.insert(number, Arc::new(Mutex::new(Ear { heard, last: None })));
        state.news = true;
        drop(state);
        self.changed.notify_one();
        Listener { latest: Arc::clone(self), number }
    }

    /// Ends the watch.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Tells all who have not heard of it yet.
    fn spread(&self) {
        let mut state = self.lock();
        state.news = false;
        let (sequence, ears) = (state.sequence, state.listeners.values().cloned());
        let ears: Vec<_> = ears.collect();
        // Whoever is called may begin or end to listen.
        drop(state);
        for ear in ears {
            let mut ear = ear.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(sequence) = sequence.filter(|known| ear.last != Some(*known)) {
                ear.last = Some(sequence);
                (ear.heard)(sequence);
            }
        }
    }

    /// Waits until it is time for a look, or there is news. `None`: it is over.
    fn wait(&self, next_look: Instant) -> Option<()> {
        let mut state = self.lock();
        while !state.closed {
            if state.listeners.is_empty() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let left = next_look.saturating_duration_since(Instant::now());
            if state.news || left.is_zero() {
                return Some(());
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics while it holds the lock, so a poisoned one is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks and tells until the store is closed.
pub(crate) fn watch(latest: &Latest, manager: &Manager) {
    let mut connection = None;
    let mut next_look = Instant::now();
    while latest.wait(next_look).is_some() {
        if Instant::now() >= next_look {
            let pause = match look(manager, &mut connection) {
                Ok(sequence) => {
                    latest.note(sequence);
                    PAUSE
                }
                Err(error) => {
                    log::debug!("new events could not be looked for: {error}");
                    PAUSE_OF_OUTAGE
                }
            };
            next_look = Instant::now() + pause;
        }
        latest.spread();
    }
}

fn look(manager: &Manager, connection: &mut Option<AnyConnection>) -> Result<u64, StoreError> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => manager.open()?,
    };
    let sequence = find_last(&mut open)?;
    *connection = Some(open);
    Ok(sequence)
}

/// The sequence of the last event that is committed.
pub(crate) fn find_last(connection: &mut AnyConnection) -> Result<u64, StoreError> {
    let sequence: i64 = counters::table
        .select(counters::last_sequence)
        .first(connection)
        .map_err(|error| StoreError::of_read(&error))?;
    u64::try_from(sequence).map_err(|_negative| StoreError::Corrupt("last_sequence".to_owned()))
}

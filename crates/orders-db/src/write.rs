//! The write lane: takes all commands that wait, takes the lock, loads one snapshot, lets
//! `orders_core` decide, applies the changes, commits once, and answers all.
//!
//! Invariant: no answer before its commit, and nothing is done after its caller was told that it failed.

mod batch;
pub(crate) mod change;
pub(crate) mod idempotency;
mod link;
mod orders;
mod whole;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use orders_core::Policy;

use crate::StoreError;
use crate::connection::{AnyConnection, Manager};
use crate::database::error::Trouble;
use crate::database::metrics::{ErrorKind, StoreMetrics};
use crate::events::SequenceWatch;
use crate::lane::{Lane, Weigh};
use crate::memory::Memory;
use crate::ticket::Steps;
use crate::write::change::AnyChange;

use link::{Failure, Link};
use orders::Latecomers;
pub(crate) use orders::{Caller, OrderJob};
pub(crate) use whole::{Part, WholeJob};

/// The most operations that share a transaction, one batch of a single caller excepted.
pub(crate) const MOST: usize = 512;

/// Something to be done under the lock.
pub(crate) enum Job {
    Orders(OrderJob),
    Change(Box<dyn AnyChange>),
    Whole(WholeJob),
}

impl Weigh for Job {
    fn weight(&self) -> usize {
        match self {
            Self::Orders(job) => job.weight(),
            Self::Change(_) | Self::Whole(_) => 1,
        }
    }
}

/// Empties the lane until it is closed.
pub(crate) fn run(
    lane: &Arc<Lane<Job>>,
    manager: Manager,
    policy: Policy,
    connection: AnyConnection,
    latest: Arc<SequenceWatch>,
    metrics: Arc<StoreMetrics>,
) {
    let link = Link::new(manager, connection);
    let lane = Arc::clone(lane);
    let mut writer = Writer { lane, link, policy, latest, metrics };
    while let Some(jobs) = writer.next_jobs() {
        // One command that trips over a fault of ours must not end the lane for all others.
        let work = AssertUnwindSafe(|| writer.run(jobs));
        if catch_unwind(work).is_err() {
            log::error!("the writer panicked; its transaction is lost with its connection");
            writer.link.cut();
        }
    }
}

struct Writer {
    lane: Arc<Lane<Job>>,
    link: Link,
    /// As it was when last read: only to guess what to load first.
    policy: Policy,
    /// Where those who follow the events learn of new ones.
    latest: Arc<SequenceWatch>,
    metrics: Arc<StoreMetrics>,
}

impl Writer {
    /// Waits for jobs, without the lock.
    fn next_jobs(&mut self) -> Option<Vec<Job>> {
        self.link.release();
        self.lane.take(MOST)
    }

    fn run(&mut self, jobs: Vec<Job>) {
        let mut orders = Vec::new();
        for job in jobs {
            match job {
                Job::Orders(job) => orders.push(job),
                // In a transaction of their own: what they read is not part of the snapshot.
                Job::Change(change) => {
                    self.write_orders(std::mem::take(&mut orders), Latecomers::Wait);
                    self.write_change(change);
                }
                Job::Whole(job) => {
                    self.write_orders(std::mem::take(&mut orders), Latecomers::Wait);
                    self.run_whole(job);
                }
            }
        }
        self.write_orders(orders, Latecomers::Join);
    }

    /// Applies a change in a transaction of its own. Tries again once where the connection was lost.
    fn write_change(&mut self, mut change: Box<dyn AnyChange>) {
        if !change.ticket().is_wanted() {
            return change.reply(Err(StoreError::Overloaded));
        }
        let mut result = self.try_change(&mut *change);
        if let Err(failure) = &result {
            self.count(failure);
        }
        if matches!(result, Err(Failure::NotWritten(Trouble::Lost(_)))) {
            result = self.try_change(&mut *change);
            if let Err(failure) = &result {
                self.count(failure);
            }
        }
        change.reply(result.map_err(answer_for));
    }

    fn try_change(&mut self, change: &mut dyn AnyChange) -> Result<(), Failure> {
        let taken = Instant::now();
        let mut session = self.link.lock()?;
        let locked = Instant::now();
        self.metrics.lock.add(locked - taken);
        // What it changes is not followed.
        session.memory = Memory::default();
        if let Err(trouble) = change.apply(&mut session.connection) {
            return Err(self.link.give_back(session, trouble.into()));
        }
        let judged = Instant::now();
        let change = &*change;
        self.link.commit(session, &[change.ticket()], &|connection| change.is_done(connection))?;
        let committed = Instant::now();
        self.metrics.commit.add(committed - judged);
        change.ticket().note(Steps { taken, locked, judged, committed, batch: 1 });
        Ok(())
    }

    fn count(&self, failure: &Failure) {
        match failure {
            // A caller that gave up is no error of the database.
            Failure::Abandoned => {}
            Failure::NotWritten(trouble) => self.metrics.failed(trouble),
            Failure::Unknown => self.metrics.failed(ErrorKind::OutcomeUnknown),
        }
    }
}

fn answer_for(failure: Failure) -> StoreError {
    match failure {
        Failure::Abandoned => StoreError::Overloaded,
        Failure::NotWritten(trouble) => {
            log::debug!("a write failed, nothing was written: {trouble:?}");
            trouble.into()
        }
        Failure::Unknown => StoreError::OutcomeUnknown,
    }
}

//! The writer: the thread that takes commands off the queue and executes them.
//!
//! Invariant: no reply before the commit, and nothing is executed after it was reported as failed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use orders_core::Policy;

use super::batch::{LateArrivals, OrderJob};
use super::change::AnyChange;
use super::commit::{Failure, WriterConnection};
use super::queue::{Weigh, WorkQueue};
use super::snapshot_cache::SnapshotCache;
use super::ticket::Steps;
use super::transactional_import::ImportJob;
use crate::StoreError;
use crate::database::connection::{AnyConnection, Manager};
use crate::database::error::DbError;
use crate::database::metrics::{ErrorKind, StoreMetrics};
use crate::events::SequenceWatch;

/// The most operations that share a transaction. A single caller's batch may be larger.
pub(crate) const MOST: usize = 512;

/// Work that is done under the lock.
pub(crate) enum Job {
    Orders(OrderJob),
    Change(Box<dyn AnyChange>),
    Import(ImportJob),
}

impl Weigh for Job {
    fn weight(&self) -> usize {
        match self {
            Self::Orders(job) => job.weight(),
            Self::Change(_) | Self::Import(_) => 1,
        }
    }
}

/// Executes the jobs of the queue until it is closed.
pub(crate) fn run(
    queue: &Arc<WorkQueue<Job>>,
    manager: Manager,
    policy: Policy,
    connection: AnyConnection,
    latest: Arc<SequenceWatch>,
    metrics: Arc<StoreMetrics>,
) {
    let connection = WriterConnection::new(manager, connection);
    let queue = Arc::clone(queue);
    let mut writer = Writer { queue, connection, policy, latest, metrics };
    while let Some(jobs) = writer.next_jobs() {
        // A bug in one command must not stop the writer.
        let work = AssertUnwindSafe(|| writer.run(jobs));
        if catch_unwind(work).is_err() {
            log::error!("the writer panicked; its transaction is lost with its connection");
            writer.connection.disconnect();
        }
    }
}

pub(super) struct Writer {
    pub(super) queue: Arc<WorkQueue<Job>>,
    pub(super) connection: WriterConnection,
    /// The policy when it was last read. It only decides what is loaded first.
    pub(super) policy: Policy,
    /// Notifies the subscribers of events.
    pub(super) latest: Arc<SequenceWatch>,
    pub(super) metrics: Arc<StoreMetrics>,
}

impl Writer {
    /// Waits for jobs, without the lock.
    fn next_jobs(&mut self) -> Option<Vec<Job>> {
        self.connection.release();
        self.queue.take(MOST)
    }

    fn run(&mut self, jobs: Vec<Job>) {
        let mut orders = Vec::new();
        for job in jobs {
            match job {
                Job::Orders(job) => orders.push(job),
                // In a transaction of its own: what it reads is not part of the snapshot.
                Job::Change(change) => {
                    self.write_orders(std::mem::take(&mut orders), LateArrivals::Wait);
                    self.write_change(change);
                }
                Job::Import(job) => {
                    self.write_orders(std::mem::take(&mut orders), LateArrivals::Wait);
                    self.run_import(job);
                }
            }
        }
        self.write_orders(orders, LateArrivals::Join);
    }

    /// Applies a change in a transaction of its own. Tries again once if the connection was lost.
    fn write_change(&mut self, mut change: Box<dyn AnyChange>) {
        if !change.ticket().is_wanted() {
            return change.reply(Err(StoreError::Overloaded));
        }
        let mut result = self.try_change(&mut *change);
        if let Err(failure) = &result {
            self.count(failure);
        }
        if matches!(result, Err(Failure::NotWritten(DbError::Lost(_)))) {
            result = self.try_change(&mut *change);
            if let Err(failure) = &result {
                self.count(failure);
            }
        }
        change.reply(result.map_err(store_error));
    }

    fn try_change(&mut self, change: &mut dyn AnyChange) -> Result<(), Failure> {
        let taken = Instant::now();
        let mut session = self.connection.lock()?;
        let locked = Instant::now();
        self.metrics.lock.add(locked - taken);
        // The cache does not follow its changes.
        session.cache = SnapshotCache::default();
        if let Err(error) = change.apply(&mut session.connection) {
            return Err(self.connection.abort(session, error.into()));
        }
        let decided = Instant::now();
        let change = &*change;
        let look = |connection: &mut _| change.is_done(connection);
        self.connection.commit(session, &[change.ticket()], &look)?;
        let committed = Instant::now();
        self.metrics.commit.add(committed - decided);
        change.ticket().record(Steps { taken, locked, decided, committed, batch: 1 });
        Ok(())
    }

    pub(super) fn count(&self, failure: &Failure) {
        match failure {
            // A cancelled command is not a database error.
            Failure::Abandoned => {}
            Failure::NotWritten(error) => self.metrics.failed(error),
            Failure::Unknown => self.metrics.failed(ErrorKind::OutcomeUnknown),
        }
    }
}

pub(super) fn store_error(failure: Failure) -> StoreError {
    match failure {
        Failure::Abandoned => StoreError::Overloaded,
        Failure::NotWritten(error) => {
            log::debug!("a write failed, nothing was written: {error:?}");
            error.into()
        }
        Failure::Unknown => StoreError::OutcomeUnknown,
    }
}

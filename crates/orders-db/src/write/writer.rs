//! The writer: the thread that takes commands off the queue and answers them.
//!
//! Invariant: no reply before the commit, and nothing is executed after it was reported as failed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use orders_core::Policy;

use super::batch::{LateArrivals, OrderJob};
use super::commit::{Failure, WriterConnection};
use super::queue::{Reply, Weigh, WorkQueue};
use super::snapshot_cache::SnapshotCache;
use super::ticket::{Steps, Ticket};
use super::transactional_import::ImportJob;
use crate::StoreError;
use crate::database::connection::{AnyConnection, Manager};
use crate::error::Trouble;
use crate::events::Latest;
use crate::keys::{self, KeyJob};
use crate::meter::{ErrorKind, Meter};
use crate::policy::{self, PolicyJob};
use crate::services::{self, ServiceJob};
use crate::webhooks::{self, WebhookJob};

/// The most operations that share a transaction. A single caller's batch may be larger.
pub(crate) const MOST: usize = 512;

/// Work that is done under the lock.
pub(crate) enum Job {
    Orders(OrderJob),
    Service(ServiceJob),
    Policy(PolicyJob),
    Key(KeyJob),
    Webhook(WebhookJob),
    Import(ImportJob),
    /// Requires a key for every request from now on.
    RequireKeys(Ticket, Reply<()>),
}

impl Weigh for Job {
    fn weight(&self) -> usize {
        match self {
            Self::Orders(job) => job.weight(),
            Self::Service(_)
            | Self::Policy(_)
            | Self::Key(_)
            | Self::Webhook(_)
            | Self::Import(_)
            | Self::RequireKeys(..) => 1,
        }
    }
}

/// Empties the queue until it is closed.
pub(crate) fn run(
    queue: &Arc<WorkQueue<Job>>,
    manager: Manager,
    policy: Policy,
    connection: AnyConnection,
    latest: Arc<Latest>,
    meter: Arc<Meter>,
) {
    let connection = WriterConnection::new(manager, connection);
    let queue = Arc::clone(queue);
    let mut writer = Writer { queue, connection, policy, latest, meter };
    while let Some(jobs) = writer.next_jobs() {
        // One command that hits a bug must not stop the writer.
        let work = AssertUnwindSafe(|| writer.run(jobs));
        if catch_unwind(work).is_err() {
            log::error!("the writer panicked; its transaction is lost with its connection");
            writer.connection.cut();
        }
    }
}

pub(super) struct Writer {
    pub(super) queue: Arc<WorkQueue<Job>>,
    pub(super) connection: WriterConnection,
    /// The policy when it was last read. It only decides what is loaded first.
    pub(super) policy: Policy,
    /// Notifies the followers of the events.
    pub(super) latest: Arc<Latest>,
    pub(super) meter: Arc<Meter>,
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
                Job::Service(job) => {
                    self.write_orders(std::mem::take(&mut orders), LateArrivals::Wait);
                    let ServiceJob { change, ticket, reply } = job;
                    let work = |connection: &mut _| services::run(connection, &change);
                    self.run_alone(&ticket, reply, work, services::is_done);
                }
                Job::Policy(job) => {
                    self.write_orders(std::mem::take(&mut orders), LateArrivals::Wait);
                    let set = |connection: &mut _| policy::set(connection, &job.policy);
                    self.run_alone(&job.ticket, job.reply, set, policy::is_set);
                }
                Job::Key(job) => {
                    self.write_orders(std::mem::take(&mut orders), LateArrivals::Wait);
                    self.run_alone(
                        &job.ticket,
                        job.reply,
                        |connection| keys::run(connection, &job.change),
                        keys::is_done,
                    );
                }
                Job::Webhook(job) => {
                    self.write_orders(std::mem::take(&mut orders), LateArrivals::Wait);
                    self.run_alone(
                        &job.ticket,
                        job.reply,
                        |connection| webhooks::run(connection, &job.change),
                        webhooks::is_done,
                    );
                }
                Job::Import(job) => {
                    self.write_orders(std::mem::take(&mut orders), LateArrivals::Wait);
                    self.run_import(job);
                }
                Job::RequireKeys(ticket, reply) => {
                    self.write_orders(std::mem::take(&mut orders), LateArrivals::Wait);
                    self.run_alone(&ticket, reply, keys::require, |connection, ()| {
                        keys::is_required(connection)
                    });
                }
            }
        }
        self.write_orders(orders, LateArrivals::Join);
    }

    /// Does one job in a transaction of its own. `is_done` looks whether its writes are in the database.
    fn run_alone<T>(
        &mut self,
        ticket: &Ticket,
        reply: Reply<T>,
        work: impl Fn(&mut AnyConnection) -> Result<T, Trouble>,
        is_done: impl Fn(&mut AnyConnection, &T) -> Result<Option<bool>, Trouble>,
    ) {
        if !ticket.is_wanted() {
            return reply(Err(StoreError::Overloaded));
        }
        let mut result = self.attempt_alone(ticket, &work, &is_done);
        if let Err(failure) = &result {
            self.count(failure);
        }
        if matches!(result, Err(Failure::NotWritten(Trouble::Lost(_)))) {
            result = self.attempt_alone(ticket, &work, &is_done);
            if let Err(failure) = &result {
                self.count(failure);
            }
        }
        reply(result.map_err(answer_for));
    }

    fn attempt_alone<T>(
        &mut self,
        ticket: &Ticket,
        work: impl Fn(&mut AnyConnection) -> Result<T, Trouble>,
        is_done: impl Fn(&mut AnyConnection, &T) -> Result<Option<bool>, Trouble>,
    ) -> Result<T, Failure> {
        let taken = Instant::now();
        let mut session = self.connection.lock()?;
        let locked = Instant::now();
        self.meter.lock.add(locked - taken);
        // The cache does not follow its changes.
        session.cache = SnapshotCache::default();
        let result = match work(&mut session.connection) {
            Ok(result) => result,
            Err(trouble) => return Err(self.connection.abort(session, trouble.into())),
        };
        let judged = Instant::now();
        self.connection.commit(session, &[ticket], &|connection| is_done(connection, &result))?;
        let committed = Instant::now();
        self.meter.commit.add(committed - judged);
        ticket.record(Steps { taken, locked, judged, committed, batch: 1 });
        Ok(result)
    }

    pub(super) fn count(&self, failure: &Failure) {
        match failure {
            // A caller that gave up is not a database error.
            Failure::Abandoned => {}
            Failure::NotWritten(trouble) => self.meter.failed(trouble),
            Failure::Unknown => self.meter.failed(ErrorKind::OutcomeUnknown),
        }
    }
}

pub(super) fn answer_for(failure: Failure) -> StoreError {
    match failure {
        Failure::Abandoned => StoreError::Overloaded,
        Failure::NotWritten(trouble) => {
            log::debug!("a write failed, nothing was written: {trouble:?}");
            trouble.into()
        }
        Failure::Unknown => StoreError::OutcomeUnknown,
    }
}

//! Batches of order commands. All commands that wait share one lock, snapshot, decision and commit.

use std::time::Instant;

use orders_core::{Command, Decision, Outcome};

use super::commit::{Failure, WriterSession};
use super::decide::{Decided, decide_all, is_there, render_responses, resolve_replays};
use super::writer::{Job, MOST, Writer, store_error};
use crate::StoreError;
use crate::database::error::DbError;
use crate::write::idempotency::{Answered, RenderResponse};
use crate::write::queue::{Reply, Weigh};
use crate::write::store_rows::{Writes, apply};
use crate::write::ticket::{Steps, Ticket};

/// A command and the caller that waits for its outcome.
pub(crate) struct OrderJob {
    pub(crate) command: Command,
    pub(crate) caller: Caller,
}

/// The caller that waits for a command's outcome.
pub(crate) struct Caller {
    pub(crate) ticket: Ticket,
    pub(crate) render: RenderResponse<Outcome>,
    pub(crate) reply: Reply<Answered<Outcome>>,
}

impl Weigh for OrderJob {
    /// At least one, so that the number of waiting commands is bounded too.
    fn weight(&self) -> usize {
        weight(&self.command)
    }
}

fn weight(command: &Command) -> usize {
    command.action.operations().len().max(1)
}

/// Commands that share a transaction, and the caller of each.
#[derive(Default)]
struct Batch {
    commands: Vec<Command>,
    callers: Vec<Caller>,
}

impl FromIterator<OrderJob> for Batch {
    fn from_iter<I: IntoIterator<Item = OrderJob>>(jobs: I) -> Self {
        let mut batch = Self::default();
        batch.extend(jobs);
        batch
    }
}

impl Extend<OrderJob> for Batch {
    fn extend<I: IntoIterator<Item = OrderJob>>(&mut self, jobs: I) {
        for OrderJob { command, caller } in jobs {
            self.commands.push(command);
            self.callers.push(caller);
        }
    }
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    fn into_jobs(self) -> impl Iterator<Item = OrderJob> {
        let all = self.commands.into_iter().zip(self.callers);
        all.map(|(command, caller)| OrderJob { command, caller })
    }

    fn weight(&self) -> usize {
        self.commands.iter().map(weight).sum()
    }

    fn tickets(&self) -> Vec<&Ticket> {
        self.callers.iter().map(|caller| &caller.ticket).collect()
    }

    /// Removes commands that were cancelled or whose deadline has passed, and replies to their callers.
    fn drop_unwanted(&mut self) {
        if self.callers.iter().all(|caller| caller.ticket.is_wanted()) {
            return;
        }
        for job in std::mem::take(self).into_jobs() {
            if job.caller.ticket.is_wanted() {
                self.extend([job]);
            } else {
                (job.caller.reply)(Err(StoreError::Overloaded));
            }
        }
    }
}

/// Whether commands that arrive during the wait for the lock join the batch. Another process may hold
/// the lock for a long time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LateArrivals {
    Join,
    /// They wait: other jobs come first in the queue, or this is a retry.
    Wait,
}

impl Writer {
    /// Executes the commands and replies to their callers.
    pub(super) fn write_orders(&mut self, jobs: Vec<OrderJob>, late_arrivals: LateArrivals) {
        self.process(jobs.into_iter().collect(), late_arrivals, true);
    }

    /// Executes a batch. `again`: whether to retry after a lost connection.
    fn process(&mut self, mut batch: Batch, late_arrivals: LateArrivals, again: bool) {
        batch.drop_unwanted();
        if batch.is_empty() {
            return;
        }
        match self.attempt(&mut batch, late_arrivals) {
            Ok(results) => {
                for (caller, result) in batch.callers.into_iter().zip(results) {
                    if let Answered::Now(outcome) = &result {
                        self.metrics.decided(outcome);
                    }
                    (caller.reply)(Ok(result));
                }
            }
            Err(failure) => {
                self.count(&failure);
                self.recover(batch, failure, again);
            }
        }
    }

    /// Retries where that can help. Otherwise replies to all callers with the error.
    fn recover(&mut self, batch: Batch, failure: Failure, again: bool) {
        match failure {
            Failure::Abandoned => self.process(batch, LateArrivals::Wait, again),
            Failure::NotWritten(DbError::Lost(text)) if again => {
                log::warn!("lost the connection to the database, reconnecting: {text}");
                self.process(batch, LateArrivals::Wait, false);
            }
            // A command that cannot be written must not fail its neighbours.
            Failure::NotWritten(DbError::Violation(_) | DbError::Failed(_))
                if batch.commands.len() > 1 =>
            {
                for job in batch.into_jobs() {
                    self.process(Batch::from_iter([job]), LateArrivals::Wait, again);
                }
            }
            // The snapshot lacked this row. A fresh snapshot has it.
            Failure::NotWritten(DbError::Violation(text)) if again => {
                log::error!(
                    "the database rejected a decided change; another program writes to it: {text}"
                );
                self.process(batch, LateArrivals::Wait, false);
            }
            Failure::NotWritten(_) | Failure::Unknown => {
                let error = store_error(failure);
                for caller in batch.callers {
                    (caller.reply)(Err(error.clone()));
                }
            }
        }
    }

    /// Tries to execute all commands in one transaction.
    fn attempt(
        &mut self,
        batch: &mut Batch,
        late_arrivals: LateArrivals,
    ) -> Result<Vec<Answered<Outcome>>, Failure> {
        let taken = Instant::now();
        let session = self.connection.lock()?;
        let locked = Instant::now();
        self.metrics.lock.add(locked - taken);
        if late_arrivals == LateArrivals::Join {
            batch.extend(self.take_more(MOST.saturating_sub(batch.weight())));
        }
        // Some deadlines may have passed during the wait for the lock.
        batch.drop_unwanted();
        if batch.is_empty() {
            self.connection.keep(session);
            return Ok(Vec::new());
        }
        self.write(session, batch, taken, locked)
    }

    /// Takes the order commands at the front of the queue, up to a weight.
    fn take_more(&self, most: usize) -> impl Iterator<Item = OrderJob> + use<> {
        let more = self.queue.take_more(most, |job| matches!(job, Job::Orders(_)));
        more.into_iter().filter_map(|job| if let Job::Orders(job) = job { Some(job) } else { None })
    }

    /// Decides and writes. The wait for the lock lasted from `taken` to `locked`.
    fn write(
        &mut self,
        mut session: WriterSession,
        batch: &Batch,
        taken: Instant,
        locked: Instant,
    ) -> Result<Vec<Answered<Outcome>>, Failure> {
        let Batch { commands, callers } = batch;
        let tickets = batch.tickets();
        let WriterSession { connection, cache, .. } = &mut session;
        let Decided { loaded, decision } =
            match decide_all(connection, cache, &self.policy, commands, &tickets) {
                Ok(decided) => decided,
                Err(failure) => return Err(self.connection.abort(session, failure)),
            };
        self.policy = loaded.policy;
        let responses = render_responses(&decision, commands, callers, loaded.now);
        let Decision { outcomes, changes } = decision;
        let results = match resolve_replays(connection, commands, outcomes, &responses) {
            Ok(results) => results,
            Err(error) => return Err(self.connection.abort(session, error.into())),
        };
        // The state after the commit. If the commit fails, the cache is cleared.
        cache.keep(loaded, &changes);
        let decided = Instant::now();
        self.metrics.decide.add(decided - locked);
        let mut committed = decided;
        if changes.is_empty() {
            self.connection.keep(session);
        } else {
            let look = |connection: &mut _| is_there(connection, &changes, &responses);
            let writes = Writes::new(&self.policy, &changes, &responses);
            if let Err(error) = apply(&mut session.connection, &writes) {
                return Err(self.connection.abort(session, error.into()));
            }
            self.connection.commit(session, &tickets, &look)?;
            committed = Instant::now();
            self.metrics.commit.add(committed - decided);
            self.latest.publish(&changes.events);
        }
        let batch = commands.iter().map(|command| command.action.operations().len()).sum();
        for ticket in tickets {
            ticket.record(Steps { taken, locked, decided, committed, batch });
        }
        Ok(results)
    }
}

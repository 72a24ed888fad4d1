//! The write lane: takes all commands that wait, takes the lock, loads one snapshot, lets
//! `orders_core` decide, applies the changes, commits once, and answers all.
//!
//! Invariant: no answer before its commit, and nothing is done after its caller was told that it failed.

mod batch;
mod link;
mod whole;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use orders_core::{Command, Decision, Outcome, Policy};

use crate::StoreError;
use crate::answers::{Answered, Render};
use crate::apply::Writes;
use crate::connection::{AnyConnection, Manager};
use crate::error::Trouble;
use crate::events::Latest;
use crate::keys::{self, KeyJob};
use crate::lane::{Lane, Reply, Weigh};
use crate::memory::Memory;
use crate::meter::{ErrorKind, Meter};
use crate::policy::{self, PolicyJob};
use crate::services::{self, ServiceJob};
use crate::ticket::{Steps, Ticket};
use crate::webhooks::{self, WebhookJob};

use batch::{Judged, answer_all, decide_all, is_there, keep_answers, presume};
use link::{Failure, Link, Session};
pub(crate) use whole::{Part, WholeJob};

/// The most operations that share a transaction, one batch of a single caller excepted.
pub(crate) const MOST: usize = 512;

/// Something to be done under the lock.
pub(crate) enum Job {
    Orders(OrderJob),
    Service(ServiceJob),
    Policy(PolicyJob),
    Key(KeyJob),
    Webhook(WebhookJob),
    Whole(WholeJob),
    /// Says that from now on nobody gets in without a key.
    RequireKeys(Ticket, Reply<()>),
}

/// A command and who waits for its outcome.
pub(crate) struct OrderJob {
    pub(crate) command: Command,
    pub(crate) caller: Caller,
}

/// Who waits for a command's outcome.
pub(crate) struct Caller {
    pub(crate) ticket: Ticket,
    pub(crate) render: Render<Outcome>,
    pub(crate) reply: Reply<Answered<Outcome>>,
}

impl Weigh for Job {
    fn weight(&self) -> usize {
        match self {
            Self::Orders(job) => weight(&job.command),
            Self::Service(_)
            | Self::Policy(_)
            | Self::Key(_)
            | Self::Webhook(_)
            | Self::Whole(_)
            | Self::RequireKeys(..) => 1,
        }
    }
}

/// One at least, so that what waits is bounded in number too.
fn weight(command: &Command) -> usize {
    command.action.operations().len().max(1)
}

/// Empties the lane until it is closed.
pub(crate) fn run(
    lane: &Arc<Lane<Job>>,
    manager: Manager,
    policy: Policy,
    connection: AnyConnection,
    latest: Arc<Latest>,
    meter: Arc<Meter>,
) {
    let link = Link::new(manager, connection);
    let lane = Arc::clone(lane);
    let mut writer = Writer { lane, link, policy, hopeful: false, latest, meter };
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
    /// Whether the last who asked got all that he asked for: the next may, too.
    hopeful: bool,
    /// Where those who follow the events learn of new ones.
    latest: Arc<Latest>,
    meter: Arc<Meter>,
}

impl Writer {
    /// Waits for jobs; without the lock, unless they come at once.
    fn next_jobs(&mut self) -> Option<Vec<Job>> {
        let jobs = self.lane.take_within(self.link.patience(), MOST);
        if !jobs.is_empty() {
            return Some(jobs);
        }
        self.link.rest();
        self.lane.take(MOST)
    }

    fn run(&mut self, jobs: Vec<Job>) {
        let mut orders = Vec::new();
        for job in jobs {
            match job {
                Job::Orders(job) => orders.push(job),
                // In a transaction of their own: what they read is not part of the snapshot.
                Job::Service(job) => {
                    self.write_orders(std::mem::take(&mut orders));
                    let ServiceJob { change, ticket, reply } = job;
                    let work = |connection: &mut _| services::run(connection, &change);
                    self.alone(&ticket, reply, work, services::is_done);
                }
                Job::Policy(job) => {
                    self.write_orders(std::mem::take(&mut orders));
                    let set = |connection: &mut _| policy::set(connection, &job.policy);
                    self.alone(&job.ticket, job.reply, set, policy::is_set);
                }
                Job::Key(job) => {
                    self.write_orders(std::mem::take(&mut orders));
                    self.alone(
                        &job.ticket,
                        job.reply,
                        |connection| keys::run(connection, &job.change),
                        keys::is_done,
                    );
                }
                Job::Webhook(job) => {
                    self.write_orders(std::mem::take(&mut orders));
                    self.alone(
                        &job.ticket,
                        job.reply,
                        |connection| webhooks::run(connection, &job.change),
                        webhooks::is_done,
                    );
                }
                Job::Whole(job) => {
                    self.write_orders(std::mem::take(&mut orders));
                    self.run_whole(job);
                }
                Job::RequireKeys(ticket, reply) => {
                    self.write_orders(std::mem::take(&mut orders));
                    self.alone(&ticket, reply, keys::require, |connection, ()| {
                        keys::is_required(connection)
                    });
                }
            }
        }
        self.write_last(orders);
    }

    fn write_orders(&mut self, jobs: Vec<OrderJob>) {
        let (commands, callers) = jobs.into_iter().map(|job| (job.command, job.caller)).unzip();
        self.settle(commands, callers, true);
    }

    /// Writes the last of what was taken, and with it what comes while the lock is waited for: another
    /// process may have had it for long.
    fn write_last(&mut self, jobs: Vec<OrderJob>) {
        let (mut commands, mut callers) =
            jobs.into_iter().map(|job| (job.command, job.caller)).unzip();
        drop_unwanted(&mut commands, &mut callers);
        if commands.is_empty() {
            return;
        }
        let taken = Instant::now();
        let attempted = self.link.lock().and_then(|session| {
            for job in self.more_orders(&commands) {
                commands.push(job.command);
                callers.push(job.caller);
            }
            // Some may have waited for the lock too long.
            drop_unwanted(&mut commands, &mut callers);
            self.attempt(session, taken, &commands, &callers)
        });
        self.conclude(attempted, commands, callers, true);
    }

    fn more_orders(&self, taken: &[Command]) -> impl Iterator<Item = OrderJob> + use<> {
        let most = MOST.saturating_sub(taken.iter().map(weight).sum());
        let more = self.lane.take_more(most, |job| matches!(job, Job::Orders(_)));
        more.into_iter().filter_map(|job| if let Job::Orders(job) = job { Some(job) } else { None })
    }

    /// Gets an outcome for each command. `again`: whether a lost connection is worth another try.
    fn settle(&mut self, mut commands: Vec<Command>, mut callers: Vec<Caller>, again: bool) {
        drop_unwanted(&mut commands, &mut callers);
        if commands.is_empty() {
            return;
        }
        let taken = Instant::now();
        let attempted =
            self.link.lock().and_then(|session| self.attempt(session, taken, &commands, &callers));
        self.conclude(attempted, commands, callers, again);
    }

    /// Answers all, or tries again.
    fn conclude(
        &mut self,
        attempted: Result<Vec<Answered<Outcome>>, Failure>,
        commands: Vec<Command>,
        callers: Vec<Caller>,
        again: bool,
    ) {
        match attempted.inspect_err(|failure| self.count(failure)) {
            Ok(answers) => {
                for (caller, answer) in callers.into_iter().zip(answers) {
                    (caller.reply)(Ok(answer));
                }
            }
            Err(Failure::Abandoned) => self.settle(commands, callers, again),
            Err(Failure::Mistaken) => {
                // With a look, this time.
                self.hopeful = false;
                self.settle(commands, callers, again);
            }
            Err(Failure::NotWritten(Trouble::Lost(text))) if again => {
                log::warn!("lost the connection to the database, opening another: {text}");
                self.settle(commands, callers, false);
            }
            // A command that cannot be written must not take its neighbours with it.
            Err(Failure::NotWritten(Trouble::Violation(_) | Trouble::Failed(_)))
                if commands.len() > 1 =>
            {
                for (command, caller) in commands.into_iter().zip(callers) {
                    self.settle(vec![command], vec![caller], again);
                }
            }
            // A row that the decision did not foresee: another look may.
            Err(Failure::NotWritten(Trouble::Violation(text))) if again => {
                log::error!(
                    "the database refused what was decided; somebody else writes to it: {text}"
                );
                self.settle(commands, callers, false);
            }
            Err(failure) => {
                let error = answer_for(failure);
                for caller in callers {
                    (caller.reply)(Err(error.clone()));
                }
            }
        }
    }

    /// Tries to do all of them by one transaction; `taken` is since when the lock was waited for.
    fn attempt(
        &mut self,
        mut session: Session,
        taken: Instant,
        commands: &[Command],
        callers: &[Caller],
    ) -> Result<Vec<Answered<Outcome>>, Failure> {
        let tickets: Vec<&Ticket> = callers.iter().map(|caller| &caller.ticket).collect();
        let locked = Instant::now();
        self.meter.lock.add(locked - taken);
        // Where many are answered, other processes need not wait for that: the lock goes with the commit.
        let is_alone = commands.len() == 1;
        let keeps_lock = is_alone && session.keeps_lock();
        let Session { connection, memory, .. } = &mut session;
        let presumed =
            (is_alone && self.hopeful).then(|| presume(memory, &self.policy, commands)).flatten();
        let judged = match presumed {
            Some(judged) => Ok(judged),
            None => decide_all(connection, memory, &self.policy, commands, &tickets),
        };
        let Judged { loaded, now, decision, presumed } = match judged {
            Ok(judged) => judged,
            Err(failure) => return Err(self.link.give_back(session, failure)),
        };
        self.policy = loaded.policy;
        let kept = keep_answers(&decision, commands, callers, now);
        let Decision { outcomes, changes } = decision;
        self.hopeful = outcomes.iter().all(Outcome::is_accepted);
        self.meter.decided(&outcomes);
        let answers = match answer_all(connection, commands, outcomes, &kept) {
            Ok(answers) => answers,
            Err(trouble) => return Err(self.link.give_back(session, trouble.into())),
        };
        let writes =
            Writes::of(&self.policy, &changes, &kept, presumed.as_ref()).giving_up_lock(!is_alone);
        // As it will be after the commit. If that fails, this is forgotten.
        memory.keep(loaded, &changes, keeps_lock);
        let judged = Instant::now();
        self.meter.judge.add(judged - locked);
        let mut committed = judged;
        if changes.is_empty() {
            self.link.keep(session);
        } else {
            let look = |connection: &mut _| is_there(connection, &changes, &kept);
            self.link.write(session, &tickets, &writes, &look)?;
            committed = Instant::now();
            self.meter.commit.add(committed - judged);
            self.latest.tell(&changes.events);
        }
        let batch = commands.iter().map(|command| command.action.operations().len()).sum();
        for ticket in tickets {
            ticket.note(Steps { taken, locked, judged, committed, batch });
        }
        if !is_alone {
            self.link.rest();
        }
        Ok(answers)
    }

    /// Does one thing in a transaction of its own; `is_done` tells whether it is there.
    fn alone<T>(
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
        let mut session = self.link.lock()?;
        let locked = Instant::now();
        self.meter.lock.add(locked - taken);
        // What it changes is not followed.
        session.memory = Memory::default();
        let worked = session.open_transaction().and_then(|()| work(&mut session.connection));
        let result = match worked {
            Ok(result) => result,
            Err(trouble) => return Err(self.link.give_back(session, trouble.into())),
        };
        let judged = Instant::now();
        self.link.commit(session, &[ticket], &|connection| is_done(connection, &result))?;
        let committed = Instant::now();
        self.meter.commit.add(committed - judged);
        ticket.note(Steps { taken, locked, judged, committed, batch: 1 });
        Ok(result)
    }

    fn count(&self, failure: &Failure) {
        match failure {
            // Whoever gave up is no error of the database, nor is a wrong guess.
            Failure::Abandoned | Failure::Mistaken => {}
            Failure::NotWritten(trouble) => self.meter.failed(trouble),
            Failure::Unknown => self.meter.failed(ErrorKind::OutcomeUnknown),
        }
    }
}

/// Answers those whose time is over, and leaves them out.
fn drop_unwanted(commands: &mut Vec<Command>, callers: &mut Vec<Caller>) {
    if callers.iter().all(|caller| caller.ticket.is_wanted()) {
        return;
    }
    let all = std::mem::take(commands).into_iter().zip(std::mem::take(callers));
    for (command, caller) in all {
        if caller.ticket.is_wanted() {
            commands.push(command);
            callers.push(caller);
        } else {
            (caller.reply)(Err(StoreError::Overloaded));
        }
    }
}

fn answer_for(failure: Failure) -> StoreError {
    match failure {
        Failure::Abandoned | Failure::Mistaken => StoreError::Overloaded,
        Failure::NotWritten(trouble) => {
            log::debug!("a write failed, nothing was written: {trouble:?}");
            trouble.into()
        }
        Failure::Unknown => StoreError::OutcomeUnknown,
    }
}

//! The write lane: takes all commands that wait, opens one transaction, takes the lock, loads one
//! snapshot, lets `orders_core` decide, applies the changes, commits once, and answers all.
//!
//! Invariant: no answer before its commit, and nothing is done after its caller was told that it failed.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use orders_core::{Changes, Command, Decision, Event, Needs, Outcome, OwnKey, Policy, decide};

use crate::answers::{self, Answered, KeptAnswer, NewAnswer, Render};
use crate::connection::{AnyConnection, Manager};
use crate::error::Trouble;
use crate::keys::{self, KeyJob};
use crate::lane::{Lane, Reply, Weigh};
use crate::memory::Memory;
use crate::policy::{self, PolicyJob};
use crate::schema::events;
use crate::services::{self, ServiceJob};
use crate::snapshot::{Loaded, load};
use crate::ticket::{self, Ticket};
use crate::{StoreError, apply, rows, transaction};

/// The most operations that share a transaction, one batch of a single caller excepted.
pub(crate) const MOST: usize = 512;

/// How long the fate of a commit that was not answered is asked for.
const FATE_PATIENCE: Duration = Duration::from_secs(3);

/// Something to be done under the lock.
pub(crate) enum Job {
    Orders(OrderJob),
    Service(ServiceJob),
    Policy(PolicyJob),
    Key(KeyJob),
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
            // One at least, so that what waits is bounded in number too.
            Self::Orders(job) => job.command.action.operations().len().max(1),
            Self::Service(_) | Self::Policy(_) | Self::Key(_) | Self::RequireKeys(..) => 1,
        }
    }
}

/// Why an attempt has no outcome.
#[derive(Debug)]
enum Failure {
    /// Somebody gave up before the commit. Nothing was written.
    Abandoned,
    /// Nothing was written.
    NotWritten(Trouble),
    /// The connection was lost during the commit, and its fate could not be found out.
    Unknown,
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::NotWritten(trouble)
    }
}

/// Empties the lane until it is closed.
pub(crate) fn run(
    lane: &Arc<Lane<Job>>,
    manager: Manager,
    policy: Policy,
    connection: AnyConnection,
) {
    let session = Some(Session::new(connection));
    let mut writer = Writer { manager, session, policy };
    while let Some(jobs) = lane.take(MOST) {
        // One command that trips over a fault of ours must not end the lane for all others.
        let work = AssertUnwindSafe(|| writer.run(jobs));
        if catch_unwind(work).is_err() {
            log::error!("the writer panicked; its transaction is lost with its connection");
            writer.session = None;
        }
    }
}

struct Writer {
    manager: Manager,
    session: Option<Session>,
    /// As it was when last read: only to guess what to load first.
    policy: Policy,
}

/// A connection, and what was seen by it that may be true still.
struct Session {
    connection: AnyConnection,
    memory: Memory,
}

impl Session {
    fn new(connection: AnyConnection) -> Self {
        Self { connection, memory: Memory::default() }
    }

    fn roll_back(&mut self) {
        transaction::roll_back(&mut self.connection);
    }
}

impl Writer {
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
                Job::RequireKeys(ticket, reply) => {
                    self.write_orders(std::mem::take(&mut orders));
                    self.alone(&ticket, reply, keys::require, |connection, ()| {
                        keys::is_required(connection)
                    });
                }
            }
        }
        self.write_orders(orders);
    }

    fn write_orders(&mut self, jobs: Vec<OrderJob>) {
        let (commands, callers) = jobs.into_iter().map(|job| (job.command, job.caller)).unzip();
        self.settle(commands, callers, true);
    }

    /// Gets an outcome for each command. `again`: whether a lost connection is worth another try.
    fn settle(&mut self, mut commands: Vec<Command>, mut callers: Vec<Caller>, again: bool) {
        drop_unwanted(&mut commands, &mut callers);
        if commands.is_empty() {
            return;
        }
        match self.attempt(&commands, &callers) {
            Ok(answers) => {
                for (caller, answer) in callers.into_iter().zip(answers) {
                    (caller.reply)(Ok(answer));
                }
            }
            Err(Failure::Abandoned) => self.settle(commands, callers, again),
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

    fn attempt(
        &mut self,
        commands: &[Command],
        callers: &[Caller],
    ) -> Result<Vec<Answered<Outcome>>, Failure> {
        let tickets: Vec<&Ticket> = callers.iter().map(|caller| &caller.ticket).collect();
        let mut session = self.begin()?;
        let Session { connection, memory } = &mut session;
        let (loaded, decision) =
            match decide_all(connection, memory, &self.policy, commands, &tickets) {
                Ok(decided) => decided,
                Err(failure) => return Err(self.give_back(session, failure)),
            };
        self.policy = loaded.policy;
        let kept = keep_answers(&decision, commands, callers, loaded.now);
        let Decision { outcomes, changes } = decision;
        let written = write_all(connection, &loaded.policy, &changes, &kept)
            .and_then(|()| answer_all(connection, commands, outcomes));
        let answers = match written {
            Ok(answers) => answers,
            Err(trouble) => return Err(self.give_back(session, trouble.into())),
        };
        // As it will be after the commit. If that fails, the session goes, and this with it.
        memory.keep(loaded, &changes);
        if changes.is_empty() {
            session.roll_back();
            self.session = Some(session);
        } else {
            let look = |connection: &mut _| is_there(connection, &changes, &kept);
            self.commit(session, &tickets, &look)?;
        }
        Ok(answers)
    }

    /// What became of a transaction whose commit was not answered, by a look at what it wrote.
    /// Under the lock, which the lost transaction holds as long as it is not over; so what is seen
    /// then is its fate.
    fn fate(
        &mut self,
        look: &dyn Fn(&mut AnyConnection) -> Result<Option<bool>, Trouble>,
    ) -> Option<bool> {
        let deadline = Instant::now() + FATE_PATIENCE;
        loop {
            match self.look_under_lock(look) {
                Ok(found) => return found,
                Err(trouble) if Instant::now() > deadline => {
                    log::error!("the fate of a commit is unknown: {trouble:?}");
                    return None;
                }
                // A server that restarts is back soon.
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    fn look_under_lock(
        &mut self,
        look: &dyn Fn(&mut AnyConnection) -> Result<Option<bool>, Trouble>,
    ) -> Result<Option<bool>, Trouble> {
        let mut session = Session::new(self.manager.open()?);
        transaction::begin(&mut session.connection)?;
        let found = look(&mut session.connection)?;
        session.roll_back();
        self.session = Some(session);
        Ok(found)
    }

    /// Commits; where that is not answered, finds out what became of it.
    fn commit(
        &mut self,
        mut session: Session,
        tickets: &[&Ticket],
        look: &dyn Fn(&mut AnyConnection) -> Result<Option<bool>, Trouble>,
    ) -> Result<(), Failure> {
        if !ticket::begin_commit(tickets) {
            return Err(self.give_back(session, Failure::Abandoned));
        }
        let Err(trouble) = transaction::commit(&mut session.connection) else {
            self.session = Some(session);
            return Ok(());
        };
        log::warn!("the commit was not answered, looking whether it took place: {trouble:?}");
        drop(session);
        match self.fate(look) {
            Some(true) => Ok(()),
            Some(false) => {
                ticket::take_back_commit(tickets);
                Err(Failure::NotWritten(trouble))
            }
            None => Err(Failure::Unknown),
        }
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
        if matches!(result, Err(Failure::NotWritten(Trouble::Lost(_)))) {
            result = self.attempt_alone(ticket, &work, &is_done);
        }
        reply(result.map_err(answer_for));
    }

    fn attempt_alone<T>(
        &mut self,
        ticket: &Ticket,
        work: impl Fn(&mut AnyConnection) -> Result<T, Trouble>,
        is_done: impl Fn(&mut AnyConnection, &T) -> Result<Option<bool>, Trouble>,
    ) -> Result<T, Failure> {
        let mut session = self.begin()?;
        // What it changes is not followed.
        session.memory = Memory::default();
        let result = match work(&mut session.connection) {
            Ok(result) => result,
            Err(trouble) => return Err(self.give_back(session, trouble.into())),
        };
        self.commit(session, &[ticket], &|connection| is_done(connection, &result))?;
        Ok(result)
    }

    /// Opens a transaction that has the lock.
    fn begin(&mut self) -> Result<Session, Failure> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => Session::new(self.manager.open().map_err(Trouble::from)?),
        };
        transaction::begin(&mut session.connection)?;
        Ok(session)
    }

    /// Ends a failed transaction and keeps the connection, unless that is what failed.
    fn give_back(&mut self, mut session: Session, failure: Failure) -> Failure {
        if !matches!(failure, Failure::NotWritten(Trouble::Lost(_))) {
            session.roll_back();
            self.session = Some(Session::new(session.connection));
        }
        failure
    }
}

/// Loads and decides until nothing is missing.
fn decide_all(
    connection: &mut AnyConnection,
    memory: &mut Memory,
    policy: &Policy,
    commands: &[Command],
    tickets: &[&Ticket],
) -> Result<(Loaded, Decision), Failure> {
    let mut loaded = memory.load(connection, &Needs::of(policy, commands))?;
    loop {
        match decide(&loaded.policy, &loaded.snapshot, commands, loaded.now) {
            Ok(decision) => return Ok((loaded, decision)),
            // Whoever gave up meanwhile must not keep the others waiting.
            Err(_) if !tickets.iter().all(|ticket| ticket.is_wanted()) => {
                return Err(Failure::Abandoned);
            }
            Err(missing) => {
                loaded = load(connection, &missing, Some(loaded))?;
            }
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

/// Renders the answers that are to be kept with the changes that they tell of.
fn keep_answers(
    decision: &Decision,
    commands: &[Command],
    callers: &[Caller],
    now: orders_core::Instant,
) -> Vec<NewAnswer> {
    let keep = |position: &usize| {
        let retry = commands.get(*position)?.retry()?;
        let outcome = decision.outcomes.get(*position)?;
        let answer = (callers.get(*position)?.render)(outcome)?;
        Some(NewAnswer::new(retry, answer, now))
    };
    decision.changes.answers.iter().filter_map(keep).collect()
}

fn write_all(
    connection: &mut AnyConnection,
    policy: &Policy,
    changes: &Changes,
    answers: &[NewAnswer],
) -> Result<(), Trouble> {
    if changes.is_empty() { Ok(()) } else { apply::apply(connection, policy, changes, answers) }
}

/// What to answer to each command: where it was done before, what was answered then.
fn answer_all(
    connection: &mut AnyConnection,
    commands: &[Command],
    outcomes: Vec<Outcome>,
) -> Result<Vec<Answered<Outcome>>, Trouble> {
    // Many may have asked again at once.
    let mut found: HashMap<&OwnKey, KeptAnswer> = HashMap::new();
    let mut answers = Vec::with_capacity(outcomes.len());
    for (command, outcome) in commands.iter().zip(outcomes) {
        answers.push(match (outcome, command.retry()) {
            (Outcome::Repeated, Some(retry)) => {
                let kept = match found.get(&retry.key) {
                    Some(kept) => kept.clone(),
                    None => answers::find(connection, &retry.key)?,
                };
                found.insert(&retry.key, kept.clone());
                Answered::Again(kept)
            }
            (Outcome::KeyReused, _) => Answered::KeyReused,
            (outcome, _) => Answered::Now(outcome),
        });
    }
    Ok(answers)
}

/// Whether what was to be written is there, by the first of it.
fn is_there(
    connection: &mut AnyConnection,
    changes: &Changes,
    answers: &[NewAnswer],
) -> Result<Option<bool>, Trouble> {
    let found = match (changes.events.first(), answers.first()) {
        (Some(event), _) => find_event(connection, event).map(Some),
        (None, Some(answer)) => answers::is_kept(connection, answer).map(Some),
        (None, None) => Ok(None),
    };
    found.map_err(|error| Trouble::of(&error))
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

fn find_event(connection: &mut AnyConnection, event: &Event) -> QueryResult<bool> {
    let found: Option<(String, i64)> = events::table
        .find(rows::bigint(event.sequence))
        .select((events::order_id, events::time_ms))
        .get_result(connection)
        .optional()?;
    Ok(found.is_some_and(|(order_id, time_ms)| {
        order_id == event.subject().as_str() && time_ms == event.time.as_millis()
    }))
}

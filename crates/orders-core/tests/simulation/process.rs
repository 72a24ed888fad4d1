//! A process that writes: the write lane of the service as a machine of small steps, each of which
//! may be the last. It loads and decides by `orders_core`, as the service does.

mod answered;
mod commit;
mod settle;

use std::collections::VecDeque;

use orders_core::decide::OwnKey;
use orders_core::{Command, Decision, Needs};

use crate::database::{Database, Loaded, Reply, SessionId, Statement};
use crate::dice::Dice;
use crate::ledger::{Answered, AttemptId, Ledger, Ticket};
use crate::tables::Writes;

/// The most commands that share a transaction.
const MOST: usize = 5;
/// The most that wait.
const ROOM: usize = 8;

#[derive(Debug)]
struct Session {
    id: SessionId,
    /// Whether a transaction is open, which holds the lock.
    is_open: bool,
    memory: Option<Loaded>,
}

/// Why an attempt has no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    Abandoned,
    Lost,
    Refused,
    Failed,
    Unknown,
}

/// What is waited for.
#[derive(Debug)]
enum Stage {
    RollingBack,
    Locking,
    /// Beyond what is remembered.
    LoadingAfter(Box<Loaded>),
    Loading(Option<Box<Loaded>>),
    Deciding(Box<Loaded>),
    Finding(Box<Loaded>, Box<Decision>, Vec<OwnKey>),
    Applying,
    Committing,
    /// Nothing: between two stages.
    Idle,
    LockingForFate {
        tries: usize,
    },
    LookingForFate {
        tries: usize,
    },
    Answering(VecDeque<(AttemptId, Answered)>),
    Resting,
}

#[derive(Debug)]
struct Work {
    jobs: Vec<AttemptId>,
    commands: Vec<Command>,
    again: bool,
    stage: Stage,
    writes: Writes,
    answers: VecDeque<(AttemptId, Answered)>,
    /// What the commit that is looked for was answered.
    trouble: Failure,
}

use crate::knobs::Sabotage;

impl Work {
    fn without_jobs(stage: Stage) -> Self {
        Self {
            jobs: Vec::new(),
            commands: Vec::new(),
            again: true,
            stage,
            writes: Writes::default(),
            answers: VecDeque::new(),
            trouble: Failure::Lost,
        }
    }
}

/// What a process may use in one step.
pub(crate) struct World<'a> {
    pub(crate) database: &'a mut Database,
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) dice: &'a mut Dice,
}

#[derive(Debug, Default)]
pub(crate) struct Process {
    queue: VecDeque<AttemptId>,
    /// Commands that are to be settled, and whether a lost connection is worth another try.
    todo: VecDeque<(Vec<AttemptId>, bool)>,
    session: Option<Session>,
    work: Option<Work>,
}

impl Process {
    /// Queues a command; `false` if there is no room.
    pub(crate) fn push(&mut self, id: AttemptId) -> bool {
        let room = self.queue.len() < ROOM;
        if room {
            self.queue.push_back(id);
        }
        room
    }

    /// Dies. Answers whom it had not answered.
    pub(crate) fn crash(&mut self, world: &mut World<'_>) -> Vec<AttemptId> {
        let dead = std::mem::take(self);
        if let Some(session) = dead.session {
            world.database.abandon(session.id, world.dice);
        }
        let mut lost: Vec<AttemptId> = dead.queue.into();
        lost.extend(dead.todo.into_iter().flat_map(|(jobs, _)| jobs));
        lost.extend(dead.work.into_iter().flat_map(|work| work.jobs));
        lost
    }

    /// Loses its session, without knowing it yet.
    pub(crate) fn cut(&mut self, world: &mut World<'_>) -> bool {
        let Some(session) = &self.session else { return false };
        world.database.abandon(session.id, world.dice);
        true
    }

    pub(crate) fn session(&self) -> Option<SessionId> {
        self.session.as_ref().map(|session| session.id)
    }

    pub(crate) fn is_committing(&self) -> bool {
        let stage = self.work.as_ref().map(|work| &work.stage);
        matches!(stage, Some(Stage::Committing))
    }

    /// Does its next step. `false`: it waits for something.
    pub(crate) fn step(&mut self, world: &mut World<'_>) -> bool {
        let Some(work) = self.work.take() else { return self.begin(world) };
        let (work, moved) = self.go_on(work, world);
        self.work = work;
        moved
    }

    fn begin(&mut self, world: &mut World<'_>) -> bool {
        if self.todo.is_empty() {
            if self.queue.is_empty() {
                let is_open = self.session.as_ref().is_some_and(|session| session.is_open);
                if is_open {
                    self.work = Some(Work::without_jobs(Stage::Resting));
                    self.roll_back(world);
                }
                return is_open;
            }
            let most = 1 + world.dice.below(MOST);
            let taken = self.queue.len().min(most);
            self.todo.push_back((self.queue.drain(..taken).collect(), true));
        }
        let (mut jobs, again) = self.todo.pop_front().unwrap();
        jobs.retain(|id| {
            let wanted = world.ledger.attempts[*id].ticket != Ticket::GivenUp;
            if !wanted {
                world.ledger.tell(&world.database.policy, *id, Answered::Failed);
            }
            wanted
        });
        if !jobs.is_empty() {
            let commands = jobs.iter().map(|id| world.ledger.attempts[*id].command.clone());
            let commands = commands.collect();
            let mut work = Work { jobs, commands, again, ..Work::without_jobs(Stage::Idle) };
            self.lock(&mut work, world);
            self.work = Some(work);
        }
        true
    }

    fn roll_back(&mut self, world: &mut World<'_>) {
        if let Some(session) = &mut self.session {
            session.is_open = false;
            world.database.send(session.id, Statement::RollBack);
        }
    }

    /// Waits for the lock, on a new session where there is none.
    fn lock(&mut self, work: &mut Work, world: &mut World<'_>) {
        let session = self.session.get_or_insert_with(|| Session {
            id: world.database.connect(),
            is_open: false,
            memory: None,
        });
        if session.is_open {
            work.stage = Stage::RollingBack;
            self.roll_back(world);
        } else if world.database.knobs.has(Sabotage::EarlySnapshot) {
            self.load_first(work, world);
        } else {
            work.stage = Stage::Locking;
            world.database.send(session.id, Statement::Lock);
        }
    }

    /// Loads what is needed beyond what is remembered.
    fn load_first(&mut self, work: &mut Work, world: &mut World<'_>) {
        let Some(session) = &mut self.session else { return };
        let mut needs = Needs::for_commands(&world.database.policy, &work.commands);
        work.stage = match session.memory.take() {
            Some(before) => {
                needs.leave_out(&before.snapshot);
                Stage::LoadingAfter(Box::new(before))
            }
            None => Stage::Loading(None),
        };
        world.database.send(session.id, Statement::Load(needs));
    }

    /// One step of what is under way. Answers what is under way then, and whether anything moved.
    fn go_on(&mut self, mut work: Work, world: &mut World<'_>) -> (Option<Work>, bool) {
        match std::mem::replace(&mut work.stage, Stage::Idle) {
            Stage::Deciding(loaded) => return (self.decide(work, loaded, world), true),
            Stage::Answering(mut answers) => {
                if let Some((id, answer)) = answers.pop_front() {
                    world.ledger.tell(&world.database.policy, id, answer);
                }
                let next = (!answers.is_empty()).then_some(Stage::Answering(answers));
                return (next.map(|stage| Work { stage, ..work }), true);
            }
            stage => work.stage = stage,
        }
        let Some(session) = &self.session else { unreachable!("a session is waited for") };
        match world.database.receive(session.id) {
            Reply::Nothing => (Some(work), false),
            Reply::Lost => (self.lost(work, world), true),
            Reply::Answer(answer) => (self.answered(work, answer, world), true),
        }
    }
}

//! The modelled database: sessions, the lock, statements that are under way, and what each of the
//! two databases guarantees about them.
//!
//! A statement is sent, executed and answered in three steps. A session that was lost in between
//! lives on in PostgreSQL: what was sent may still be executed, and the lock is held until the
//! server notices.

mod statements;

use std::collections::BTreeMap;

use orders_core::decide::OwnKey;
use orders_core::policy::Slot;
use orders_core::{Needs, OrderId, Outcome, Policy, ServiceId, Snapshot, Timestamp};

use crate::dice::Dice;
use crate::knobs::Knobs;
use crate::tables::{Tables, Writes};

/// Which database is modelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One writer by `BEGIN IMMEDIATE`; a session dies with its process, at once.
    Sqlite,
    /// A lock of the transaction, one snapshot a statement; sessions outlive their processes.
    Postgres,
}

pub(crate) type SessionId = usize;

/// What can be sent.
#[derive(Debug, Clone)]
pub(crate) enum Statement {
    /// Begins a transaction and takes the lock, or waits for it.
    Lock,
    /// Reads, by one snapshot of what is committed.
    Load(Needs),
    /// Reads kept answers.
    Find(Vec<OwnKey>),
    /// Writes, without a commit.
    Apply(Writes),
    Commit,
    RollBack,
    /// Looks whether some writes are there.
    Look(Writes),
}

/// What was loaded by one statement.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) witness: Option<u64>,
    pub(crate) now: Timestamp,
    pub(crate) snapshot: Snapshot,
}

#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Done,
    Loaded(Box<Loaded>),
    Found(Vec<Option<Outcome>>),
    /// Whether it is there.
    Seen(bool),
    /// Refused by a constraint; nothing was written.
    Refused,
    /// Failed for another reason: a time limit, no space.
    Failed,
}

/// What comes back from a session.
#[derive(Debug)]
pub(crate) enum Reply {
    Nothing,
    Answer(Answer),
    Lost,
}

#[derive(Debug, Default)]
struct Session {
    /// Whether the process can still hear of it.
    abandoned: bool,
    sent: Option<Statement>,
    answer: Option<Answer>,
    transaction: Option<Writes>,
    own_commits: u64,
}

/// A transaction that was committed, for the ledger.
#[derive(Debug)]
pub(crate) struct Committed(pub(crate) Writes);

pub(crate) struct Database {
    pub(crate) kind: Kind,
    pub(crate) policy: Policy,
    pub(crate) services: Vec<ServiceId>,
    pub(crate) tables: Tables,
    pub(crate) knobs: Knobs,
    pub(crate) now_ms: i64,
    pub(crate) committed: Vec<Committed>,
    sessions: BTreeMap<SessionId, Session>,
    next: SessionId,
    lock: Option<SessionId>,
    commits: u64,
    /// Transactions that have written, be they committed or not.
    written: u64,
}

impl Database {
    pub(crate) fn new(kind: Kind, policy: Policy, services: Vec<ServiceId>, knobs: Knobs) -> Self {
        Self {
            kind,
            policy,
            services,
            tables: Tables::default(),
            knobs,
            now_ms: 1_667_000_000_000,
            committed: Vec::new(),
            sessions: BTreeMap::new(),
            next: 0,
            lock: None,
            commits: 0,
            written: 0,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms).unwrap()
    }

    pub(crate) fn connect(&mut self) -> SessionId {
        self.next += 1;
        self.sessions.insert(self.next, Session::default());
        self.next
    }

    pub(crate) fn send(&mut self, id: SessionId, statement: Statement) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.sent = Some(statement);
        }
    }

    /// What has come back, if anything has.
    pub(crate) fn receive(&mut self, id: SessionId) -> Reply {
        match self.sessions.get_mut(&id) {
            Some(session) if !session.abandoned => {
                session.answer.take().map_or(Reply::Nothing, Reply::Answer)
            }
            _ => Reply::Lost,
        }
    }

    /// The process will not hear of the session any more.
    pub(crate) fn abandon(&mut self, id: SessionId, dice: &mut Dice) {
        match self.kind {
            // There is nobody between: what was begun is done or not done, and the locks are gone.
            Kind::Sqlite => {
                if dice.one_in(2) {
                    self.execute(id, dice);
                }
                self.end(id);
            }
            Kind::Postgres => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.abandoned = true;
                }
            }
        }
    }

    /// The server ends a session: it has noticed that nobody is there, or was told to.
    pub(crate) fn end(&mut self, id: SessionId) {
        self.sessions.remove(&id);
        if self.lock == Some(id) {
            self.lock = None;
        }
    }

    /// All sessions end at once, with what they had not committed.
    pub(crate) fn crash(&mut self, dice: &mut Dice) {
        for id in self.ids() {
            if dice.one_in(2) {
                self.execute(id, dice);
            }
            self.end(id);
        }
    }

    pub(crate) fn ids(&self) -> Vec<SessionId> {
        self.sessions.keys().copied().collect()
    }

    /// One step of the server for a session. `false`: there was nothing that it could do.
    pub(crate) fn step(&mut self, id: SessionId, dice: &mut Dice) -> bool {
        let Some(session) = self.sessions.get(&id) else { return false };
        if session.abandoned {
            // It takes the server a while to notice.
            if !dice.one_in(16) {
                return false;
            }
            if session.sent.is_none() || dice.one_in(3) {
                self.end(id);
                return true;
            }
        }
        self.execute(id, dice)
    }

    /// A row from past the service: a place without an order. `false` if it is refused.
    pub(crate) fn stray(&mut self, slot: Slot, id: OrderId) -> bool {
        let refused = match self.kind {
            // It would have to wait.
            Kind::Sqlite => self.lock.is_some(),
            // Nothing but the constraint stands between it and those who hold the lock.
            Kind::Postgres => !self.knobs.backstop,
        };
        if refused {
            return false;
        }
        let open = self.sessions.values().filter_map(|session| session.transaction.as_ref());
        let mut then = self.tables.clone();
        open.for_each(|writes| then.apply(&self.policy, writes.clone()));
        if then.neighbour(self.policy.window, &id, &slot).is_some() {
            return false;
        }
        self.tables.add_slot(slot, id);
        self.commits += 1;
        self.written += 1;
        true
    }
}

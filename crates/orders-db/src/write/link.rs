//! The writer's connection: opened again when it is lost, and asked what became of a commit that it
//! did not answer.

use std::time::{Duration, Instant};

use crate::apply::{Applied, Writes, apply};
use crate::connection::{AnyConnection, Manager};
use crate::error::Trouble;
use crate::memory::Memory;
use crate::ticket::{self, Ticket};
use crate::transaction;

/// How long the fate of a commit that was not answered is asked for.
const FATE_PATIENCE: Duration = Duration::from_secs(3);

/// Why an attempt has no outcome.
#[derive(Debug)]
pub(super) enum Failure {
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

/// How long PostgreSQL's lock is kept for a caller who is heard from again at once: so he waits for
/// one round trip less.
const KEPT_FOR_NEXT: Duration = Duration::from_millis(1);
/// How long it is kept at most, before others have their turn.
const MOST_KEPT: Duration = Duration::from_millis(5);

/// Looks whether what was to be written is there; `None` where nothing tells.
pub(super) type Look<'a> = &'a dyn Fn(&mut AnyConnection) -> Result<Option<bool>, Trouble>;

/// What of the database a session holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// Nothing: others may write.
    Nothing,
    /// The lock. Only PostgreSQL has it apart from a transaction.
    Lock,
    /// The lock, until the statement that was sent has committed. Nobody knows if that was refused.
    LockUntilCommit,
    /// The lock, and a transaction that is open.
    Transaction,
}

/// A connection, and what was seen by it that may be true still.
pub(super) struct Session {
    pub(super) connection: AnyConnection,
    pub(super) memory: Memory,
    hold: Hold,
    /// Since when PostgreSQL's lock is held.
    locked: Instant,
}

impl Session {
    fn new(connection: AnyConnection) -> Self {
        let memory = Memory::default();
        Self { connection, memory, hold: Hold::Nothing, locked: Instant::now() }
    }

    /// Waits for the lock. If it has been kept for long, others have their turn before.
    fn lock(&mut self) -> Result<(), Trouble> {
        self.roll_back();
        if self.hold == Hold::LockUntilCommit {
            self.let_go()?;
        }
        match (&mut self.connection, self.hold) {
            (AnyConnection::Postgres(_), Hold::Lock) if self.locked.elapsed() < MOST_KEPT => {
                return Ok(());
            }
            (AnyConnection::Postgres(connection), hold) => {
                if hold == Hold::Lock {
                    transaction::lock_again(connection)?;
                } else {
                    transaction::lock(connection)?;
                }
                self.hold = Hold::Lock;
                self.memory.lose_lock();
            }
            (AnyConnection::Sqlite(_), _) => {
                transaction::begin(&mut self.connection)?;
                self.hold = Hold::Transaction;
                self.memory.lose_lock();
            }
        }
        self.locked = Instant::now();
        Ok(())
    }

    /// Opens a transaction under the lock, unless that is one.
    pub(super) fn open_transaction(&mut self) -> Result<(), Trouble> {
        if self.hold == Hold::Lock {
            transaction::begin(&mut self.connection)?;
            self.hold = Hold::Transaction;
        }
        Ok(())
    }

    /// The transaction is over, the lock may be held still.
    fn close_transaction(&mut self) {
        let is_held = self.keeps_lock() && self.hold != Hold::LockUntilCommit;
        self.hold = if is_held { Hold::Lock } else { Hold::Nothing };
    }

    fn roll_back(&mut self) {
        if self.hold == Hold::Transaction {
            transaction::roll_back(&mut self.connection);
            self.close_transaction();
        }
    }

    /// Whether the lock is kept when nothing is open any more.
    pub(super) fn keeps_lock(&self) -> bool {
        matches!(self.connection, AnyConnection::Postgres(_))
    }

    /// Sees to it that a commit that failed, and that is not there, will not be there later.
    fn bury(&mut self) -> Result<(), Trouble> {
        transaction::bury(&mut self.connection)?;
        self.close_transaction();
        Ok(())
    }

    /// Gives up what is held.
    fn let_go(&mut self) -> Result<(), Trouble> {
        self.roll_back();
        if let AnyConnection::Postgres(connection) = &mut self.connection {
            match self.hold {
                Hold::Lock => transaction::unlock(connection)?,
                Hold::LockUntilCommit => transaction::unlock_if_held(connection)?,
                Hold::Nothing | Hold::Transaction => {}
            }
        }
        self.hold = Hold::Nothing;
        Ok(())
    }
}

/// The way to the database.
pub(super) struct Link {
    manager: Manager,
    session: Option<Session>,
}

impl Link {
    pub(super) fn new(manager: Manager, connection: AnyConnection) -> Self {
        Self { manager, session: Some(Session::new(connection)) }
    }

    /// Drops the connection, and whatever it is in the middle of.
    pub(super) fn cut(&mut self) {
        self.session = None;
    }

    /// Takes back a session that is not used any more. What it holds it holds until [`Self::rest`] or
    /// [`Self::lock`], so that callers are answered first.
    pub(super) fn keep(&mut self, session: Session) {
        self.session = Some(session);
    }

    /// How long to wait for what is to be written next, before others have their turn.
    pub(super) fn patience(&self) -> Duration {
        match &self.session {
            Some(session) if session.hold == Hold::Lock => {
                MOST_KEPT.saturating_sub(session.locked.elapsed()).min(KEPT_FOR_NEXT)
            }
            _ => Duration::ZERO,
        }
    }

    /// Lets others write.
    pub(super) fn rest(&mut self) {
        if let Some(Err(trouble)) = self.session.as_mut().map(Session::let_go) {
            self.lose_lock(&trouble);
        }
    }

    /// The lock is not where it should be, so the connection is of no use.
    fn lose_lock(&mut self, trouble: &Trouble) {
        log::warn!("the lock of the database could not be given up: {trouble:?}");
        self.cut();
    }

    /// Waits for the lock, on a new connection where there is none.
    pub(super) fn lock(&mut self) -> Result<Session, Failure> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => Session::new(self.manager.open().map_err(Trouble::from)?),
        };
        session.lock()?;
        Ok(session)
    }

    /// Takes back a session whose work failed, unless it is what failed.
    pub(super) fn give_back(&mut self, mut session: Session, failure: Failure) -> Failure {
        if !matches!(failure, Failure::NotWritten(Trouble::Lost(_))) {
            session.memory = Memory::default();
            self.session = Some(session);
        }
        failure
    }

    /// What became of a transaction whose commit was not answered, by a look at what it wrote.
    /// Under the lock, which the lost transaction holds as long as it is not over; so what is seen
    /// then is its fate.
    fn fate(&mut self, look: Look<'_>, failure: &Failure) -> Option<bool> {
        // Where a disk is full, or another holds a lock, nothing was left that could come back.
        let may_come_back = matches!(failure, Failure::NotWritten(Trouble::Lost(_)));
        let deadline = Instant::now() + FATE_PATIENCE;
        loop {
            match self.look_under_lock(look, may_come_back) {
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
        look: Look<'_>,
        may_come_back: bool,
    ) -> Result<Option<bool>, Trouble> {
        let mut session = Session::new(self.manager.open()?);
        session.lock()?;
        let found = look(&mut session.connection)?;
        if found == Some(false)
            && may_come_back
            && let Err(trouble) = session.bury()
        {
            log::error!("a commit that failed may come back with a crash: {trouble:?}");
            return Ok(None);
        }
        self.session = Some(session);
        Ok(found)
    }

    /// Writes and commits.
    pub(super) fn write(
        &mut self,
        mut session: Session,
        tickets: &[&Ticket],
        writes: &Writes<'_>,
        look: Look<'_>,
    ) -> Result<(), Failure> {
        let mut was_locked = true;
        let mut apply = |connection: &mut AnyConnection| match apply(connection, writes)? {
            Applied::All => Ok(()),
            Applied::AllWithoutLock => {
                was_locked = false;
                Ok(())
            }
        };
        // PostgreSQL's one statement is a transaction of its own: it saves two ways.
        if session.hold == Hold::Lock {
            let while_sent =
                if writes.gives_up_lock() { Hold::LockUntilCommit } else { Hold::Lock };
            let written = self.commit_by(session, while_sent, tickets, look, apply);
            if !was_locked {
                self.lose_lock(&transaction::not_ours());
            }
            return written;
        }
        match apply(&mut session.connection) {
            Ok(()) => self.commit(session, tickets, look),
            Err(failure) => Err(self.give_back(session, failure)),
        }
    }

    /// Commits the transaction that is open.
    pub(super) fn commit(
        &mut self,
        session: Session,
        tickets: &[&Ticket],
        look: Look<'_>,
    ) -> Result<(), Failure> {
        let send = |connection: &mut AnyConnection| Ok(transaction::commit(connection)?);
        self.commit_by(session, Hold::Transaction, tickets, look, send)
    }

    /// Sends what commits; where that is not answered, finds out what became of it. `while_sent` is what
    /// is held meanwhile.
    fn commit_by(
        &mut self,
        mut session: Session,
        while_sent: Hold,
        tickets: &[&Ticket],
        look: Look<'_>,
        send: impl FnOnce(&mut AnyConnection) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if !ticket::begin_commit(tickets) {
            return Err(self.give_back(session, Failure::Abandoned));
        }
        session.hold = while_sent;
        let failure = match send(&mut session.connection) {
            Ok(()) => {
                session.close_transaction();
                self.session = Some(session);
                return Ok(());
            }
            Err(failure) => failure,
        };
        // A statement that was refused did nothing; of a COMMIT nobody knows.
        let is_one_statement = matches!(session.hold, Hold::Lock | Hold::LockUntilCommit);
        if is_one_statement && !matches!(failure, Failure::NotWritten(Trouble::Lost(_))) {
            ticket::take_back_commit(tickets);
            return Err(self.give_back(session, failure));
        }
        log::warn!("the commit was not answered, looking whether it took place: {failure:?}");
        drop(session);
        match self.fate(look, &failure) {
            Some(true) => Ok(()),
            Some(false) => {
                ticket::take_back_commit(tickets);
                Err(failure)
            }
            None => Err(Failure::Unknown),
        }
    }
}

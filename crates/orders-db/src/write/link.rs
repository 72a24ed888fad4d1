//! The writer's connection: opened again when it is lost, and asked what became of a commit that it
//! did not answer.

use std::time::{Duration, Instant};

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

/// A connection, and what was seen by it that may be true still.
pub(super) struct Session {
    pub(super) connection: AnyConnection,
    pub(super) memory: Memory,
}

impl Session {
    fn new(connection: AnyConnection) -> Self {
        Self { connection, memory: Memory::default() }
    }

    pub(super) fn roll_back(&mut self) {
        transaction::roll_back(&mut self.connection);
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

    /// Takes back the session whose transaction is over.
    pub(super) fn keep(&mut self, session: Session) {
        self.session = Some(session);
    }

    /// Opens a transaction that has the lock.
    pub(super) fn begin(&mut self) -> Result<Session, Failure> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => Session::new(self.manager.open().map_err(Trouble::from)?),
        };
        transaction::begin(&mut session.connection)?;
        Ok(session)
    }

    /// Ends a failed transaction and keeps the connection, unless that is what failed.
    pub(super) fn give_back(&mut self, mut session: Session, failure: Failure) -> Failure {
        if !matches!(failure, Failure::NotWritten(Trouble::Lost(_))) {
            session.roll_back();
            self.session = Some(Session::new(session.connection));
        }
        failure
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
    pub(super) fn commit(
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
}

//! The writer's connection and its commits. Reopens a lost connection, and determines whether a commit
//! without a response took place.

use std::time::{Duration, Instant};

use crate::database::connection::{AnyConnection, Manager};
use crate::database::error::DbError;
use crate::database::transaction;
use crate::write::snapshot_cache::SnapshotCache;
use crate::write::ticket::{self, Ticket};

/// How long to look up the outcome of a commit without a response.
const OUTCOME_TIMEOUT: Duration = Duration::from_secs(3);

/// Why an attempt has no outcome.
#[derive(Debug)]
pub(super) enum Failure {
    /// A command was cancelled before the commit. Nothing was written.
    Abandoned,
    /// Nothing was written.
    NotWritten(DbError),
    /// The connection was lost during the commit, and its outcome is unknown.
    Unknown,
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        Self::NotWritten(error)
    }
}

/// Checks whether the writes of a transaction are in the database; `None` if it wrote nothing.
pub(super) type Look<'a> = &'a dyn Fn(&mut AnyConnection) -> Result<Option<bool>, DbError>;

/// A session of the writer, and what it has cached of the database. While the writer uses it, it is in
/// a transaction that holds the lock of the database.
pub(super) struct WriterSession {
    pub(super) connection: AnyConnection,
    pub(super) cache: SnapshotCache,
    /// Whether a transaction is open, which holds the lock.
    is_open: bool,
}

impl WriterSession {
    fn new(connection: AnyConnection) -> Self {
        Self { connection, cache: SnapshotCache::default(), is_open: false }
    }

    /// Opens a transaction and waits for the lock.
    fn begin(&mut self) -> Result<(), DbError> {
        self.roll_back();
        transaction::begin(&mut self.connection)?;
        self.is_open = true;
        Ok(())
    }

    /// Rolls back the transaction, if one is open.
    fn roll_back(&mut self) {
        if std::mem::take(&mut self.is_open) {
            transaction::roll_back(&mut self.connection);
        }
    }
}

/// The writer's connection to the database.
pub(super) struct WriterConnection {
    manager: Manager,
    /// `None` while the session is in use, and after the connection was lost.
    idle: Option<WriterSession>,
}

impl WriterConnection {
    pub(super) fn new(manager: Manager, connection: AnyConnection) -> Self {
        Self { manager, idle: Some(WriterSession::new(connection)) }
    }

    /// Drops the connection and its transaction.
    pub(super) fn disconnect(&mut self) {
        self.idle = None;
    }

    /// Opens a transaction and waits for the lock. Opens a connection if there is none.
    pub(super) fn lock(&mut self) -> Result<WriterSession, Failure> {
        let mut session = match self.idle.take() {
            Some(session) => session,
            None => WriterSession::new(self.manager.open().map_err(DbError::from)?),
        };
        session.begin()?;
        Ok(session)
    }

    /// Returns a session that has written nothing. It holds the lock until [`Self::release`], so that
    /// callers get their replies before the round trip that releases it.
    pub(super) fn keep(&mut self, session: WriterSession) {
        self.idle = Some(session);
    }

    /// Rolls back the transaction that [`Self::keep`] left open, so that other processes may write.
    pub(super) fn release(&mut self) {
        if let Some(session) = &mut self.idle {
            session.roll_back();
        }
    }

    /// Rolls back a session whose work failed. A lost connection is dropped.
    pub(super) fn abort(&mut self, mut session: WriterSession, failure: Failure) -> Failure {
        if !matches!(failure, Failure::NotWritten(DbError::Lost(_))) {
            session.cache = SnapshotCache::default();
            session.roll_back();
            self.idle = Some(session);
        }
        failure
    }

    /// Commits. If the commit has no response, looks up its outcome.
    pub(super) fn commit(
        &mut self,
        mut session: WriterSession,
        tickets: &[&Ticket],
        look: Look<'_>,
    ) -> Result<(), Failure> {
        if !ticket::begin_commit(tickets) {
            return Err(self.abort(session, Failure::Abandoned));
        }
        let Err(error) = transaction::commit(&mut session.connection) else {
            session.is_open = false;
            self.idle = Some(session);
            return Ok(());
        };
        log::warn!("the commit has no response, looking up its outcome: {error:?}");
        drop(session);
        match self.find_outcome(look, &error) {
            Some(true) => Ok(()),
            Some(false) => {
                ticket::revert_commit(tickets);
                Err(error.into())
            }
            None => Err(Failure::Unknown),
        }
    }

    /// Determines whether a commit without a response took place, from what it wrote. Reads under the
    /// lock, which the lost transaction holds until it ends.
    fn find_outcome(&mut self, look: Look<'_>, error: &DbError) -> Option<bool> {
        // A full disk or a held lock leaves nothing that could take effect later.
        let may_come_back = matches!(error, DbError::Lost(_));
        let deadline = Instant::now() + OUTCOME_TIMEOUT;
        loop {
            match self.look_under_lock(look, may_come_back) {
                Ok(found) => return found,
                Err(error) if Instant::now() > deadline => {
                    log::error!("the outcome of a commit is unknown: {error:?}");
                    return None;
                }
                // A restarting server is soon available.
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    fn look_under_lock(
        &mut self,
        look: Look<'_>,
        may_come_back: bool,
    ) -> Result<Option<bool>, DbError> {
        let mut session = WriterSession::new(self.manager.open()?);
        session.begin()?;
        let found = look(&mut session.connection)?;
        if found == Some(false) && may_come_back {
            if let Err(error) = transaction::neutralize_failed_commit(&mut session.connection) {
                log::error!("a failed commit may take effect after a crash: {error:?}");
                return Ok(None);
            }
            session.is_open = false;
        }
        self.idle = Some(session);
        Ok(found)
    }
}

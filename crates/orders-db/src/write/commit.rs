//! The writer's connection and its commits. Reopens a lost connection, and finds out whether a commit
//! that was not answered took place.

use std::time::{Duration, Instant};

use crate::database::connection::{AnyConnection, Manager};
use crate::database::error::DbError;
use crate::database::transaction;
use crate::write::snapshot_cache::SnapshotCache;
use crate::write::ticket::{self, Ticket};

/// How long the fate of a commit that was not answered is looked up.
const FATE_TIMEOUT: Duration = Duration::from_secs(3);

/// Why an attempt has no outcome.
#[derive(Debug)]
pub(super) enum Failure {
    /// A caller gave up before the commit. Nothing was written.
    Abandoned,
    /// Nothing was written.
    NotWritten(DbError),
    /// The connection was lost during the commit, and its fate could not be found out.
    Unknown,
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        Self::NotWritten(error)
    }
}

/// Whether the writes of a transaction are in the database; `None` where there is nothing to look for.
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

    /// Drops the connection, and the transaction it is in.
    pub(super) fn cut(&mut self) {
        self.idle = None;
    }

    /// Opens a transaction and waits for the lock, on a new connection where there is none.
    pub(super) fn lock(&mut self) -> Result<WriterSession, Failure> {
        let mut session = match self.idle.take() {
            Some(session) => session,
            None => WriterSession::new(self.manager.open().map_err(DbError::from)?),
        };
        session.begin()?;
        Ok(session)
    }

    /// Takes back a session that has written nothing. It holds the lock until [`Self::release`], so
    /// that callers are answered before the round trip that releases it.
    pub(super) fn keep(&mut self, session: WriterSession) {
        self.idle = Some(session);
    }

    /// Rolls back what [`Self::keep`] left open, so that other processes may write.
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

    /// Commits. If the commit is not answered, finds out what became of it.
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
        log::warn!("the commit was not answered, looking up whether it took place: {error:?}");
        drop(session);
        match self.fate(look, &error) {
            Some(true) => Ok(()),
            Some(false) => {
                ticket::take_back_commit(tickets);
                Err(error.into())
            }
            None => Err(Failure::Unknown),
        }
    }

    /// Whether a commit that was not answered took place, by a look at what it wrote. The look is
    /// taken under the lock, which the lost transaction holds until it is over.
    fn fate(&mut self, look: Look<'_>, error: &DbError) -> Option<bool> {
        // A full disk or a lock that another process holds leaves nothing that could come back.
        let may_come_back = matches!(error, DbError::Lost(_));
        let deadline = Instant::now() + FATE_TIMEOUT;
        loop {
            match self.look_under_lock(look, may_come_back) {
                Ok(found) => return found,
                Err(error) if Instant::now() > deadline => {
                    log::error!("the fate of a commit is unknown: {error:?}");
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
    ) -> Result<Option<bool>, DbError> {
        let mut session = WriterSession::new(self.manager.open()?);
        session.begin()?;
        let found = look(&mut session.connection)?;
        if found == Some(false) && may_come_back {
            if let Err(error) = transaction::neutralize_failed_commit(&mut session.connection) {
                log::error!("a failed commit may come back with a crash: {error:?}");
                return Ok(None);
            }
            session.is_open = false;
        }
        self.idle = Some(session);
        Ok(found)
    }
}

//! Transactional imports: one transaction that is stored completely or not at all. The rows arrive in
//! chunks, so that they are never all in memory.
//!
//! Invariant: no row is visible before all are committed.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use orders_core::decide::{Changes, OperationResult};
use orders_core::service::ServiceCommand;
use orders_core::{Command, Outcome};

use super::commit::{Failure, WriterSession};
use super::decide::{Decided, decide_all, is_there};
use super::writer::{Writer, store_error};
use crate::StoreError;
use crate::database::error::DbError;
use crate::write::audit::Author;
use crate::write::change::{self, ChangeResult};
use crate::write::queue::Reply;
use crate::write::snapshot_cache::SnapshotCache;
use crate::write::store_rows::{Writes, apply};
use crate::write::ticket::Ticket;

/// How long the writer waits for the next chunk while it holds the lock.
const PART_TIMEOUT: Duration = Duration::from_secs(10);

/// A part of a transactional import.
pub(crate) enum Part {
    Orders(Command, Reply<Vec<OperationResult>>),
    Service(Author, ServiceCommand, Reply<ChangeResult<ServiceCommand>>),
    Commit(Reply<()>),
}

/// A transactional import. If its parts end without a commit, nothing is stored.
pub(crate) struct ImportJob {
    pub(crate) parts: Receiver<Part>,
    pub(crate) ticket: Ticket,
    /// Called when the lock is held.
    pub(crate) begun: Reply<()>,
}

impl Writer {
    pub(super) fn run_import(&mut self, job: ImportJob) {
        let ImportJob { parts, ticket, begun } = job;
        let mut session = match self.begin_import(&ticket) {
            Ok(session) => session,
            Err(failure) => return begun(Err(self.counted(failure))),
        };
        begun(Ok(()));
        let mut last = None;
        while let Ok(part) = parts.recv_timeout(PART_TIMEOUT) {
            match part {
                Part::Orders(command, reply) => {
                    match self.store_part(&mut session, command, &ticket) {
                        Ok((results, changes)) => {
                            last = if changes.is_empty() { last } else { Some(changes) };
                            reply(Ok(results));
                        }
                        Err(failure) => return reply(Err(self.cancel(session, failure))),
                    }
                }
                Part::Service(author, command, reply) => {
                    match change::apply(&mut session.connection, &author, &command) {
                        Ok(result) => reply(Ok(result)),
                        Err(error) => return reply(Err(self.cancel(session, error.into()))),
                    }
                }
                Part::Commit(reply) => {
                    let look = |connection: &mut _| match &last {
                        Some(changes) => is_there(connection, changes, &[]),
                        None => Ok(None),
                    };
                    let committed = self.connection.commit(session, &[&ticket], &look);
                    if let (Ok(()), Some(changes)) = (&committed, &last) {
                        self.latest.publish(&changes.events);
                    }
                    return reply(committed.map_err(|failure| self.counted(failure)));
                }
            }
        }
        // The import was dropped, or the next part took too long.
        drop(self.connection.abort(session, Failure::Abandoned));
    }

    fn begin_import(&mut self, ticket: &Ticket) -> Result<WriterSession, Failure> {
        if !ticket.is_wanted() {
            return Err(Failure::Abandoned);
        }
        self.connection.lock()
    }

    /// Decides a chunk and writes it, without a commit.
    fn store_part(
        &mut self,
        session: &mut WriterSession,
        command: Command,
        ticket: &Ticket,
    ) -> Result<(Vec<OperationResult>, Changes), Failure> {
        // This transaction's own writes are not in what was cached before.
        session.cache = SnapshotCache::default();
        let commands = [command];
        let WriterSession { connection, cache, .. } = session;
        let Decided { loaded, decision, .. } =
            decide_all(connection, cache, &self.policy, &commands, &[ticket])?;
        self.policy = loaded.policy;
        decision.outcomes.iter().for_each(|outcome| self.metrics.decided(outcome));
        apply(connection, &Writes::new(&self.policy, &decision.changes, &[]))?;
        session.cache = SnapshotCache::default();
        match decision.outcomes.into_iter().next() {
            Some(Outcome::Batch { results, .. }) => Ok((results, decision.changes)),
            Some(Outcome::One(_) | Outcome::Repeated | Outcome::KeyReused) | None => {
                Err(DbError::Failed("a chunk was not decided as a batch".to_owned()).into())
            }
        }
    }

    fn cancel(&mut self, session: WriterSession, failure: Failure) -> StoreError {
        let failure = self.connection.abort(session, failure);
        self.counted(failure)
    }

    fn counted(&self, failure: Failure) -> StoreError {
        self.count(&failure);
        store_error(failure)
    }
}

//! Transactional imports: stored completely or not at all.

use std::sync::mpsc::{self, SyncSender};
use std::time::Instant;

use orders_core::{Command, ServiceCommand, Verdict};

use super::Store;
use crate::write::change::ChangeResult;
use crate::write::{Job, Part, WholeJob};
use crate::{Reply, StoreError};

/// An import in one transaction. It holds the write lock, so that no other write can run. Dropping
/// it rolls everything back.
pub struct WholeImport {
    parts: SyncSender<Part>,
}

impl Store {
    /// Begins a transactional import, which must end by `deadline`. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], or [`StoreError::Overloaded`] if others hold the lock.
    pub fn begin_whole(&self, deadline: Instant) -> Result<WholeImport, StoreError> {
        let (parts, received) = mpsc::sync_channel(1);
        let ticket = self.ticket(deadline);
        answer(|begun| self.queue(Job::Whole(WholeJob { parts: received, ticket, begun })))?;
        Ok(WholeImport { parts })
    }
}

impl WholeImport {
    /// Decides a batch and writes what is accepted. Blocks.
    ///
    /// # Errors
    /// A database error; then nothing of the import is stored.
    pub fn add_orders(&self, command: Command) -> Result<Vec<Verdict>, StoreError> {
        self.ask(|reply| Part::Orders(command, reply))
    }

    /// Decides and stores a change to a service. Blocks.
    ///
    /// # Errors
    /// A database error; then nothing of the import is stored.
    pub fn change_services(
        &self,
        command: ServiceCommand,
    ) -> Result<ChangeResult<ServiceCommand>, StoreError> {
        self.ask(|reply| Part::Service(command, reply))
    }

    /// Commits. Blocks.
    ///
    /// # Errors
    /// [`StoreError::OutcomeUnknown`] if it cannot be found out whether the import is stored. After
    /// any other error it is not.
    pub fn commit(self) -> Result<(), StoreError> {
        self.ask(Part::Commit)
    }

    fn ask<T: Send + 'static>(&self, part: impl FnOnce(Reply<T>) -> Part) -> Result<T, StoreError> {
        // A closed channel means that the import was cancelled.
        answer(|reply| drop(self.parts.send(part(reply))))
    }
}

fn answer<T: Send + 'static>(ask: impl FnOnce(Reply<T>)) -> Result<T, StoreError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    ask(Box::new(move |answer| drop(sender.send(answer))));
    let cancelled = || StoreError::Unavailable("the import was cancelled".to_owned());
    receiver.recv().unwrap_or_else(|_closed| Err(cancelled()))
}

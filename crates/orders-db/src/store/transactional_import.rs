//! Transactional imports.

use std::sync::mpsc::{self, SyncSender};
use std::time::Instant;

use orders_core::Command;
use orders_core::decide::OperationResult;
use orders_core::service::ServiceCommand;

use super::Store;
use crate::write::audit::Author;
use crate::write::change::ChangeResult;
use crate::write::{ImportJob, Job, Part};
use crate::{Reply, StoreError};

/// An import that is stored completely or not at all. While one is open, no other write is possible.
/// Dropping it leaves the database unchanged.
pub struct TransactionalImport {
    parts: SyncSender<Part>,
}

impl Store {
    /// Begins a transactional import, which must end by `deadline`. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], or [`StoreError::Overloaded`] if others hold the lock.
    pub fn begin_transactional_import(
        &self,
        deadline: Instant,
    ) -> Result<TransactionalImport, StoreError> {
        let (parts, received) = mpsc::sync_channel(1);
        let ticket = self.ticket(deadline);
        wait_for_reply(|begun| {
            self.queue(Job::Import(ImportJob { parts: received, ticket, begun }));
        })?;
        Ok(TransactionalImport { parts })
    }
}

impl TransactionalImport {
    /// Validates a batch of imports and writes the accepted orders. Blocks.
    ///
    /// # Errors
    /// A database error. Nothing of the import is stored.
    pub fn add_orders(&self, command: Command) -> Result<Vec<OperationResult>, StoreError> {
        self.send(|reply| Part::Orders(command, reply))
    }

    /// Validates a change to the services, and stores it. Blocks.
    ///
    /// # Errors
    /// A database error. Nothing of the import is stored.
    pub fn change_services(
        &self,
        author: Author,
        command: ServiceCommand,
    ) -> Result<ChangeResult<ServiceCommand>, StoreError> {
        self.send(|reply| Part::Service(author, command, reply))
    }

    /// Commits. Blocks.
    ///
    /// # Errors
    /// [`StoreError::OutcomeUnknown`] if it is unknown whether the import is stored. With any other
    /// error it is not stored.
    pub fn commit(self) -> Result<(), StoreError> {
        self.send(Part::Commit)
    }

    fn send<T: Send + 'static>(
        &self,
        part: impl FnOnce(Reply<T>) -> Part,
    ) -> Result<T, StoreError> {
        // A closed channel means that the writer has dropped the import.
        wait_for_reply(|reply| drop(self.parts.send(part(reply))))
    }
}

/// Waits for the reply of the writer.
fn wait_for_reply<T: Send + 'static>(send: impl FnOnce(Reply<T>)) -> Result<T, StoreError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    send(Box::new(move |result| drop(sender.send(result))));
    let cancelled = || StoreError::Unavailable("the import was cancelled".to_owned());
    receiver.recv().unwrap_or_else(|_closed| Err(cancelled()))
}

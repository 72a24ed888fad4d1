//! Imports that are stored as a whole or not at all.

use std::sync::mpsc::{self, SyncSender};
use std::time::Instant;

use orders_core::{Command, ServiceCommand, Verdict};

use super::Store;
use crate::services::ServiceVerdict;
use crate::write::{ImportJob, Job, Part};
use crate::{Reply, StoreError};

/// An import that is stored as a whole or not at all. While there is one, nobody else can write to the
/// database. Dropping it leaves everything as it was.
pub struct TransactionalImport {
    parts: SyncSender<Part>,
}

impl Store {
    /// Begins such an import, which must be over by `deadline`. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], or [`StoreError::Overloaded`] if others hold the lock.
    pub fn begin_transactional_import(
        &self,
        deadline: Instant,
    ) -> Result<TransactionalImport, StoreError> {
        let (parts, received) = mpsc::sync_channel(1);
        let ticket = self.ticket(deadline);
        answer(|begun| self.queue(Job::Import(ImportJob { parts: received, ticket, begun })))?;
        Ok(TransactionalImport { parts })
    }
}

impl TransactionalImport {
    /// Judges a batch of imports, after all those before it, and writes what was accepted. Blocks.
    ///
    /// # Errors
    /// What went wrong with the database; then nothing of the whole is stored.
    pub fn add_orders(&self, command: Command) -> Result<Vec<Verdict>, StoreError> {
        self.ask(|reply| Part::Orders(command, reply))
    }

    /// Judges a change to the services, and does it. Blocks.
    ///
    /// # Errors
    /// What went wrong with the database; then nothing of the whole is stored.
    pub fn change_services(&self, command: ServiceCommand) -> Result<ServiceVerdict, StoreError> {
        self.ask(|reply| Part::Service(command, reply))
    }

    /// Commits. Blocks.
    ///
    /// # Errors
    /// [`StoreError::OutcomeUnknown`] if nobody knows whether it is stored; with any other error it
    /// is not.
    pub fn commit(self) -> Result<(), StoreError> {
        self.ask(Part::Commit)
    }

    fn ask<T: Send + 'static>(&self, part: impl FnOnce(Reply<T>) -> Part) -> Result<T, StoreError> {
        // Where it is heard no more, it has been given up, and so it has where it is not answered.
        answer(|reply| drop(self.parts.send(part(reply))))
    }
}

fn answer<T: Send + 'static>(ask: impl FnOnce(Reply<T>)) -> Result<T, StoreError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    ask(Box::new(move |answer| drop(sender.send(answer))));
    let given_up = || StoreError::Unavailable("the import was given up".to_owned());
    receiver.recv().unwrap_or_else(|_closed| Err(given_up()))
}

//! Validates and stores chunks of rows, through the same queue as every other write.

use std::collections::BTreeSet;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use orders_core::decide::{Batch, Import, Mode};
use orders_core::service::{ServiceCommand, ServiceName, ServiceRefusal};
use orders_core::{
    Action, Actor, Command, Done, NewId, Order, Outcome, Refusal, Service, ServiceId,
};
use orders_db::{Answered, Author, Store, StoreError, TransactionalImport};

use super::ImportError;
use super::groups::Groups;
use super::results::RowResult;
use super::source::Row;
use crate::cli::interrupt::Interrupt;
use crate::cli::wait::wait;
use crate::cli::{ImportOptions, OnConflict};
use crate::http::problem::Problem;
use crate::orders::import_request::ImportBody;
use crate::orders::made_id;
use crate::services::request::ServiceBody;

/// How long to retry a chunk while the database is busy or unavailable. Nothing of it is written then.
const RETRY_TIMEOUT: Duration = Duration::from_mins(1);
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// The timeout of a transactional import.
const TRANSACTION_TIMEOUT: Duration = Duration::from_hours(1);

pub(super) struct ChunkWriter<'s> {
    store: &'s Store,
    mode: OnConflict,
    create_services: bool,
    interrupt: Interrupt,
    /// The transaction of a transactional import.
    transaction: Option<TransactionalImport>,
    /// Services that exist.
    known: BTreeSet<ServiceId>,
    groups: Groups,
}

impl<'s> ChunkWriter<'s> {
    pub(super) fn new(store: &'s Store, options: &ImportOptions, interrupt: Interrupt) -> Self {
        Self {
            store,
            mode: options.on_conflict,
            create_services: options.create_services,
            interrupt,
            transaction: None,
            known: BTreeSet::new(),
            groups: Groups::default(),
        }
    }

    /// Begins a transaction, which ends with [`Self::commit`]. Other writers wait for it.
    pub(super) fn begin_transaction(&mut self) -> Result<(), ImportError> {
        let begin = || self.store.begin_transactional_import(Instant::now() + TRANSACTION_TIMEOUT);
        self.transaction = Some(self.retry_while_busy(begin)?);
        Ok(())
    }

    /// Commits the transaction.
    pub(super) fn commit(&mut self) -> Result<(), ImportError> {
        self.transaction.take().map_or(Ok(()), |transaction| Ok(transaction.commit()?))
    }

    /// Rolls the transaction back.
    pub(super) fn roll_back(&mut self) {
        self.transaction = None;
    }

    /// Creates a service of the file, unless it exists.
    pub(super) fn add_service(&mut self, service: ServiceBody) -> Result<(), ImportError> {
        let ServiceBody { id, name } = service;
        let Some(number) = id else { return Ok(()) };
        if self.store.reads.find_services(&[number].into())?.is_empty() {
            self.create_service(number, name)?;
        } else {
            self.known.insert(number);
        }
        Ok(())
    }

    fn create_service(&mut self, id: ServiceId, name: ServiceName) -> Result<(), ImportError> {
        let command = ServiceCommand::Create { id: Some(id), name };
        let author = Author::command("import");
        let result = if let Some(transaction) = &self.transaction {
            transaction.change_services(author, command)?
        } else {
            let answered =
                wait(|deadline, reply| self.store.change(author, command, None, deadline, reply));
            match answered? {
                Answered::Now(result) => result,
                Answered::Again(_) | Answered::KeyReused => return Err(ImportError::Unexpected),
            }
        };
        match result {
            Ok(_) | Err(ServiceRefusal::IdTaken(_)) => {
                self.known.insert(id);
                Ok(())
            }
            Err(refusal) => {
                Err(ImportError::Refused(format!("service {id} cannot be created: {refusal}")))
            }
        }
    }

    /// Creates missing services of rows, if the options say so.
    fn create_missing(&mut self, rows: &[Row]) -> Result<(), ImportError> {
        if !self.create_services {
            return Ok(());
        }
        let named = rows.iter().filter_map(|row| row.read.as_ref().ok());
        let named = named.flat_map(|body| body.content.services.iter());
        let is_new = |id: &ServiceId| !self.known.contains(id);
        let ids: BTreeSet<ServiceId> = named.filter(is_new).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let found = self.store.reads.find_services(&ids)?;
        self.known.extend(found.into_iter().map(|Service { id, .. }| id));
        for id in ids {
            if self.known.contains(&id) {
                continue;
            }
            let name = ServiceName::parse(&format!("Service {id}"))
                .map_err(|error| ImportError::Refused(error.to_string()))?;
            self.create_service(id, name)?;
        }
        Ok(())
    }

    /// Validates rows and stores those that are accepted.
    pub(super) fn run(&mut self, rows: &[Row]) -> Result<Vec<RowResult>, ImportError> {
        self.create_missing(rows)?;
        let mut imports = Vec::new();
        for body in rows.iter().filter_map(|row| row.read.as_ref().ok()) {
            if self.groups.is_new_leader(body)
                && let Some(stored) = self.find(body)?
            {
                self.groups.resume(body, &stored);
            }
            imports.push(self.import(body)?);
        }
        let mut results = if imports.is_empty() {
            Vec::new().into_iter()
        } else {
            self.run_batch(rows, imports)?.into_iter()
        };
        let result = |row: &Row| match &row.read {
            Err(why) => RowResult::Invalid(why.clone()),
            Ok(_) => results.next().unwrap_or(RowResult::NotAttempted),
        };
        Ok(rows.iter().map(result).collect())
    }

    fn import(&self, body: &ImportBody) -> Result<Import, ImportError> {
        let id = match &body.id {
            Some(id) => NewId::Chosen(id.clone()),
            None => NewId::Generated(
                made_id().map_err(|problem| ImportError::Refused(problem.to_string()))?,
            ),
        };
        Ok(Import {
            id,
            content: body.content.clone(),
            version: body.version.unwrap_or(1),
            created_at: body.created_at,
            updated_at: body.updated_at,
            group: self.groups.group_of(self.mode, body),
        })
    }

    fn find(&self, body: &ImportBody) -> Result<Option<Order>, StoreError> {
        let Some(id) = body.id.clone() else { return Ok(None) };
        let (sender, receiver) = mpsc::sync_channel(1);
        let reply = Box::new(move |found| drop(sender.send(found)));
        self.store.find_order(id, Instant::now() + RETRY_TIMEOUT, reply);
        receiver.recv().unwrap_or(Err(StoreError::Overloaded))
    }

    fn run_batch(
        &mut self,
        rows: &[Row],
        imports: Vec<Import>,
    ) -> Result<Vec<RowResult>, ImportError> {
        let batch = Batch::import(Mode::Each, imports)
            .map_err(|error| ImportError::Refused(error.to_string()))?;
        let command =
            Command { actor: Actor::new("import"), action: Action::Batch(batch), retry: None };
        let results = match &self.transaction {
            Some(transaction) => transaction.add_orders(command)?,
            None => self.store_chunk(&command)?,
        };
        let bodies = rows.iter().filter_map(|row| row.read.as_ref().ok());
        let result = |(body, result): (&ImportBody, Result<Done, Refusal>)| match result {
            Ok(done) => {
                if let Done::Created(order) = done {
                    self.groups.record(self.mode, body, order.group);
                }
                RowResult::Accepted
            }
            Err(Refusal::NotAttempted) => RowResult::NotAttempted,
            Err(refusal @ (Refusal::Conflict(_) | Refusal::OrderExists(_))) => {
                RowResult::Conflict(Problem::from(refusal).to_string())
            }
            Err(refusal @ Refusal::UnknownServices(_)) => {
                let why = Problem::from(refusal);
                RowResult::Invalid(format!("{why} --create-services creates missing services."))
            }
            Err(
                refusal @ (Refusal::NotFound(_)
                | Refusal::VersionMismatch { .. }
                | Refusal::EditLocked { .. }),
            ) => RowResult::Invalid(Problem::from(refusal).to_string()),
        };
        Ok(bodies.zip(results).map(result).collect())
    }

    /// Stores a chunk in a transaction of its own.
    fn store_chunk(&self, command: &Command) -> Result<Vec<Result<Done, Refusal>>, ImportError> {
        let answered = self.retry_while_busy(|| {
            let nothing = Arc::new(|_: &_| None);
            let command = command.clone();
            wait(|deadline, reply| self.store.change_orders(command, nothing, deadline, reply))
        });
        match answered? {
            Answered::Now(Outcome::Batch { results, .. }) => Ok(results),
            Answered::Now(Outcome::One(_) | Outcome::Repeated | Outcome::KeyReused)
            | Answered::Again(_)
            | Answered::KeyReused => Err(ImportError::Unexpected),
        }
    }

    /// Retries while the database is busy or unavailable and nothing was written.
    fn retry_while_busy<T>(
        &self,
        attempt: impl Fn() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let deadline = Instant::now() + RETRY_TIMEOUT;
        loop {
            match attempt() {
                Err(StoreError::Overloaded | StoreError::Unavailable(_))
                    if Instant::now() < deadline && self.interrupt.check().is_ok() =>
                {
                    std::thread::sleep(RETRY_DELAY);
                }
                answered => return answered,
            }
        }
    }
}

//! Judging and storing slices of rows, by the same way as every other write.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use orders_core::{
    Action, Actor, Batch, Command, Done, Group, Import, ImportGroup, Mode, NewId, Order, Outcome,
    Refusal, Service, ServiceCommand, ServiceId, ServiceName, ServiceRefusal,
};
use orders_db::{Answered, Store, StoreError, TransactionalImport};

use super::ImportError;
use super::source::Row;
use super::verdicts::Verdict;
use crate::cli::OnConflict;
use crate::orders::made_id;
use crate::problem::Problem;
use crate::wait::wait;
use crate::wire::{ImportBody, ServiceBody};

/// How long a slice is tried, while the database is busy or away. Nothing of it is written then.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(100);
/// How long an import that counts as a whole may take.
const LONGEST_WHOLE: Duration = Duration::from_hours(1);

pub(super) struct Slices<'s> {
    store: &'s Store,
    mode: OnConflict,
    create_services: bool,
    /// Where nothing counts before all of it is committed.
    whole: Option<TransactionalImport>,
    /// Services that were found, or made.
    known: BTreeSet<ServiceId>,
    /// The groups of the file, by their names there, as they are here.
    groups: HashMap<Arc<str>, Group>,
    /// The group of all that is imported, once there is one.
    all: Option<Group>,
}

impl<'s> Slices<'s> {
    pub(super) fn new(store: &'s Store, mode: OnConflict, create: bool) -> Self {
        Self {
            store,
            mode,
            create_services: create,
            whole: None,
            known: BTreeSet::new(),
            groups: HashMap::new(),
            all: None,
        }
    }

    /// From now on nothing counts before [`Self::commit`], and nobody else can write.
    pub(super) fn begin_whole(&mut self) -> Result<(), ImportError> {
        let begin = || self.store.begin_transactional_import(Instant::now() + LONGEST_WHOLE);
        self.whole = Some(patiently(begin)?);
        Ok(())
    }

    /// Lets all that was stored since count.
    pub(super) fn commit(&mut self) -> Result<(), ImportError> {
        self.whole.take().map_or(Ok(()), |whole| Ok(whole.commit()?))
    }

    /// Lets nothing of it count.
    pub(super) fn roll_back(&mut self) {
        self.whole = None;
    }

    /// Makes a service that the file has, unless it is there.
    pub(super) fn add_service(&mut self, service: ServiceBody) -> Result<(), ImportError> {
        let ServiceBody { id, name } = service;
        let Some(number) = id else { return Ok(()) };
        if self.store.find_service(number)?.is_some() {
            self.known.insert(number);
        } else {
            self.make_service(number, name)?;
        }
        Ok(())
    }

    fn make_service(&mut self, id: ServiceId, name: ServiceName) -> Result<(), ImportError> {
        let command = ServiceCommand::Create { id: Some(id), name };
        let verdict = if let Some(whole) = &self.whole {
            whole.change_services(command)?
        } else {
            let nothing = Arc::new(|_: &_| None);
            let made = wait(|deadline, reply| {
                self.store.change_services(command, None, nothing, deadline, reply)
            });
            match made? {
                Answered::Now(verdict) => verdict,
                Answered::Again(_) | Answered::KeyReused => return Err(ImportError::Unexpected),
            }
        };
        match verdict {
            Ok(_) | Err(ServiceRefusal::IdTaken(_)) => {
                self.known.insert(id);
                Ok(())
            }
            Err(refusal) => {
                Err(ImportError::Refused(format!("service {id} cannot be made: {refusal}")))
            }
        }
    }

    /// Makes the services that rows name and that are not there, if that is wanted.
    fn make_missing(&mut self, rows: &[Row]) -> Result<(), ImportError> {
        if !self.create_services {
            return Ok(());
        }
        let named = rows.iter().filter_map(|row| row.read.as_ref().ok());
        let named = named.flat_map(|body| body.content.services.iter());
        let is_new = |id: &ServiceId| !self.known.contains(id);
        let asked: BTreeSet<ServiceId> = named.filter(is_new).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let found = self.store.find_services(&asked)?;
        self.known.extend(found.into_iter().map(|Service { id, .. }| id));
        for id in asked {
            if self.known.contains(&id) {
                continue;
            }
            let name = ServiceName::parse(&format!("Service {id}"))
                .map_err(|error| ImportError::Refused(error.to_string()))?;
            self.make_service(id, name)?;
        }
        Ok(())
    }

    /// Judges rows, and stores those that are accepted.
    pub(super) fn run(&mut self, rows: &[Row]) -> Result<Vec<Verdict>, ImportError> {
        self.make_missing(rows)?;
        let mut imports = Vec::new();
        for body in rows.iter().filter_map(|row| row.read.as_ref().ok()) {
            self.recognize_group(body)?;
            imports.push(self.import(body)?);
        }
        let mut verdicts = if imports.is_empty() {
            Vec::new().into_iter()
        } else {
            self.run_batch(rows, imports)?.into_iter()
        };
        let verdict = |row: &Row| match &row.read {
            Err(why) => Verdict::Invalid(why.clone()),
            Ok(_) => verdicts.next().unwrap_or(Verdict::NotAttempted),
        };
        Ok(rows.iter().map(verdict).collect())
    }

    fn import(&self, body: &ImportBody) -> Result<Import, ImportError> {
        let id = match &body.id {
            Some(id) => NewId::Chosen(id.clone()),
            None => {
                NewId::Made(made_id().map_err(|problem| ImportError::Refused(problem.to_string()))?)
            }
        };
        Ok(Import {
            id,
            content: body.content.clone(),
            version: body.version.unwrap_or(1),
            created_at: body.created_at,
            updated_at: body.updated_at,
            group: self.group_of(body),
        })
    }

    fn group_of(&self, body: &ImportBody) -> ImportGroup {
        let (name, known) = match (self.mode, &body.group) {
            (OnConflict::AcceptGroup, _) => ("", self.all),
            (_, None) => return ImportGroup::Own,
            (_, Some(name)) => (name.as_str(), self.groups.get(name.as_str()).copied()),
        };
        known.map_or_else(|| ImportGroup::Named(name.into()), ImportGroup::Known)
    }

    /// Where an import that was broken off goes on: an order that leads a group and is there exactly
    /// as the file has it was imported from it before, so others may still join it.
    fn recognize_group(&mut self, body: &ImportBody) -> Result<(), ImportError> {
        let (Some(name), Some(id)) = (&body.group, &body.id) else { return Ok(()) };
        if name != id || self.groups.contains_key(name.as_str()) {
            return Ok(());
        }
        let is_same = |order: &Order| {
            order.content == body.content
                && Some(order.version) == body.version
                && Some(order.created_at) == body.created_at
                && Some(order.updated_at) == body.updated_at
        };
        if let Some(order) = self.find(body)?.filter(is_same) {
            self.groups.insert(name.as_str().into(), order.group);
        }
        Ok(())
    }

    fn find(&self, body: &ImportBody) -> Result<Option<Order>, StoreError> {
        let Some(id) = body.id.clone() else { return Ok(None) };
        let (sender, receiver) = mpsc::sync_channel(1);
        let reply = Box::new(move |found| drop(sender.send(found)));
        self.store.find_order(id, Instant::now() + PATIENCE, reply);
        receiver.recv().unwrap_or(Err(StoreError::Overloaded))
    }

    fn run_batch(
        &mut self,
        rows: &[Row],
        imports: Vec<Import>,
    ) -> Result<Vec<Verdict>, ImportError> {
        let batch = Batch::import(Mode::Each, imports)
            .map_err(|error| ImportError::Refused(error.to_string()))?;
        let command =
            Command { actor: Actor::new("import"), action: Action::Batch(batch), retry: None };
        let results = match &self.whole {
            Some(whole) => whole.add_orders(command)?,
            None => self.store_slice(&command)?,
        };
        let bodies = rows.iter().filter_map(|row| row.read.as_ref().ok());
        let verdict = |(body, result): (&ImportBody, Result<Done, Refusal>)| match result {
            Ok(done) => {
                if let Done::Created(order) = done {
                    self.note_group(body, order.group);
                }
                Verdict::Accepted
            }
            Err(Refusal::NotAttempted) => Verdict::NotAttempted,
            Err(refusal @ (Refusal::Conflict(_) | Refusal::OrderExists(_))) => {
                Verdict::Conflict(Problem::from(refusal).to_string())
            }
            Err(
                refusal @ (Refusal::NotFound(_)
                | Refusal::VersionMismatch { .. }
                | Refusal::UnknownServices(_)
                | Refusal::EditLocked { .. }),
            ) => Verdict::Invalid(Problem::from(refusal).to_string()),
        };
        Ok(bodies.zip(results).map(verdict).collect())
    }

    fn note_group(&mut self, body: &ImportBody, group: Group) {
        if self.mode == OnConflict::AcceptGroup {
            self.all.get_or_insert(group);
        } else if let Some(name) = &body.group {
            self.groups.entry(name.as_str().into()).or_insert(group);
        }
    }

    /// Stores a slice in a transaction of its own.
    fn store_slice(&self, command: &Command) -> Result<Vec<Result<Done, Refusal>>, ImportError> {
        let answered = patiently(|| {
            let nothing = Arc::new(|_: &_| None);
            let asked = command.clone();
            wait(|deadline, reply| self.store.change_orders(asked, nothing, deadline, reply))
        });
        match answered? {
            Answered::Now(Outcome::Batch { results, .. }) => Ok(results),
            Answered::Now(Outcome::One(_) | Outcome::Repeated | Outcome::KeyReused)
            | Answered::Again(_)
            | Answered::KeyReused => Err(ImportError::Unexpected),
        }
    }
}

/// Asks again as long as nothing was written because the database was busy or away.
fn patiently<T>(ask: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Err(StoreError::Overloaded | StoreError::Unavailable(_))
                if Instant::now() < deadline =>
            {
                std::thread::sleep(PAUSE);
            }
            answered => return answered,
        }
    }
}

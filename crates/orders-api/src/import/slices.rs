//! Judging and storing slices of rows, by the same way as every other write.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use orders_core::{
    Action, Actor, Batch, Command, Done, Group, Import, ImportGroup, Mode, NewId, Order, Outcome,
    Refusal, Service, ServiceCommand, ServiceId, ServiceName, ServiceRefusal,
};
use orders_db::{Answered, Store, StoreError};

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

/// What the batch of a slice is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Judge,
    Store,
}

pub(super) struct Slices<'s> {
    store: &'s Store,
    mode: OnConflict,
    create_services: bool,
    dry_run: bool,
    /// Services that were found, or made.
    known: BTreeSet<ServiceId>,
    /// Services that would be made, were this no dry run.
    assumed: BTreeSet<ServiceId>,
    /// The groups of the file, by their names there, as they are here.
    groups: HashMap<Arc<str>, Group>,
    /// The group of all that is imported, once there is one.
    all: Option<Group>,
}

impl<'s> Slices<'s> {
    pub(super) fn new(store: &'s Store, mode: OnConflict, create: bool, dry_run: bool) -> Self {
        Self {
            store,
            mode,
            create_services: create,
            dry_run,
            known: BTreeSet::new(),
            assumed: BTreeSet::new(),
            groups: HashMap::new(),
            all: None,
        }
    }

    /// The same, for judging only.
    pub(super) fn to_judge(&self, create_services: bool) -> Slices<'s> {
        Slices::new(self.store, self.mode, create_services, true)
    }

    /// Whether a service is there.
    pub(super) fn exists(&self, id: ServiceId) -> Result<bool, StoreError> {
        Ok(self.store.find_service(id)?.is_some())
    }

    /// Makes a service that the file has, unless it is there.
    pub(super) fn add_service(&mut self, service: ServiceBody) -> Result<(), ImportError> {
        let ServiceBody { id, name } = service;
        let Some(number) = id else { return Ok(()) };
        if self.store.find_service(number)?.is_some() {
            self.known.insert(number);
        } else if self.dry_run {
            self.assumed.insert(number);
        } else {
            self.make_service(number, name)?;
        }
        Ok(())
    }

    fn make_service(&mut self, id: ServiceId, name: ServiceName) -> Result<(), ImportError> {
        let command = ServiceCommand::Create { id: Some(id), name };
        let nothing = Arc::new(|_: &_| None);
        let made = wait(|deadline, reply| {
            self.store.change_services(command, None, nothing, deadline, reply)
        });
        match made? {
            Answered::Now(Ok(_) | Err(ServiceRefusal::IdTaken(_))) => {
                self.known.insert(id);
                Ok(())
            }
            Answered::Now(Err(refusal)) => {
                Err(ImportError::Refused(format!("service {id} cannot be made: {refusal}")))
            }
            Answered::Again(_) | Answered::KeyReused => Err(ImportError::Unexpected),
        }
    }

    /// Makes the services that rows name and that are not there, if that is wanted.
    fn make_missing(&mut self, rows: &[Row]) -> Result<(), ImportError> {
        if !self.create_services {
            return Ok(());
        }
        let named = rows.iter().filter_map(|row| row.read.as_ref().ok());
        let named = named.flat_map(|body| body.content.services.iter());
        let is_new = |id: &ServiceId| !self.known.contains(id) && !self.assumed.contains(id);
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
            if self.dry_run {
                self.assumed.insert(id);
                continue;
            }
            let name = ServiceName::parse(&format!("Service {id}"))
                .map_err(|error| ImportError::Refused(error.to_string()))?;
            self.make_service(id, name)?;
        }
        Ok(())
    }

    /// Judges rows and stores them, unless this is a dry run or only to be judged.
    pub(super) fn run(
        &mut self,
        rows: &[Row],
        purpose: Purpose,
    ) -> Result<Vec<Verdict>, ImportError> {
        if purpose == Purpose::Store || self.dry_run {
            self.make_missing(rows)?;
        }
        let mut imports = Vec::new();
        for body in rows.iter().filter_map(|row| row.read.as_ref().ok()) {
            self.recognize_group(body)?;
            imports.push(self.import(body)?);
        }
        let mut verdicts = if imports.is_empty() {
            Vec::new().into_iter()
        } else {
            self.run_batch(rows, imports, purpose)?.into_iter()
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
        purpose: Purpose,
    ) -> Result<Vec<Verdict>, ImportError> {
        let mode = match self.mode {
            OnConflict::RejectAll => Mode::Atomic,
            OnConflict::Skip | OnConflict::AcceptGroup => Mode::Each,
        };
        let mut batch = Batch::import(mode, false, imports)
            .map_err(|error| ImportError::Refused(error.to_string()))?;
        let is_judged = purpose == Purpose::Judge || self.dry_run;
        if is_judged {
            batch = batch.dry_run_with(self.assumed.clone());
        }
        let command =
            Command { actor: Actor::new("import"), action: Action::Batch(batch), retry: None };
        let results = match self.patiently(&command)? {
            Answered::Now(Outcome::Batch { results, .. }) => results,
            Answered::Now(Outcome::One(_) | Outcome::Repeated | Outcome::KeyReused)
            | Answered::Again(_)
            | Answered::KeyReused => return Err(ImportError::Unexpected),
        };
        let bodies = rows.iter().filter_map(|row| row.read.as_ref().ok());
        let verdict = |(body, result): (&ImportBody, Result<Done, Refusal>)| match result {
            Ok(done) => {
                if let (Done::Created(order), false) = (done, is_judged) {
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

    /// Asks again as long as nothing was written because the database was busy or away.
    fn patiently(&self, command: &Command) -> Result<Answered<Outcome>, StoreError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let nothing = Arc::new(|_: &_| None);
            let asked = command.clone();
            let answered =
                wait(|deadline, reply| self.store.change_orders(asked, nothing, deadline, reply));
            match answered {
                Err(StoreError::Overloaded | StoreError::Unavailable(_))
                    if Instant::now() < deadline =>
                {
                    std::thread::sleep(PAUSE);
                }
                answered => return answered,
            }
        }
    }
}

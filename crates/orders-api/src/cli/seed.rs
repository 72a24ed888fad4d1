//! The command `seed`: loads the sample data. Its orders are exempt from the rule among themselves only.
//! Data that was loaded before is not loaded again.

use std::sync::Arc;

use orders_core::decide::{Batch, Mode};
use orders_core::service::{ServiceCommand, ServiceRefusal};
use orders_core::{Action, Actor, Command, NewId, Operation, Outcome, Refusal};
use orders_db::{Answered, Author, RenderResponse, Store, StoreError};

use crate::cli::import::{Document, SourceError};
use crate::cli::wait::wait;
use crate::http::problem::Problem;
use crate::orders::import_request::ImportBody;
use crate::services::request::ServiceBody;

const SAMPLE_DATA: &str = include_str!("../../sample-data.json");

/// Why the sample data was not loaded. Some of its services may be loaded; loading again continues.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SeedError {
    #[error("the sample data: {0}")]
    Source(#[from] SourceError),
    #[error("the sample data: {0}")]
    Content(String),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the sample data was not loaded: {0}")]
    Refused(String),
}

/// The number of services and orders that were loaded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seeded {
    pub(crate) services: usize,
    pub(crate) orders: usize,
}

/// Loads the sample data.
pub(crate) fn seed(store: &Store) -> Result<Seeded, SeedError> {
    let mut document = Document::read(SAMPLE_DATA.as_bytes())?;
    let mut services = 0;
    for service in std::mem::take(&mut document.services) {
        services += usize::from(load_service(store, service)?);
    }
    Ok(Seeded { services, orders: load_orders(store, document.orders()?)? })
}

/// Loads a service. Returns `false` if its id exists.
fn load_service(store: &Store, service: ServiceBody) -> Result<bool, SeedError> {
    let ServiceBody { id, name } = service;
    let command = ServiceCommand::Create { id, name };
    let author = Author::command("seed");
    match wait(|deadline, reply| store.change(author, command, None, deadline, reply))? {
        Answered::Now(Ok(_)) => Ok(true),
        Answered::Now(Err(ServiceRefusal::IdTaken(_))) => Ok(false),
        Answered::Now(Err(refusal)) => Err(SeedError::Refused(refusal.to_string())),
        Answered::Again(_) | Answered::KeyReused => Err(unexpected()),
    }
}

/// Loads orders as one exemption group. Orders that exist or existed are left out.
fn load_orders(store: &Store, orders: Vec<ImportBody>) -> Result<usize, SeedError> {
    let mut operations = Vec::new();
    for ImportBody { id, content, .. } in orders {
        let Some(id) = id else {
            return Err(SeedError::Content("every order must have an id".to_owned()));
        };
        if store.reads.list_history(&id, None, 1)?.is_empty() {
            operations.push(Operation::Create { id: NewId::Chosen(id), content });
        }
    }
    if operations.is_empty() {
        return Ok(0);
    }
    let batch = Batch::new(Mode::Group, false, operations)
        .map_err(|error| SeedError::Content(format!("the orders {error}")))?;
    let command = Command { actor: Actor::new("seed"), action: Action::Batch(batch), retry: None };
    match wait(|deadline, reply| store.change_orders(command, nothing(), deadline, reply))? {
        Answered::Now(Outcome::Batch { refused: false, results }) => Ok(results.len()),
        // Another process has loaded the same data at the same time.
        Answered::Now(Outcome::Batch { results, .. }) if results.iter().all(exists) => Ok(0),
        Answered::Now(Outcome::Batch { results, .. }) => Err(SeedError::Refused(why(results))),
        Answered::Now(Outcome::One(_) | Outcome::Repeated | Outcome::KeyReused)
        | Answered::Again(_)
        | Answered::KeyReused => Err(unexpected()),
    }
}

/// Without an idempotency key no response is stored.
fn nothing<T>() -> RenderResponse<T> {
    Arc::new(|_| None)
}

fn unexpected() -> SeedError {
    SeedError::Refused("the outcome does not fit the data".to_owned())
}

fn exists(result: &Result<orders_core::Done, Refusal>) -> bool {
    matches!(result, Err(Refusal::OrderExists(_)))
}

fn why(results: Vec<Result<orders_core::Done, Refusal>>) -> String {
    let refusals = results.into_iter().filter_map(Result::err);
    let reasons = refusals.filter(|refusal| *refusal != Refusal::NotAttempted);
    reasons.map(|refusal| Problem::from(refusal).to_string()).collect::<Vec<_>>().join("; ")
}

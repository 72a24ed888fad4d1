//! Loading the sample data, or data like it: services, and orders that are exempt from the rule
//! among themselves only. What was loaded once is not loaded again.

use std::path::Path;
use std::sync::Arc;

use orders_core::{
    Action, Actor, Batch, Command, Mode, NewId, Operation, Outcome, Refusal, ServiceCommand,
    ServiceRefusal,
};
use orders_db::{Answered, RenderResponse, Store, StoreError};

use crate::json::{self, Json};
use crate::problem::{FieldError, Problem};
use crate::wait::wait;
use crate::wire::{self, OrderBody, ServiceBody};

const SAMPLE_DATA: &str = include_str!("../sample-data.json");

/// Why data was not loaded. Where some of the services are loaded already, loading again goes on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SeedError {
    #[error("cannot read {0}: {1}")]
    File(String, std::io::Error),
    #[error("{0}")]
    Content(String),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Refused(String),
}

/// What was loaded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seeded {
    pub(crate) services: usize,
    pub(crate) orders: usize,
}

/// Loads a file, or the sample data.
pub(crate) fn seed(store: &Store, file: Option<&Path>) -> Result<Seeded, SeedError> {
    let read = |path: &Path| {
        std::fs::read_to_string(path)
            .map_err(|error| SeedError::File(path.display().to_string(), error))
    };
    let text = file.map_or_else(|| Ok(SAMPLE_DATA.to_owned()), read)?;
    let data = parse(&text).map_err(SeedError::Content)?;
    let services = data.services.into_iter().try_fold(0, |loaded, service| {
        Ok::<_, SeedError>(loaded + usize::from(load_service(store, service)?))
    })?;
    Ok(Seeded { services, orders: load_orders(store, data.orders)? })
}

struct Data {
    services: Vec<ServiceBody>,
    orders: Vec<OrderBody>,
}

fn parse(text: &str) -> Result<Data, String> {
    let json = json::parse(text.as_bytes()).map_err(|error| error.to_string())?;
    let Json::Object(members) = &json else {
        return Err("the file must be an object with services and orders".to_owned());
    };
    let list = |name: &str| match members.iter().find(|(member, _)| member == name) {
        Some((_, Json::Array(items))) => Ok(items.as_slice()),
        Some(_) => Err(format!("{name} must be an array")),
        None => Ok(&[][..]),
    };
    Ok(Data {
        services: read_all("services", list("services")?, wire::read_service)?,
        orders: read_all("orders", list("orders")?, wire::read_order)?,
    })
}

fn read_all<T>(
    name: &str,
    items: &[Json<'_>],
    read: impl Fn(&Json<'_>) -> Result<T, Vec<FieldError>>,
) -> Result<Vec<T>, String> {
    let words = |position: usize, errors: Vec<FieldError>| -> String {
        let one =
            |error: FieldError| format!("/{name}/{position}{} {}", error.pointer, error.detail);
        errors.into_iter().map(one).collect::<Vec<_>>().join("; ")
    };
    let items = items.iter().enumerate();
    items.map(|(position, item)| read(item).map_err(|errors| words(position, errors))).collect()
}

/// Loads a service; `false` if one with its number is there.
fn load_service(store: &Store, service: ServiceBody) -> Result<bool, SeedError> {
    let ServiceBody { id, name } = service;
    let command = ServiceCommand::Create { id, name };
    match wait(|deadline, reply| store.change(command, None, deadline, reply))? {
        Answered::Now(Ok(_)) => Ok(true),
        Answered::Now(Err(ServiceRefusal::IdTaken(_))) => Ok(false),
        Answered::Now(Err(refusal)) => Err(SeedError::Refused(refusal.to_string())),
        Answered::Again(_) | Answered::KeyReused => Err(unexpected()),
    }
}

/// Loads orders as one group; none, if all of them are or were there.
fn load_orders(store: &Store, orders: Vec<OrderBody>) -> Result<usize, SeedError> {
    let mut operations = Vec::new();
    for OrderBody { id, content } in orders {
        let Some(id) = id else {
            return Err(SeedError::Content("every order to be loaded must have an id".to_owned()));
        };
        if !store.has_history(&id)? {
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
        // Another process has loaded the same meanwhile.
        Answered::Now(Outcome::Batch { results, .. }) if results.iter().all(is_there) => Ok(0),
        Answered::Now(Outcome::Batch { results, .. }) => Err(SeedError::Refused(why(results))),
        Answered::Now(Outcome::One(_) | Outcome::Repeated | Outcome::KeyReused)
        | Answered::Again(_)
        | Answered::KeyReused => Err(unexpected()),
    }
}

/// Without an idempotency key no answer is kept.
fn nothing<T>() -> RenderResponse<T> {
    Arc::new(|_| None)
}

fn unexpected() -> SeedError {
    SeedError::Refused("the data was not judged as what it is".to_owned())
}

fn is_there(result: &Result<orders_core::Done, Refusal>) -> bool {
    matches!(result, Err(Refusal::OrderExists(_)))
}

fn why(results: Vec<Result<orders_core::Done, Refusal>>) -> String {
    let refusals = results.into_iter().filter_map(Result::err);
    let reasons = refusals.filter(|refusal| *refusal != Refusal::NotAttempted);
    reasons.map(|refusal| Problem::from(refusal).to_string()).collect::<Vec<_>>().join("; ")
}

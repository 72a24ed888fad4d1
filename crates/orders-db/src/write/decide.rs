//! The steps between the lock and the writes: load, decide, render the responses to store.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::select;
use orders_core::decide::{Changes, OwnKey};
use orders_core::{Command, Decision, Event, Needs, Outcome, Policy, Timestamp, decide};

use super::batch::Caller;
use super::commit::Failure;
use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::database::rows;
use crate::database::rows::StoredResponse;
use crate::database::schema::events;
use crate::database::tables::NewResponse;
use crate::write::idempotency::{self, Answered};
use crate::write::load::{Loaded, load};
use crate::write::snapshot_cache::SnapshotCache;
use crate::write::ticket::Ticket;

/// A decision, with the data that it is based on.
pub(super) struct Decided {
    pub(super) loaded: Loaded,
    pub(super) decision: Decision,
}

/// Loads and decides until the snapshot lacks nothing.
pub(super) fn decide_all(
    connection: &mut AnyConnection,
    cache: &mut SnapshotCache,
    policy: &Policy,
    commands: &[Command],
    tickets: &[&Ticket],
) -> Result<Decided, Failure> {
    let mut loaded = cache.load(connection, &Needs::for_commands(policy, commands))?;
    loop {
        match decide(&loaded.policy, &loaded.snapshot, commands, loaded.now) {
            Ok(decision) => return Ok(Decided { loaded, decision }),
            // A cancelled command must not delay the others.
            Err(_) if !tickets.iter().all(|ticket| ticket.is_wanted()) => {
                return Err(Failure::Abandoned);
            }
            Err(missing) => {
                loaded = load(connection, &missing, Some(loaded))?;
            }
        }
    }
}

/// Renders the responses that are stored with the changes they report.
pub(super) fn render_responses(
    decision: &Decision,
    commands: &[Command],
    callers: &[Caller],
    now: Timestamp,
) -> Vec<NewResponse> {
    let render = |position: &usize| {
        let request = commands.get(*position)?.retry()?;
        let outcome = decision.outcomes.get(*position)?;
        let response = (callers.get(*position)?.render)(outcome)?;
        Some(NewResponse::new(request, response, now))
    };
    decision.changes.responses.iter().filter_map(render).collect()
}

/// Returns the result of each command. A replay gets the stored response.
pub(super) fn resolve_replays(
    connection: &mut AnyConnection,
    commands: &[Command],
    outcomes: Vec<Outcome>,
    new: &[NewResponse],
) -> Result<Vec<Answered<Outcome>>, DbError> {
    // Several replays may be in the batch, even of a command that is executed in it.
    let mut known: HashMap<&OwnKey, StoredResponse> =
        new.iter().map(|new| (&new.key, new.response.clone())).collect();
    let mut results = Vec::with_capacity(outcomes.len());
    for (command, outcome) in commands.iter().zip(outcomes) {
        results.push(match (outcome, command.retry()) {
            (Outcome::Repeated, Some(retry)) => {
                let response = match known.entry(&retry.key) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => {
                        unknown.insert(idempotency::find(connection, &retry.key)?)
                    }
                };
                Answered::Again(response.clone())
            }
            (Outcome::KeyReused, _) => Answered::KeyReused,
            (outcome, _) => Answered::Now(outcome),
        });
    }
    Ok(results)
}

/// Returns whether the writes of a transaction are in the database.
pub(super) fn is_there(
    connection: &mut AnyConnection,
    changes: &Changes,
    responses: &[NewResponse],
) -> Result<Option<bool>, DbError> {
    let found = match (changes.events.first(), responses.first()) {
        (Some(event), _) => find_event(connection, event).map(Some),
        (None, Some(response)) => idempotency::is_stored(connection, response).map(Some),
        (None, None) => Ok(None),
    };
    found.map_err(|error| DbError::from_diesel(&error))
}

/// Returns `true` if exactly this event is stored, not one that another process wrote with the same
/// sequence.
fn find_event(connection: &mut AnyConnection, event: &Event) -> QueryResult<bool> {
    let order = &event.order;
    let same = events::table
        .find(rows::bigint(event.sequence))
        .filter(events::kind.eq(event.kind.as_str()))
        .filter(events::actor.eq(event.actor.as_str()))
        .filter(events::order_id.eq(event.order.id.as_str()))
        .filter(events::datetime_ms.eq(order.content.datetime.as_millis()))
        .filter(events::total_fee.eq(order.content.total_fee.as_hundredths()))
        .filter(events::services.eq(rows::write_services(&order.content.services)))
        .filter(events::version.eq(rows::bigint(order.version)))
        .filter(events::time_ms.eq(event.time.as_millis()));
    select(exists(same)).get_result(connection)
}

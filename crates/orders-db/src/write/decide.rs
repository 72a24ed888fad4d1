//! The steps between the lock and the writes: load, decide, render the answers that are kept.

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
use crate::database::error::Trouble;
use crate::database::rows;
use crate::database::rows::StoredResponse;
use crate::database::schema::events;
use crate::database::tables::NewResponse;
use crate::write::idempotency::{self, Answered};
use crate::write::load::{Loaded, load};
use crate::write::snapshot_cache::SnapshotCache;
use crate::write::ticket::Ticket;

/// A decision, and the data it is based on.
pub(super) struct Decided {
    pub(super) loaded: Loaded,
    pub(super) decision: Decision,
}

/// Loads and decides until nothing is missing.
pub(super) fn decide_all(
    connection: &mut AnyConnection,
    cache: &mut SnapshotCache,
    policy: &Policy,
    commands: &[Command],
    tickets: &[&Ticket],
) -> Result<Decided, Failure> {
    let mut loaded = cache.load(connection, &Needs::of(policy, commands))?;
    loop {
        match decide(&loaded.policy, &loaded.snapshot, commands, loaded.now) {
            Ok(decision) => return Ok(Decided { loaded, decision }),
            // A caller that has given up must not keep the others waiting.
            Err(_) if !tickets.iter().all(|ticket| ticket.is_wanted()) => {
                return Err(Failure::Abandoned);
            }
            Err(missing) => {
                loaded = load(connection, &missing, Some(loaded))?;
            }
        }
    }
}

/// Renders the answers that are stored with the changes they report.
pub(super) fn keep_answers(
    decision: &Decision,
    commands: &[Command],
    callers: &[Caller],
    now: Timestamp,
) -> Vec<NewResponse> {
    let keep = |position: &usize| {
        let retry = commands.get(*position)?.retry()?;
        let outcome = decision.outcomes.get(*position)?;
        let answer = (callers.get(*position)?.render)(outcome)?;
        Some(NewResponse::new(retry, answer, now))
    };
    decision.changes.answers.iter().filter_map(keep).collect()
}

/// The answer to each command. A replay gets the answer of the first time.
pub(super) fn answer_all(
    connection: &mut AnyConnection,
    commands: &[Command],
    outcomes: Vec<Outcome>,
    new: &[NewResponse],
) -> Result<Vec<Answered<Outcome>>, Trouble> {
    // Several replays may be in the batch, even of a command that is executed in it.
    let mut known: HashMap<&OwnKey, StoredResponse> =
        new.iter().map(|new| (&new.key, new.response.clone())).collect();
    let mut answers = Vec::with_capacity(outcomes.len());
    for (command, outcome) in commands.iter().zip(outcomes) {
        answers.push(match (outcome, command.retry()) {
            (Outcome::Repeated, Some(retry)) => {
                let kept = match known.entry(&retry.key) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => {
                        unknown.insert(idempotency::find(connection, &retry.key)?)
                    }
                };
                Answered::Again(kept.clone())
            }
            (Outcome::KeyReused, _) => Answered::KeyReused,
            (outcome, _) => Answered::Now(outcome),
        });
    }
    Ok(answers)
}

/// Whether the writes of a transaction are in the database, by the first of them.
pub(super) fn is_there(
    connection: &mut AnyConnection,
    changes: &Changes,
    answers: &[NewResponse],
) -> Result<Option<bool>, Trouble> {
    let found = match (changes.events.first(), answers.first()) {
        (Some(event), _) => find_event(connection, event).map(Some),
        (None, Some(answer)) => idempotency::is_kept(connection, answer).map(Some),
        (None, None) => Ok(None),
    };
    found.map_err(|error| Trouble::of(&error))
}

/// Whether exactly this event is there, not one that another process wrote with its sequence.
fn find_event(connection: &mut AnyConnection, event: &Event) -> QueryResult<bool> {
    let order = &event.order;
    let same = events::table
        .find(rows::bigint(event.sequence))
        .filter(events::kind.eq(event.kind.as_str()))
        .filter(events::actor.eq(event.actor.as_str()))
        .filter(events::order_id.eq(event.subject().as_str()))
        .filter(events::datetime_ms.eq(order.content.datetime.as_millis()))
        .filter(events::total_fee.eq(order.content.total_fee.as_hundredths()))
        .filter(events::services.eq(rows::write_services(&order.content.services)))
        .filter(events::version.eq(rows::bigint(order.version)))
        .filter(events::time_ms.eq(event.time.as_millis()));
    select(exists(same)).get_result(connection)
}

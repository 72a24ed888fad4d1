//! Proposals: what an operation would change, validated by every rule but the spacing rule.

use super::command::{NewId, Operation, OrderPatch, Versions};
use super::event::{Actor, EventKind};
use super::import::Import;
use super::needs::Needs;
use super::outcome::{Done, Refusal};
use super::snapshot::Stored;
use super::state::State;
use crate::order::{Group, Order, OrderContent, OrderId, Services};
use crate::policy::Scope;
use crate::time::Timestamp;

/// A change that every rule but the spacing rule allows.
pub(super) enum Proposal {
    /// The order gets a new place. The spacing rule has to validate it.
    Place { kind: EventKind, order: Order },
    /// The order changes and keeps its place.
    Keep(Order),
    /// The order stays as it is.
    Nothing(Order),
    /// The order is deleted.
    Remove(Order),
}

impl Proposal {
    pub(super) fn record(self, state: &mut State<'_>, actor: &Actor) -> Done {
        let (kind, order) = match self {
            Self::Place { kind, order } => (kind, order),
            Self::Keep(order) => (EventKind::Updated, order),
            Self::Remove(order) => (EventKind::Deleted, order),
            Self::Nothing(order) => return Done::Unchanged(order),
        };
        state.record(actor, kind, order.clone());
        match kind {
            EventKind::Created => Done::Created(order),
            EventKind::Updated => Done::Updated(order),
            EventKind::Deleted => Done::Deleted(order),
            EventKind::Restored => Done::Restored(order),
        }
    }
}

/// Validates an operation by every rule but the spacing rule. New orders go into `group`, if given.
pub(super) fn propose(
    state: &State<'_>,
    operation: &Operation,
    group: Option<Group>,
) -> Result<Result<Proposal, Refusal>, Needs> {
    match operation {
        Operation::Create { id, content } => propose_create(state, id, content, group),
        Operation::Import(import) => propose_import(state, import),
        Operation::Update { id, if_match, patch } => {
            propose_update(state, id, if_match.as_ref(), patch)
        }
        Operation::Delete { id, if_match } => propose_delete(state, id, if_match.as_ref()),
        Operation::Restore { id } => propose_restore(state, id),
    }
}

fn propose_create(
    state: &State<'_>,
    id: &NewId,
    content: &OrderContent,
    group: Option<Group>,
) -> Result<Result<Proposal, Refusal>, Needs> {
    let unknown = state.unknown_services(content.services.iter())?;
    if !unknown.is_empty() {
        return Ok(Err(Refusal::UnknownServices(unknown)));
    }
    let last_version = match id {
        NewId::Generated(_) => 0,
        NewId::Chosen(id) => match state.stored(id)? {
            Stored::Never => 0,
            Stored::Live(_) => return Ok(Err(Refusal::OrderExists(id.clone()))),
            // Continues the count, so that no ETag of the deleted order matches the new one.
            Stored::Deleted(order) => order.version,
        },
    };
    let order = Order {
        id: id.id().clone(),
        content: content.clone(),
        version: last_version + 1,
        group: group.unwrap_or_else(|| state.new_group()),
        created_at: state.now,
        updated_at: state.now,
    };
    Ok(Ok(Proposal::Place { kind: EventKind::Created, order }))
}

/// Validates an imported order as a new one, then restores its version and times.
fn propose_import(state: &State<'_>, import: &Import) -> Result<Result<Proposal, Refusal>, Needs> {
    let Import { id, content, version, created_at, updated_at, group } = import;
    let proposal = propose_create(state, id, content, Some(state.import_group(group)))?;
    let Ok(Proposal::Place { kind, order: new }) = proposal else { return Ok(proposal) };
    let updated_at = updated_at.unwrap_or(state.now);
    let order = Order {
        version: new.version.max(*version),
        created_at: created_at.unwrap_or(updated_at.min(state.now)),
        updated_at,
        ..new
    };
    Ok(Ok(Proposal::Place { kind, order }))
}

fn propose_update(
    state: &State<'_>,
    id: &OrderId,
    if_match: Option<&Versions>,
    patch: &OrderPatch,
) -> Result<Result<Proposal, Refusal>, Needs> {
    let order = match find_live(state, id, if_match)? {
        Ok(order) => order,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let unknown = state.unknown_services(patch.services.iter().flat_map(Services::iter))?;
    if !unknown.is_empty() {
        return Ok(Err(Refusal::UnknownServices(unknown)));
    }
    if let Some(editable_at) = editable_at(state, order) {
        let wait_ms = editable_at.millis_since(state.now);
        return Ok(Err(Refusal::EditLocked { editable_at, wait_ms }));
    }
    let content = OrderContent {
        datetime: patch.datetime.unwrap_or(order.content.datetime),
        total_fee: patch.total_fee.unwrap_or(order.content.total_fee),
        services: patch.services.clone().unwrap_or_else(|| order.content.services.clone()),
    };
    if content == order.content {
        return Ok(Ok(Proposal::Nothing(order.clone())));
    }
    let moves = content.datetime != order.content.datetime
        || (state.policy.scope == Scope::Service
            && !content.services.same_set(&order.content.services));
    let changed = Order { content, ..next_version(state, order) };
    Ok(Ok(if moves {
        // An order that moves leaves its exemption group.
        let order = Order { group: state.new_group(), ..changed };
        Proposal::Place { kind: EventKind::Updated, order }
    } else {
        Proposal::Keep(changed)
    }))
}

fn propose_delete(
    state: &State<'_>,
    id: &OrderId,
    if_match: Option<&Versions>,
) -> Result<Result<Proposal, Refusal>, Needs> {
    let order = find_live(state, id, if_match)?;
    Ok(order.map(|order| Proposal::Remove(next_version(state, order))))
}

fn propose_restore(state: &State<'_>, id: &OrderId) -> Result<Result<Proposal, Refusal>, Needs> {
    let order = match state.stored(id)? {
        Stored::Never => return Ok(Err(Refusal::NotFound(id.clone()))),
        Stored::Live(_) => return Ok(Err(Refusal::OrderExists(id.clone()))),
        Stored::Deleted(order) => order,
    };
    let unknown = state.unknown_services(order.content.services.iter())?;
    if !unknown.is_empty() {
        return Ok(Err(Refusal::UnknownServices(unknown)));
    }
    let order = next_version(state, order);
    Ok(Ok(Proposal::Place { kind: EventKind::Restored, order }))
}

/// Finds the order, if its version is one that the caller accepts.
fn find_live<'s>(
    state: &'s State<'_>,
    id: &OrderId,
    if_match: Option<&Versions>,
) -> Result<Result<&'s Order, Refusal>, Needs> {
    let Some(order) = state.stored(id)?.live() else {
        return Ok(Err(Refusal::NotFound(id.clone())));
    };
    let accepted = if_match.is_none_or(|versions| versions.contain(order.version));
    Ok(if accepted { Ok(order) } else { Err(Refusal::VersionMismatch { current: order.version }) })
}

/// The time from which the order may be updated, if that is still to come.
fn editable_at(state: &State<'_>, order: &Order) -> Option<Timestamp> {
    let editable_at = order.created_at.saturating_add(state.policy.edit_lock?);
    (state.now < editable_at).then_some(editable_at)
}

fn next_version(state: &State<'_>, order: &Order) -> Order {
    Order { version: order.version + 1, updated_at: state.now, ..order.clone() }
}

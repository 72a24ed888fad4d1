//! The decision: what becomes of commands, judged one after the other against a snapshot.

use crate::Services;
use crate::changes::Changes;
use crate::command::{Action, Batch, Command, Done, IfMatch, Mode, NewId, Operation, OrderPatch};
use crate::import::Import;
use crate::snapshot::{Needs, Snapshot, Stored};
use crate::spacing::Candidate;
use crate::state::State;
use crate::{
    Actor, EventKind, Group, Instant, Order, OrderContent, OrderId, Outcome, Policy, Refusal,
    Repeat, Scope, Verdict,
};

/// What became of each command, and what must be stored for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// One for each command, in order.
    pub outcomes: Vec<Outcome>,
    /// Nothing, if no command was accepted.
    pub changes: Changes,
}

/// Judges commands in order, each seeing what those before it have changed.
///
/// The snapshot must have been read, and its changes must be stored, under one lock. `policy` and
/// `now` are the database's, read under the same lock. Whoever only presumes a part of this has to find
/// out, under the lock, whether it is so before anything is stored or answered.
///
/// # Errors
/// [`Needs`], if the snapshot lacks something: add that to it and ask again. A decision is never
/// made on a guess. Asking again ends: each round asks for what no round before it has loaded, and
/// a search for free times passes no more than 1 000 occupied stretches.
pub fn decide(
    policy: &Policy,
    snapshot: &Snapshot,
    commands: &[Command],
    now: Instant,
) -> Result<Decision, Needs> {
    let mut state = State::new(policy, snapshot, now);
    let mut outcomes = Vec::with_capacity(commands.len());
    let mut needs = Needs::default();
    for (position, command) in commands.iter().enumerate() {
        match run_once(&mut state, command, position) {
            Ok(outcome) => outcomes.push(outcome),
            // Goes on, to learn in one pass what all of them need.
            Err(missing) => needs.extend(missing),
        }
    }
    if !needs.is_empty() {
        needs.merge_lists();
        return Err(needs);
    }
    Ok(Decision { outcomes, changes: state.into_changes() })
}

/// Runs a command, unless it was done before under its key.
fn run_once(state: &mut State<'_>, command: &Command, position: usize) -> Result<Outcome, Needs> {
    let Some(retry) = command.retry() else { return run(state, command) };
    match retry.judge(state.answered(&retry.key)?) {
        Repeat::No => {}
        Repeat::Same => return Ok(Outcome::Repeated),
        Repeat::Other => return Ok(Outcome::KeyReused),
    }
    let outcome = run(state, command)?;
    if outcome.is_accepted() {
        state.answer(retry, position);
    }
    Ok(outcome)
}

fn run(state: &mut State<'_>, command: &Command) -> Result<Outcome, Needs> {
    let actor = &command.actor;
    match &command.action {
        Action::One(operation) => run_one(state, actor, operation).map(Outcome::One),
        Action::Batch(batch) => {
            let before = state.mark();
            state.forget_names();
            let outcome = match batch.mode() {
                Mode::Each => run_each(state, actor, batch),
                Mode::Atomic => run_together(state, actor, batch, None),
                Mode::Group => run_together(state, actor, batch, Some(state.new_group())),
            };
            state.hide_none();
            if batch.dry_run() || !matches!(outcome, Ok(Outcome::Batch { refused: false, .. })) {
                state.undo_to(before);
            }
            outcome
        }
    }
}

fn run_each(state: &mut State<'_>, actor: &Actor, batch: &Batch) -> Result<Outcome, Needs> {
    let mut results = Vec::with_capacity(batch.operations().len());
    let mut needs = Needs::default();
    for operation in batch.operations() {
        match run_one(state, actor, operation) {
            Ok(verdict) => results.push(verdict),
            Err(missing) => needs.extend(missing),
        }
    }
    if needs.is_empty() { Ok(Outcome::Batch { refused: false, results }) } else { Err(needs) }
}

fn run_one(state: &mut State<'_>, actor: &Actor, operation: &Operation) -> Result<Verdict, Needs> {
    let proposal = match propose(state, operation, None)? {
        Ok(proposal) => proposal,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Proposal::Place { order, .. } = &proposal
        && let Some(conflict) = Candidate::new(state, order).conflict(state)?
    {
        return Ok(Err(Refusal::Conflict(Box::new(conflict))));
    }
    let done = proposal.record(state, actor);
    name_group(state, operation, &done);
    Ok(Ok(done))
}

/// Others of the same batch may be imported into the group of this order.
fn name_group(state: &mut State<'_>, operation: &Operation, done: &Done) {
    if let (Operation::Import(import), Done::Created(order)) = (operation, done) {
        state.name_group(&import.group, order.group);
    }
}

/// Judges a batch on the state that all of it leaves behind. Of two operations that conflict with
/// each other the later is refused; one that is refused stands in nobody's way.
fn run_together(
    state: &mut State<'_>,
    actor: &Actor,
    batch: &Batch,
    group: Option<Group>,
) -> Result<Outcome, Needs> {
    let mut needs = Needs::default();
    let mut results = Vec::with_capacity(batch.operations().len());
    let mut placed = Vec::new();
    for operation in batch.operations() {
        match propose(state, operation, group) {
            Ok(Ok(proposal)) => {
                if let Proposal::Place { order, .. } = &proposal {
                    placed.push((results.len(), order.clone()));
                }
                let done = proposal.record(state, actor);
                name_group(state, operation, &done);
                results.push(Ok(done));
            }
            Ok(Err(refusal)) => results.push(Err(refusal)),
            Err(missing) => needs.extend(missing),
        }
    }
    if !needs.is_empty() {
        return Err(needs);
    }
    for (_, order) in &placed {
        state.hide(&order.id, true);
    }
    let mut blocked = Vec::new();
    for (position, order) in &placed {
        match Candidate::new(state, order).is_blocked(state) {
            Ok(true) => blocked.push((*position, order)),
            Ok(false) => state.hide(&order.id, false),
            Err(missing) => needs.extend(missing),
        }
    }
    // Only now, so that what is suggested is free beside all operations that were fine.
    for (position, order) in blocked {
        match (Candidate::new(state, order).conflict(state), results.get_mut(position)) {
            (Ok(Some(conflict)), Some(result)) => {
                *result = Err(Refusal::Conflict(Box::new(conflict)));
            }
            (Ok(_), _) => {}
            (Err(missing), _) => needs.extend(missing),
        }
    }
    if !needs.is_empty() {
        return Err(needs);
    }
    let refused = results.iter().any(Result::is_err);
    if refused {
        for result in results.iter_mut().filter(|result| result.is_ok()) {
            *result = Err(Refusal::NotAttempted);
        }
    }
    Ok(Outcome::Batch { refused, results })
}

/// A change that all but the spacing rule allow.
enum Proposal {
    /// The order gets a place, which the rule must be asked about.
    Place { kind: EventKind, order: Order },
    /// The order changes and keeps its place.
    Keep(Order),
    /// The order stays as it is.
    Nothing(Order),
    /// The order goes.
    Remove(Order),
}

impl Proposal {
    fn record(self, state: &mut State<'_>, actor: &Actor) -> Done {
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

/// Judges an operation by all but the spacing rule. New orders go into `group`, if there is one.
fn propose(
    state: &State<'_>,
    operation: &Operation,
    group: Option<Group>,
) -> Result<Result<Proposal, Refusal>, Needs> {
    match operation {
        Operation::Create { id, content } => propose_create(state, id, content, group),
        Operation::Import(import) => propose_import(state, import),
        Operation::Update { id, if_match, patch } => propose_update(state, id, if_match, patch),
        Operation::Delete { id, if_match } => propose_delete(state, id, if_match),
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
        NewId::Made(_) => 0,
        NewId::Chosen(id) => match state.stored(id)? {
            Stored::Never => 0,
            Stored::Live(_) => return Ok(Err(Refusal::OrderExists(id.clone()))),
            // Goes on counting, so that no ETag of the deleted order fits the new one.
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

/// Judges an imported order as a new one, then gives it what is known of its past.
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
    if_match: &IfMatch,
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
        // A new place is the order's own: it leaves the group whose members are exempt.
        let order = Order { group: state.new_group(), ..changed };
        Proposal::Place { kind: EventKind::Updated, order }
    } else {
        Proposal::Keep(changed)
    }))
}

fn propose_delete(
    state: &State<'_>,
    id: &OrderId,
    if_match: &IfMatch,
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

/// The order in a version that the caller accepts.
fn find_live<'s>(
    state: &'s State<'_>,
    id: &OrderId,
    if_match: &IfMatch,
) -> Result<Result<&'s Order, Refusal>, Needs> {
    let Some(order) = state.stored(id)?.live() else {
        return Ok(Err(Refusal::NotFound(id.clone())));
    };
    let accepted = if_match.as_ref().is_none_or(|versions| versions.contain(order.version));
    Ok(if accepted { Ok(order) } else { Err(Refusal::VersionMismatch { current: order.version }) })
}

/// From when on the order may be updated, if not yet.
fn editable_at(state: &State<'_>, order: &Order) -> Option<Instant> {
    let editable_at = order.created_at.saturating_add(state.policy.edit_lock?);
    (state.now < editable_at).then_some(editable_at)
}

fn next_version(state: &State<'_>, order: &Order) -> Order {
    Order { version: order.version + 1, updated_at: state.now, ..order.clone() }
}

//! The decision: runs commands one after the other against a snapshot.

use super::batch::{Batch, Mode};
use super::changes::Changes;
use super::command::{Action, Command, Operation};
use super::event::Actor;
use super::idempotency::Replay;
use super::needs::Needs;
use super::outcome::{Done, OperationResult, Outcome, Refusal};
use super::proposal::{Proposal, propose};
use super::snapshot::Snapshot;
use super::spacing::Candidate;
use super::state::State;
use crate::order::Group;
use crate::policy::Policy;
use crate::time::Timestamp;

/// The outcomes of some commands, and the changes to store for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// One for each command, in order.
    pub outcomes: Vec<Outcome>,
    /// Empty if no command was accepted.
    pub changes: Changes,
}

/// Decides commands in order. Each command sees the changes of those before it.
///
/// The caller reads `policy`, `snapshot` and `now` from the database under one lock, and stores the
/// changes under the same lock.
///
/// # Errors
/// [`Needs`] if the snapshot lacks something. Load it, add it to the snapshot and call again. A
/// decision is never a guess. The calls come to an end: each asks for what none before it loaded,
/// and a search for free times passes at most 1 000 occupied intervals.
///
/// # Examples
/// [`Book`](crate::Book) is a complete caller.
pub fn decide(
    policy: &Policy,
    snapshot: &Snapshot,
    commands: &[Command],
    now: Timestamp,
) -> Result<Decision, Needs> {
    let mut state = State::new(policy, snapshot, now);
    let mut outcomes = Vec::with_capacity(commands.len());
    let mut needs = Needs::default();
    for (position, command) in commands.iter().enumerate() {
        match run_once(&mut state, command, position) {
            Ok(outcome) => outcomes.push(outcome),
            // Continues, to learn in one pass what all commands need.
            Err(missing) => needs.extend(missing),
        }
    }
    if !needs.is_empty() {
        needs.merge_lists();
        return Err(needs);
    }
    Ok(Decision { outcomes, changes: state.into_changes() })
}

/// Runs a command, unless its idempotency key was used before.
fn run_once(state: &mut State<'_>, command: &Command, position: usize) -> Result<Outcome, Needs> {
    let Some(retry) = command.retry() else { return run(state, command) };
    match retry.compare(state.fingerprint(&retry.key)?) {
        Replay::No => {}
        Replay::Same => return Ok(Outcome::Repeated),
        Replay::Other => return Ok(Outcome::KeyReused),
    }
    let outcome = run(state, command)?;
    if outcome.is_accepted() {
        state.use_key(retry, position);
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
            Ok(result) => results.push(result),
            Err(missing) => needs.extend(missing),
        }
    }
    if needs.is_empty() { Ok(Outcome::Batch { refused: false, results }) } else { Err(needs) }
}

fn run_one(
    state: &mut State<'_>,
    actor: &Actor,
    operation: &Operation,
) -> Result<OperationResult, Needs> {
    let proposal = match propose(state, operation, None)? {
        Ok(proposal) => proposal,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Proposal::Place { order, .. } = &proposal {
        if let Some(conflict) = Candidate::new(state, order).conflict(state)? {
            return Ok(Err(Refusal::Conflict(Box::new(conflict))));
        }
    }
    let done = proposal.record(state, actor);
    name_group(state, operation, &done);
    Ok(Ok(done))
}

/// Gives an imported order's group to the name under which it was imported.
fn name_group(state: &mut State<'_>, operation: &Operation, done: &Done) {
    if let (Operation::Import(import), Done::Created(order)) = (operation, done) {
        state.name_group(&import.group, order.group);
    }
}

/// Runs a batch and validates the state after all of its operations. Of two operations that
/// conflict with each other the later is rejected. A rejected operation blocks no other.
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
    // After the loop above, so that suggestions are free beside all accepted operations.
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

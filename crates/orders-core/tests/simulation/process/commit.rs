//! From the decision to the commit: what is kept, remembered and sent.

use std::collections::HashMap;

use orders_core::decide::{IdempotentRequest, OwnKey};
use orders_core::{Command, Decision, Outcome, Policy};

use super::{Failure, Process, Stage, Work, World};
use crate::database::{Kind, Loaded, Statement};
use crate::ledger::{Answered, Ticket};
use crate::tables::{Kept, Writes};

/// The keys under which answers were kept before, of commands that are repeated.
pub(super) fn keys_to_find(commands: &[Command], decision: &Decision) -> Vec<OwnKey> {
    let new: Vec<&OwnKey> = decision
        .changes
        .responses
        .iter()
        .filter_map(|position| commands[*position].retry().map(|retry| &retry.key))
        .collect();
    let repeated = commands.iter().zip(&decision.outcomes);
    repeated
        .filter(|(_, outcome)| **outcome == Outcome::Repeated)
        .filter_map(|(command, _)| command.retry().map(|retry| retry.key.clone()))
        .filter(|key| !new.contains(&key))
        .collect()
}

use crate::knobs::Sabotage;

impl Process {
    /// Writes what was decided.
    pub(super) fn write(
        &mut self,
        mut work: Work,
        loaded: Loaded,
        decision: Decision,
        found: &HashMap<OwnKey, Outcome>,
        world: &mut World<'_>,
    ) -> Work {
        let Decision { outcomes, changes } = decision;
        let keep = |position: &usize| {
            let IdempotentRequest { key, fingerprint } = work.commands[*position].retry()?.clone();
            let answer = outcomes[*position].clone();
            let (attempt, at) = (work.jobs[*position], loaded.now);
            Some(Kept { attempt, key, fingerprint, answer, at })
        };
        let kept: Vec<Kept> = changes.responses.iter().filter_map(keep).collect();
        let mut known = found.clone();
        known.extend(kept.iter().map(|kept| (kept.key.clone(), kept.answer.clone())));
        let answer = |((job, command), outcome): ((&usize, &Command), Outcome)| {
            let again = command.retry().and_then(|retry| known.get(&retry.key)).cloned();
            let answered = match (outcome, again) {
                (Outcome::Repeated, Some(again)) => Answered::Again(again),
                (Outcome::KeyReused, _) => Answered::KeyReused,
                (outcome, _) => Answered::Now(outcome),
            };
            (*job, answered)
        };
        work.answers = work.jobs.iter().zip(&work.commands).zip(outcomes).map(answer).collect();
        let answers = if world.database.knobs.has(Sabotage::NoAnswers) { Vec::new() } else { kept };
        work.writes = Writes { changes, answers };
        let (policy, kind) = (world.database.policy, world.database.kind);
        if let Some(session) = &mut self.session {
            session.memory = remembered(kind, &policy, loaded, &work.writes);
        }
        if work.writes.is_empty() {
            work.stage = Stage::Answering(std::mem::take(&mut work.answers));
            return work;
        }
        work.stage = Stage::Applying;
        self.send(Statement::Apply(work.writes.clone()), world);
        work
    }

    /// Commits, unless a caller has given up.
    pub(super) fn commit(&mut self, mut work: Work, world: &mut World<'_>) -> Option<Work> {
        if !world.database.knobs.has(Sabotage::NoTicket) {
            let given_up = |id: &usize| world.ledger.attempts[*id].ticket == Ticket::GivenUp;
            if work.jobs.iter().any(given_up) {
                return self.failed(work, Failure::Abandoned);
            }
            for id in &work.jobs {
                world.ledger.attempts[*id].ticket = Ticket::Committing;
            }
        }
        if world.database.knobs.has(Sabotage::EarlyAnswer) {
            for (id, answer) in work.answers.drain(..) {
                world.ledger.tell(&world.database.policy, id, answer);
            }
        }
        work.stage = Stage::Committing;
        self.send(Statement::Commit, world);
        Some(work)
    }
}

/// What counts in the next transaction too, as it will be after the commit.
fn remembered(kind: Kind, policy: &Policy, mut loaded: Loaded, writes: &Writes) -> Option<Loaded> {
    let outlives_own_writes = kind == Kind::Sqlite;
    if loaded.witness.is_none() || !(writes.is_empty() || outlives_own_writes) {
        return None;
    }
    loaded.snapshot.follow(policy, &writes.changes);
    Some(loaded)
}

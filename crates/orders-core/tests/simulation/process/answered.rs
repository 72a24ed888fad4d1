//! What a process does with what its session answers.

use std::collections::HashMap;

use orders_core::{Needs, Snapshot, decide};

use super::commit::keys_to_find;
use super::{Failure, Process, Stage, Work, World};
use crate::database::{Answer, Loaded, Statement};
use crate::ledger::{AttemptId, Ticket};

use crate::knobs::Sabotage;

impl Process {
    pub(super) fn answered(
        &mut self,
        mut work: Work,
        answer: Answer,
        world: &mut World<'_>,
    ) -> Option<Work> {
        let stage = std::mem::replace(&mut work.stage, Stage::Idle);
        let early = world.database.knobs.has(Sabotage::EarlySnapshot);
        match (stage, answer) {
            (Stage::Resting, _) => return None,
            (Stage::RollingBack, _) => self.lock(&mut work, world),
            (Stage::Locking, Answer::Done) => {
                let session = self.session.as_mut()?;
                session.is_open = true;
                match session.memory.take_if(|_| early) {
                    Some(loaded) => work.stage = Stage::Deciding(Box::new(loaded)),
                    None => self.load_first(&mut work, world),
                }
            }
            (Stage::LoadingAfter(before), Answer::Loaded(loaded)) => {
                let same = before.witness.is_some() && before.witness == loaded.witness;
                if same || world.database.knobs.has(Sabotage::StaleMemory) {
                    let mut snapshot = before.snapshot;
                    snapshot.merge(loaded.snapshot);
                    self.loaded(&mut work, Loaded { snapshot, ..*loaded }, world);
                } else {
                    let needs = Needs::for_commands(&world.database.policy, &work.commands);
                    work.stage = Stage::Loading(Some(loaded));
                    self.send(Statement::Load(needs), world);
                }
            }
            (Stage::Loading(so_far), Answer::Loaded(loaded)) => {
                let loaded = match so_far {
                    Some(so_far) => merged(*so_far, loaded.snapshot),
                    None => *loaded,
                };
                self.loaded(&mut work, loaded, world);
            }
            (Stage::Finding(loaded, decision, keys), Answer::Found(found)) => {
                let found = keys.into_iter().zip(found);
                let found = found.filter_map(|(key, answer)| Some((key, answer?))).collect();
                return Some(self.write(work, *loaded, *decision, &found, world));
            }
            (Stage::Applying, Answer::Done) => {
                return self.commit(work, world);
            }
            (Stage::Committing, Answer::Done) => {
                if let Some(session) = &mut self.session {
                    session.is_open = false;
                }
                work.stage = Stage::Answering(std::mem::take(&mut work.answers));
            }
            (Stage::LockingForFate { tries }, Answer::Done) => {
                if let Some(session) = &mut self.session {
                    session.is_open = true;
                }
                work.stage = Stage::LookingForFate { tries };
                self.send(Statement::Look(work.writes.clone()), world);
            }
            (Stage::LookingForFate { .. }, Answer::Seen(true)) => {
                work.stage = Stage::Answering(std::mem::take(&mut work.answers));
            }
            (Stage::LookingForFate { .. }, Answer::Seen(false)) => {
                Self::take_back(&work, world);
                let trouble = work.trouble;
                return self.failed(work, trouble);
            }
            (Stage::Committing, _) => return self.uncertain(work, Failure::Failed, world),
            (_, Answer::Refused) => return self.failed(work, Failure::Refused),
            (_, _) => return self.failed(work, Failure::Failed),
        }
        Some(work)
    }

    fn loaded(&mut self, work: &mut Work, loaded: Loaded, world: &mut World<'_>) {
        let locked = self.session.as_ref().is_some_and(|session| session.is_open);
        if world.database.knobs.has(Sabotage::EarlySnapshot) && !locked {
            if let Some(session) = &mut self.session {
                session.memory = Some(loaded);
            }
            work.stage = Stage::Locking;
            self.send(Statement::Lock, world);
        } else {
            work.stage = Stage::Deciding(Box::new(loaded));
        }
    }

    pub(super) fn send(&self, statement: Statement, world: &mut World<'_>) {
        if let Some(session) = &self.session {
            world.database.send(session.id, statement);
        }
    }

    pub(super) fn decide(
        &mut self,
        mut work: Work,
        loaded: Box<Loaded>,
        world: &mut World<'_>,
    ) -> Option<Work> {
        let policy = world.database.policy;
        match decide(&policy, &loaded.snapshot, &work.commands, loaded.now) {
            Err(missing) => {
                let wanted = |id: &AttemptId| world.ledger.attempts[*id].ticket != Ticket::GivenUp;
                if !work.jobs.iter().all(wanted) {
                    return self.failed(work, Failure::Abandoned);
                }
                work.stage = Stage::Loading(Some(loaded));
                self.send(Statement::Load(missing), world);
                Some(work)
            }
            Ok(decision) => {
                let keys = keys_to_find(&work.commands, &decision);
                if keys.is_empty() {
                    return Some(self.write(work, *loaded, decision, &HashMap::new(), world));
                }
                work.stage = Stage::Finding(loaded, Box::new(decision), keys.clone());
                self.send(Statement::Find(keys), world);
                Some(work)
            }
        }
    }
}

/// What was loaded first, with what was loaded since.
fn merged(mut so_far: Loaded, snapshot: Snapshot) -> Loaded {
    so_far.snapshot.merge(snapshot);
    so_far
}

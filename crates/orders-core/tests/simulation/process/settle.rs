//! What becomes of commands whose attempt did not come to its end: what is looked for, done again,
//! and answered.

use std::collections::VecDeque;

use super::{Failure, Process, Session, Stage, Work, World};
use crate::database::Statement;
use crate::ledger::{Answered, Ticket};

/// How often the fate of a commit is asked for.
const TRIES: usize = 4;

use crate::knobs::Sabotage;

impl Process {
    pub(super) fn take_back(work: &Work, world: &mut World<'_>) {
        for id in &work.jobs {
            if world.ledger.attempts[*id].ticket == Ticket::Committing {
                world.ledger.attempts[*id].ticket = Ticket::Waiting;
            }
        }
    }

    /// The commit was not answered: what became of it is to be found out.
    pub(super) fn uncertain(
        &mut self,
        mut work: Work,
        trouble: Failure,
        world: &mut World<'_>,
    ) -> Option<Work> {
        if let Some(session) = self.session.take() {
            world.database.abandon(session.id, world.dice);
        }
        if world.database.knobs.has(Sabotage::NoFate) {
            Self::take_back(&work, world);
            return self.failed(work, trouble);
        }
        work.trouble = trouble;
        self.look_for_fate(work, 0, world)
    }

    /// Looks whether it is there: under the lock, which the lost session holds while it lasts.
    pub(super) fn look_for_fate(
        &mut self,
        mut work: Work,
        tries: usize,
        world: &mut World<'_>,
    ) -> Option<Work> {
        if tries >= TRIES {
            return self.failed(work, Failure::Unknown);
        }
        let id = world.database.connect();
        self.session = Some(Session { id, is_open: false, memory: None });
        if world.database.knobs.has(Sabotage::HastyFate) {
            work.stage = Stage::LookingForFate { tries };
            self.send(Statement::Look(work.writes.clone()), world);
        } else {
            work.stage = Stage::LockingForFate { tries };
            self.send(Statement::Lock, world);
        }
        Some(work)
    }

    /// The session is lost.
    pub(super) fn lost(&mut self, work: Work, world: &mut World<'_>) -> Option<Work> {
        self.session = None;
        match work.stage {
            Stage::Resting => None,
            Stage::Committing => self.uncertain(work, Failure::Lost, world),
            Stage::LockingForFate { tries } | Stage::LookingForFate { tries } => {
                self.look_for_fate(work, tries + 1, world)
            }
            _ => self.failed(work, Failure::Lost),
        }
    }

    /// Does again what may be done again, and answers the others.
    pub(super) fn failed(&mut self, work: Work, failure: Failure) -> Option<Work> {
        if let Some(session) = &mut self.session {
            session.memory = None;
        }
        let Work { jobs, again, .. } = work;
        match failure {
            Failure::Abandoned => self.todo.push_front((jobs, again)),
            // A command that cannot be written must not take its neighbours with it.
            Failure::Refused | Failure::Failed if jobs.len() > 1 => {
                for job in jobs.into_iter().rev() {
                    self.todo.push_front((vec![job], again));
                }
            }
            Failure::Lost | Failure::Refused if again => self.todo.push_front((jobs, false)),
            Failure::Lost | Failure::Refused | Failure::Failed | Failure::Unknown => {
                let told = match failure {
                    Failure::Unknown => Answered::Unknown,
                    _ => Answered::Failed,
                };
                return Some(answering(jobs, &told));
            }
        }
        None
    }
}

fn answering(jobs: Vec<usize>, answer: &Answered) -> Work {
    let answers: VecDeque<_> = jobs.iter().map(|job| (*job, answer.clone())).collect();
    Work { jobs, ..Work::without_jobs(Stage::Answering(answers)) }
}

//! What the server does with a statement.

use super::{Answer, Committed, Database, Kind, Loaded, Session, SessionId, Statement};
use crate::dice::Dice;
use crate::tables::Writes;

use crate::knobs::Sabotage;

impl Database {
    pub(super) fn execute(&mut self, id: SessionId, dice: &mut Dice) -> bool {
        let Some(session) = self.sessions.get_mut(&id) else { return false };
        let Some(statement) = session.sent.take() else { return false };
        if matches!(statement, Statement::Lock)
            && !self.knobs.has(Sabotage::NoLock)
            && self.lock.is_some_and(|holder| holder != id)
        {
            session.sent = Some(Statement::Lock);
            return false;
        }
        let fails = self.knobs.faults && may_fail(&statement) && dice.one_in(150);
        // Of a COMMIT that failed nobody knows whether it took place.
        let done = !fails || (matches!(statement, Statement::Commit) && dice.one_in(2));
        let answer = if done { self.answer(id, statement) } else { Answer::Failed };
        let answer = if fails { Answer::Failed } else { answer };
        if let Some(session) = self.sessions.get_mut(&id) {
            session.answer = Some(answer);
        }
        true
    }

    fn answer(&mut self, id: SessionId, statement: Statement) -> Answer {
        match statement {
            Statement::Lock => {
                self.lock = Some(id);
                Answer::Done
            }
            Statement::Load(needs) => Answer::Loaded(Box::new(Loaded {
                witness: self.witness(id),
                now: self.now(),
                snapshot: self.tables.load(&needs, &self.services),
            })),
            Statement::Find(keys) => {
                let find = |key| self.tables.keys.get(key).map(|kept| kept.answer.clone());
                Answer::Found(keys.iter().map(find).collect())
            }
            Statement::Apply(writes) => {
                if self.refuses(id, &writes) {
                    return Answer::Refused;
                }
                self.written += 1;
                self.session(id).transaction = Some(writes);
                Answer::Done
            }
            Statement::Commit => {
                if let Some(writes) = self.session(id).transaction.take() {
                    self.commit(id, writes);
                }
                self.let_go(id);
                Answer::Done
            }
            Statement::RollBack => {
                self.session(id).transaction = None;
                self.let_go(id);
                Answer::Done
            }
            Statement::Look(writes) => Answer::Seen(self.is_there(&writes)),
        }
    }

    fn is_there(&self, writes: &Writes) -> bool {
        match (writes.changes.events.first(), writes.answers.first()) {
            (Some(event), _) => {
                let mut latest = self.tables.events.iter().rev();
                latest.find(|there| there.sequence == event.sequence).is_some_and(|there| {
                    there.order.id == event.order.id && there.time == event.time
                })
            }
            (None, Some(kept)) => {
                self.tables.keys.get(&kept.key).is_some_and(|there| {
                    there.fingerprint == kept.fingerprint && there.at == kept.at
                })
            }
            (None, None) => false,
        }
    }

    /// A transaction ends, and the lock with it.
    fn let_go(&mut self, id: SessionId) {
        if self.lock == Some(id) {
            self.lock = None;
        }
    }

    fn session(&mut self, id: SessionId) -> &mut Session {
        self.sessions.get_mut(&id).unwrap()
    }

    fn commit(&mut self, id: SessionId, writes: Writes) {
        self.tables.apply(&self.policy, writes.clone());
        self.commits += 1;
        self.session(id).own_commits += 1;
        self.committed.push(Committed(writes));
    }

    fn refuses(&self, id: SessionId, writes: &Writes) -> bool {
        let others = self.sessions.iter().filter(|(other, _)| **other != id);
        let open: Vec<&Writes> =
            others.filter_map(|(_, session)| session.transaction.as_ref()).collect();
        self.knobs.backstop && self.tables.refuse(&self.policy, writes, &open)
    }

    /// What tells whether others have written.
    fn witness(&self, id: SessionId) -> Option<u64> {
        match self.kind {
            Kind::Sqlite => Some(self.commits - self.sessions.get(&id)?.own_commits),
            Kind::Postgres => {
                let busy = self.sessions.values().any(|session| session.transaction.is_some());
                (!busy).then_some(self.written)
            }
        }
    }
}

/// Answers never come from nowhere: what takes the lock or looks may only be lost.
fn may_fail(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Load(_) | Statement::Find(_) | Statement::Apply(_) | Statement::Commit
    )
}

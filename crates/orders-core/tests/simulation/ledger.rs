//! The ledger: what was asked, committed and answered, and whether that can be so.

use std::collections::{BTreeMap, HashMap, HashSet};

use orders_core::decide::{Changes, Fingerprint, OwnKey, RowChange};
use orders_core::{Action, Command, Done, Event, Order, OrderId, Outcome, Policy};

use crate::justice::{self, History};
use crate::rules::{Figures, Rule};
use crate::tables::{Tables, Writes};

pub(crate) type AttemptId = usize;

/// The fate of what was queued, as in the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ticket {
    Waiting,
    Committing,
    GivenUp,
}

/// What a caller is told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answered {
    Now(Outcome),
    Again(Outcome),
    KeyReused,
    /// Nothing was done, nor will be.
    Failed,
    /// Nobody knows.
    Unknown,
}

#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) command: Command,
    pub(crate) ticket: Ticket,
    /// The last sequence when it was asked.
    since: u64,
    /// How many strays there were by then.
    strays: usize,
    told: Option<Answered>,
    committed: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) history: History,
    pub(crate) violations: Vec<(Rule, String)>,
    pub(crate) figures: Figures,
    keys: HashMap<OwnKey, (AttemptId, Fingerprint, Outcome)>,
    acknowledged: Vec<(OrderId, u64)>,
}

impl Ledger {
    pub(crate) fn ask(&mut self, command: Command) -> AttemptId {
        let (since, strays) = (self.history.last_sequence, self.history.strays.len());
        let ticket = Ticket::Waiting;
        self.attempts.push(Attempt {
            command,
            ticket,
            since,
            strays,
            told: None,
            committed: false,
        });
        self.attempts.len() - 1
    }

    fn violated(&mut self, rule: Rule, what: impl FnOnce() -> String) {
        self.violations.push((rule, what()));
    }

    /// Takes note of a commit. `tables` are as it left them.
    pub(crate) fn commit(&mut self, tables: &Tables, policy: &Policy, writes: &Writes) {
        self.figures.commits += 1;
        let by = |event: &Event| -> AttemptId { event.actor.as_str().parse().unwrap() };
        let mut attempts: Vec<AttemptId> = writes.changes.events.iter().map(by).collect();
        attempts.extend(writes.answers.iter().map(|kept| kept.attempt));
        attempts.sort_unstable();
        attempts.dedup();
        for id in attempts {
            self.done(id);
        }
        for event in &writes.changes.events {
            if event.sequence != self.history.last_sequence + 1 {
                self.violated(Rule::Sequence, || format!("{event:?}"));
            }
            if !self.history.allows(event) {
                self.violated(Rule::LostUpdate, || format!("{event:?}"));
            }
            self.history.push(event);
        }
        for order in writes.changes.rows.iter().filter_map(|row| row.after.as_ref()) {
            for slot in policy.slots(order) {
                if let Some(other) = tables.neighbour(policy.window, &order.id, &slot) {
                    self.violated(Rule::TooClose, || format!("{other} and {order:?}"));
                }
            }
        }
        for kept in &writes.answers {
            let entry = (kept.attempt, kept.fingerprint.clone(), kept.answer.clone());
            if let Some((before, ..)) = self.keys.insert(kept.key.clone(), entry) {
                self.violated(Rule::KeyTwice, || format!("{before} and {kept:?}"));
            }
        }
    }

    fn done(&mut self, id: AttemptId) {
        let attempt = &mut self.attempts[id];
        let before = std::mem::replace(&mut attempt.committed, true);
        let failed = attempt.told == Some(Answered::Failed);
        let dry = matches!(&attempt.command.action, Action::Batch(batch) if batch.dry_run());
        if before {
            self.violated(Rule::DoneTwice, || format!("attempt {id}"));
        }
        if failed {
            self.violated(Rule::DoneAfterFailed, || format!("attempt {id}"));
        }
        if dry {
            self.violated(Rule::Unasked, || format!("the dry run {id}"));
        }
    }

    /// Whether the caller waits for an answer still.
    pub(crate) fn waits(&self, id: AttemptId) -> bool {
        self.attempts[id].told.is_none()
    }

    pub(crate) fn told(&self, id: AttemptId) -> Option<&Answered> {
        self.attempts[id].told.as_ref()
    }

    /// Takes note of what a caller is told, unless he is gone.
    pub(crate) fn tell(&mut self, policy: &Policy, id: AttemptId, answered: Answered) {
        if !self.waits(id) {
            return;
        }
        match &answered {
            Answered::Failed => {
                self.figures.failed += 1;
                if self.attempts[id].committed {
                    self.violated(Rule::DoneAfterFailed, || format!("attempt {id}, before"));
                }
            }
            Answered::Unknown => self.figures.unknown += 1,
            Answered::Now(outcome) => self.judge(policy, id, outcome),
            Answered::Again(_) | Answered::KeyReused => {
                self.figures.repeated += 1;
                self.judge_repeat(id, &answered);
            }
        }
        self.attempts[id].told = Some(answered);
    }

    fn judge_repeat(&mut self, id: AttemptId, answered: &Answered) {
        let retry = self.attempts[id].command.retry.clone();
        let kept = retry.as_ref().and_then(|retry| self.keys.get(&retry.key));
        let right = match (retry.as_ref(), kept, answered) {
            (Some(retry), Some((_, fingerprint, _)), Answered::KeyReused) => {
                *fingerprint != retry.fingerprint
            }
            (Some(retry), Some((_, fingerprint, first)), Answered::Again(again)) => {
                *fingerprint == retry.fingerprint && again == first
            }
            _ => false,
        };
        if !right {
            self.violated(Rule::WrongRepeat, || format!("attempt {id}: {answered:?}"));
        }
    }

    fn judge(&mut self, policy: &Policy, id: AttemptId, outcome: &Outcome) {
        if outcome.is_accepted() {
            self.figures.accepted += 1;
        } else {
            self.figures.refused += 1;
        }
        let attempt = &self.attempts[id];
        let dry = matches!(&attempt.command.action, Action::Batch(batch) if batch.dry_run());
        let (stands, verdicts) = match outcome {
            Outcome::One(verdict) => (true, std::slice::from_ref(verdict)),
            Outcome::Batch { refused, results } => (!refused && !dry, results.as_slice()),
            Outcome::Repeated | Outcome::KeyReused => return,
        };
        let mut found = Vec::new();
        if attempt.committed
            && (!stands || verdicts.iter().all(Result::is_err))
            && !outcome.is_accepted()
        {
            found.push((Rule::DoneButRefused, format!("attempt {id}: {outcome:?}")));
        }
        for (operation, verdict) in attempt.command.action.operations().iter().zip(verdicts) {
            match verdict {
                Ok(
                    Done::Created(order)
                    | Done::Updated(order)
                    | Done::Deleted(order)
                    | Done::Restored(order),
                ) if stands => {
                    if !attempt.committed || !self.history.has(order) {
                        found.push((Rule::Missing, format!("attempt {id}: {order:?}")));
                    }
                    self.acknowledged.push((order.id.clone(), order.version));
                }
                Ok(_) => {}
                Err(refusal) => {
                    let (action, strays) = (&attempt.command.action, attempt.strays);
                    let asked = justice::Asked { action, operation, strays };
                    let span = (attempt.since, self.history.last_sequence);
                    if !justice::is_justified(&self.history, policy, &asked, refusal, span) {
                        found.push((
                            Rule::Unjustified,
                            format!("attempt {id}, {operation:?} within {span:?}: {refusal:?}"),
                        ));
                    }
                }
            }
        }
        if let Some(retry) = attempt.command.retry().filter(|_| outcome.is_accepted())
            && self.keys.get(&retry.key).is_none_or(|(by, ..)| *by != id)
        {
            found.push((Rule::Missing, format!("the answer of attempt {id}")));
        }
        self.violations.extend(found);
    }

    /// Looks whether all that is stored agrees, when everything is at rest.
    pub(crate) fn close(&mut self, tables: &Tables, policy: &Policy) {
        let there: HashSet<(&OrderId, u64)> =
            tables.events.iter().map(|event| (&event.order.id, event.order.version)).collect();
        for (id, version) in std::mem::take(&mut self.acknowledged) {
            if !there.contains(&(&id, version)) {
                self.violated(Rule::Missing, || format!("version {version} of {id}, at the end"));
            }
        }
        let told: BTreeMap<OrderId, Order> = self.history.live_orders();
        if told != tables.orders {
            self.violated(Rule::Torn, || "events, replayed, do not give the orders".to_owned());
        }
        let mut expected = Tables::default();
        let rows = told.into_values().map(|after| RowChange { before: None, after: Some(after) });
        let changes = Changes { rows: rows.collect(), ..Changes::default() };
        expected.apply(policy, Writes { changes, answers: Vec::new() });
        for (id, slot) in &self.history.strays {
            expected.add_slot(*slot, id.clone());
        }
        let sorted = |tables: &Tables| -> Vec<String> {
            let slots = tables.slots.iter();
            let mut all: Vec<String> = slots
                .flat_map(|(place, there)| {
                    there.iter().map(move |one| format!("{place:?} {one:?}"))
                })
                .collect();
            all.sort();
            all
        };
        if sorted(&expected) != sorted(tables) {
            self.violated(Rule::Torn, || "places and orders do not agree".to_owned());
        }
    }
}

//! The rule in its plainest form: every order compared with every other, and free instants found
//! by trying each that could be the nearest. Slow, and too simple to be wrong in the same way.

use std::collections::BTreeMap;

use orders_core::decide::{
    Batch, Fingerprint, IdempotentRequest, Mode, Neighbour, OperationResult, OrderConflict, OwnKey,
    Versions,
};
use orders_core::order::Group;
use orders_core::{
    Action, Command, Done, Operation, Order, OrderId, Outcome, Policy, Refusal, Scope, ServiceId,
    Services, Timestamp,
};

#[derive(Debug, Clone)]
struct Held {
    order: Order,
    live: bool,
    /// Orders with the same number are exempt from each other.
    group: u64,
}

/// A naive order book.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    policy: Policy,
    services: Vec<ServiceId>,
    held: BTreeMap<OrderId, Held>,
    groups: u64,
    /// What each used key represents.
    answered: BTreeMap<OwnKey, Fingerprint>,
}

impl Model {
    pub(crate) fn new(policy: Policy, services: &[ServiceId]) -> Self {
        Self {
            policy,
            services: services.to_vec(),
            held: BTreeMap::new(),
            groups: 0,
            answered: BTreeMap::new(),
        }
    }

    pub(crate) fn orders(&self) -> Vec<Order> {
        self.held.values().filter(|held| held.live).map(|held| held.order.clone()).collect()
    }

    pub(crate) fn run(&mut self, command: &Command, now: Timestamp) -> Outcome {
        let (outcome, kept) = match &command.action {
            Action::Batch(batch) if batch.dry_run() => return self.batch(batch, now),
            _ if self.knows(command) => return Outcome::Repeated,
            _ if self.knows_otherwise(command) => return Outcome::KeyReused,
            Action::One(operation) => {
                let verdict = self.one(operation, now);
                let kept = verdict.is_ok();
                (Outcome::One(verdict), kept)
            }
            Action::Batch(batch) => {
                let outcome = self.batch(batch, now);
                let kept = matches!(outcome, Outcome::Batch { refused: false, .. });
                (outcome, kept)
            }
        };
        if let Some(retry) = command.retry.clone().filter(|_| kept) {
            self.answered.insert(retry.key, retry.fingerprint);
        }
        outcome
    }

    fn knows(&self, command: &Command) -> bool {
        let kept =
            |retry: &IdempotentRequest| self.answered.get(&retry.key) == Some(&retry.fingerprint);
        command.retry.as_ref().is_some_and(kept)
    }

    fn knows_otherwise(&self, command: &Command) -> bool {
        let used = |retry: &IdempotentRequest| self.answered.contains_key(&retry.key);
        command.retry.as_ref().is_some_and(used) && !self.knows(command)
    }

    fn batch(&mut self, batch: &Batch, now: Timestamp) -> Outcome {
        let before = self.clone();
        let operations = batch.operations();
        let (refused, results) = match batch.mode() {
            Mode::Each => (false, operations.iter().map(|o| self.one(o, now)).collect()),
            Mode::Atomic => self.together(operations, now, false),
            Mode::Group => self.together(operations, now, true),
        };
        if refused || batch.dry_run() {
            *self = before;
        }
        Outcome::Batch { refused, results }
    }

    fn one(&mut self, operation: &Operation, now: Timestamp) -> OperationResult {
        let (done, held) = self.judge_alone(operation, now)?;
        if must_be_judged(&done, &self.policy, self.held.get(operation.order_id()))
            && let Some(conflict) = self.conflict(&held)
        {
            return Err(Refusal::Conflict(Box::new(conflict)));
        }
        self.held.insert(held.order.id.clone(), held);
        Ok(done)
    }

    fn together(
        &mut self,
        operations: &[Operation],
        now: Timestamp,
        group: bool,
    ) -> (bool, Vec<OperationResult>) {
        self.groups += 1;
        let shared = self.groups;
        let start = self.clone();
        // What each operation would do alone, and whether the rule has a say in it.
        let judged: Vec<Result<(Done, Held, bool), Refusal>> = operations
            .iter()
            .map(|operation| {
                let (done, mut held) = self.judge_alone(operation, now)?;
                if group {
                    held.group = shared;
                }
                let asks =
                    must_be_judged(&done, &start.policy, start.held.get(operation.order_id()));
                Ok((done, held, asks))
            })
            .collect();
        // The state with all orders that the batch names taken out, then those that fit put in.
        let mut end = Self { groups: self.groups, ..start.clone() };
        for (_, held, _) in judged.iter().flatten() {
            end.held.remove(&held.order.id);
        }
        for (_, held, asks) in judged.iter().flatten() {
            if !asks {
                end.held.insert(held.order.id.clone(), held.clone());
            }
        }
        let mut fits = Vec::new();
        for item in &judged {
            let fit = match item {
                Ok((_, held, true)) if end.conflict(held).is_some() => false,
                Ok((_, held, _)) => {
                    end.held.insert(held.order.id.clone(), held.clone());
                    true
                }
                Err(_) => false,
            };
            fits.push(fit);
        }
        let refused = fits.contains(&false);
        let results = judged.into_iter().zip(fits).map(|(item, fit)| match item {
            Err(refusal) => Err(refusal),
            Ok((_, held, _)) if !fit => {
                Err(Refusal::Conflict(Box::new(end.conflict(&held).expect("it did not fit"))))
            }
            Ok(_) if refused => Err(Refusal::NotAttempted),
            Ok((done, _, _)) => Ok(done),
        });
        let results = results.collect();
        *self = end;
        (refused, results)
    }

    /// All but the spacing rule.
    fn judge_alone(
        &mut self,
        operation: &Operation,
        now: Timestamp,
    ) -> Result<(Done, Held), Refusal> {
        let id = operation.order_id().clone();
        let known = self.held.get(&id).cloned();
        let live = known.clone().filter(|held| held.live);
        let unknown = |services: &Services| -> Result<(), Refusal> {
            let unknown: Vec<_> =
                services.iter().enumerate().filter(|(_, s)| !self.services.contains(s)).collect();
            if unknown.is_empty() { Ok(()) } else { Err(Refusal::UnknownServices(unknown)) }
        };
        let expect = |if_match: &Option<Versions>| match (&live, if_match) {
            (None, _) => Err(Refusal::NotFound(id.clone())),
            (Some(held), Some(versions)) if !versions.contain(held.order.version) => {
                Err(Refusal::VersionMismatch { current: held.order.version })
            }
            (Some(held), _) => Ok(held.clone()),
        };
        let (done, order, alive, group) = match operation {
            Operation::Create { content, .. } => {
                unknown(&content.services)?;
                if live.is_some() {
                    return Err(Refusal::OrderExists(id));
                }
                let order = Order {
                    id,
                    content: content.clone(),
                    version: known.map_or(1, |held| held.order.version + 1),
                    group: any_group(),
                    created_at: now,
                    updated_at: now,
                };
                (Done::Created(order.clone()), order, true, None)
            }
            // Imports are not generated: `tests/import.rs` judges them.
            Operation::Import(_) => unreachable!("an import is not generated"),
            Operation::Update { if_match, patch, .. } => {
                let held = expect(if_match)?;
                if let Some(services) = &patch.services {
                    unknown(services)?;
                }
                if let Some(lock) = self.policy.edit_lock {
                    let editable_at = held.order.created_at.checked_add(lock).unwrap();
                    let wait_ms = editable_at.millis_since(now);
                    if wait_ms > 0 {
                        return Err(Refusal::EditLocked { editable_at, wait_ms });
                    }
                }
                let mut order = held.order.clone();
                order.content.datetime = patch.datetime.unwrap_or(order.content.datetime);
                order.content.total_fee = patch.total_fee.unwrap_or(order.content.total_fee);
                order.content.services = patch.services.clone().unwrap_or(order.content.services);
                if order == held.order {
                    (Done::Unchanged(order.clone()), order, true, Some(held.group))
                } else {
                    order.version += 1;
                    order.updated_at = now;
                    let stays = !moved(&self.policy, &held.order, &order);
                    (Done::Updated(order.clone()), order, true, stays.then_some(held.group))
                }
            }
            Operation::Delete { if_match, .. } => {
                let held = expect(if_match)?;
                let order =
                    Order { version: held.order.version + 1, updated_at: now, ..held.order };
                (Done::Deleted(order.clone()), order, false, Some(held.group))
            }
            Operation::Restore { .. } => {
                let Some(held) = known else { return Err(Refusal::NotFound(id)) };
                if held.live {
                    return Err(Refusal::OrderExists(id));
                }
                let order =
                    Order { version: held.order.version + 1, updated_at: now, ..held.order };
                (Done::Restored(order.clone()), order, true, Some(held.group))
            }
        };
        self.groups += 1;
        Ok((done, Held { order, live: alive, group: group.unwrap_or(self.groups) }))
    }

    fn conflict(&self, candidate: &Held) -> Option<OrderConflict> {
        let at = candidate.order.content.datetime;
        let mut near: Vec<&Held> =
            self.others(candidate).into_iter().filter(|other| self.clash(at, other)).collect();
        if near.is_empty() {
            return None;
        }
        near.sort_by_key(|other| {
            let start = other.order.content.datetime;
            (start.millis_since(at).abs(), start, other.order.id.clone())
        });
        let nearest = near.iter().take(10).map(|other| Neighbour {
            order_id: other.order.id.clone(),
            datetime: other.order.content.datetime,
            gap_ms: other.order.content.datetime.millis_since(at),
            services: other
                .order
                .content
                .services
                .iter()
                .filter(|id| {
                    self.policy.scope == Scope::Global
                        || candidate.order.content.services.contains(id)
                })
                .collect(),
        });
        Some(OrderConflict {
            policy: self.policy,
            count: near.len(),
            nearest: nearest.collect(),
            previous: self.free(candidate, |free| *free <= at).into_iter().max(),
            next: self.free(candidate, |free| *free >= at).into_iter().min(),
        })
    }

    /// A free instant that is nearest to another lies one window from some order.
    fn free(&self, candidate: &Held, side: impl Fn(&Timestamp) -> bool) -> Vec<Timestamp> {
        let others = self.others(candidate);
        let window = self.policy.window;
        others
            .iter()
            .map(|other| other.order.content.datetime)
            .flat_map(|at| [at.checked_add(window), at.checked_sub(window)])
            .flatten()
            .filter(side)
            .filter(|at| !others.iter().any(|other| self.clash(*at, other)))
            .collect()
    }

    /// The orders that could conflict with a candidate at all.
    fn others(&self, candidate: &Held) -> Vec<&Held> {
        let shares = |other: &Held| {
            self.policy.scope == Scope::Global
                || other
                    .order
                    .content
                    .services
                    .iter()
                    .any(|id| candidate.order.content.services.contains(&id))
        };
        self.held
            .values()
            .filter(|other| other.live && other.order.id != candidate.order.id)
            .filter(|other| other.group != candidate.group && shares(other))
            .collect()
    }

    fn clash(&self, at: Timestamp, other: &Held) -> bool {
        let gap = other.order.content.datetime.as_millis() - at.as_millis();
        -self.policy.window.as_millis() < gap && gap < self.policy.window.as_millis()
    }
}

fn must_be_judged(done: &Done, policy: &Policy, before: Option<&Held>) -> bool {
    match (done, before) {
        (Done::Created(_) | Done::Restored(_), _) => true,
        (Done::Updated(after), Some(before)) => moved(policy, &before.order, after),
        _ => false,
    }
}

fn moved(policy: &Policy, before: &Order, after: &Order) -> bool {
    let set = |order: &Order| {
        let mut ids = order.content.services.to_vec();
        ids.sort();
        ids
    };
    before.content.datetime != after.content.datetime
        || (policy.scope == Scope::Service && set(before) != set(after))
}

/// The model keeps its own groups; those of orders are not compared.
pub(crate) fn any_group() -> Group {
    Group(std::num::NonZeroU64::MIN)
}

//! Callers: they ask for this and that, give up, hang up, and ask again with the same key.

use orders_core::decide::{
    Batch, Fingerprint, IdempotencyKey, IdempotentRequest, Mode, OrderPatch, OwnKey, Versions,
};
use orders_core::{
    Action, Actor, Command, Fee, NewId, Operation, OrderContent, OrderId, Policy, ServiceId,
    Services, Timestamp,
};

use crate::dice::Dice;
use crate::ledger::{Answered, AttemptId, Ledger, Ticket};

const HALF_HOUR: i64 = 30 * 60 * 1000;
/// Of half hours: so few that most orders are in each other's way.
const TIMES: usize = 60;
const IDS: usize = 6;

#[derive(Debug)]
pub(crate) struct Client {
    number: usize,
    asked: usize,
    /// What is not answered yet.
    pub(crate) pending: Option<AttemptId>,
    /// What is to be asked again.
    again: Option<(Action, Option<IdempotentRequest>)>,
}

impl Client {
    pub(crate) fn new(number: usize) -> Self {
        Self { number, asked: 0, pending: None, again: None }
    }

    /// Continues once it got an answer or its wait timed out. `false`: it still waits.
    pub(crate) fn wait(&mut self, ledger: &mut Ledger, policy: &Policy, dice: &mut Dice) -> bool {
        let Some(id) = self.pending else { return false };
        if ledger.waits(id) {
            return dice.one_in(200) && lose_patience(id, ledger, policy, dice);
        }
        self.pending = None;
        let Command { action, retry, .. } = &ledger.attempts[id].command;
        let again = match ledger.told(id) {
            Some(Answered::Failed) => dice.one_in(2),
            // Without a key nobody knows whether it would be done twice.
            Some(Answered::Unknown) => retry.is_some() && !dice.one_in(8),
            Some(Answered::Now(_)) => retry.is_some() && dice.one_in(6),
            Some(Answered::Again(_) | Answered::KeyReused) | None => false,
        };
        self.again = again.then(|| (action.clone(), retry.clone()));
        true
    }

    /// Asks for something; answers the attempt, which is to be queued.
    pub(crate) fn ask(&mut self, ledger: &mut Ledger, dice: &mut Dice) -> AttemptId {
        let (action, retry) = self.again.take().unwrap_or_else(|| {
            self.asked += 1;
            let action = self.action(dice);
            let retry = dice.one_in(2).then(|| self.retry(&action, dice));
            (action, retry)
        });
        // By the actor's name an event tells which attempt it comes from.
        let actor = Actor::new(&ledger.attempts.len().to_string());
        let id = ledger.ask(Command { actor, action, retry });
        self.pending = Some(id);
        id
    }

    /// A key of its own; now and then one that was used before, for something else.
    fn retry(&self, action: &Action, dice: &mut Dice) -> IdempotentRequest {
        let number = if dice.one_in(12) { 1 + dice.below(self.asked) } else { self.asked };
        let caller = Actor::new(&format!("client {}", self.number));
        let key = IdempotencyKey::parse(&format!("k{number}")).unwrap();
        IdempotentRequest {
            key: OwnKey { caller, key },
            fingerprint: Fingerprint::new(&format!("{action:?}")),
        }
    }

    fn action(&self, dice: &mut Dice) -> Action {
        let mode = match dice.below(12) {
            0 => Mode::Each,
            1 => Mode::Atomic,
            2 => Mode::Group,
            _ => return Action::One(self.operation(dice, 0)),
        };
        let operations = (0..=dice.below(3)).map(|place| match mode {
            Mode::Group => self.create(dice, place),
            Mode::Atomic | Mode::Each => self.operation(dice, place),
        });
        let operations: Vec<Operation> = operations.collect();
        Batch::new(mode, dice.one_in(8), operations.clone())
            .map_or_else(|_| Action::One(operations[0].clone()), Action::Batch)
    }

    fn operation(&self, dice: &mut Dice, place: usize) -> Operation {
        let versions = |dice: &mut Dice| {
            dice.one_in(4).then(|| Versions::Among(vec![u64::try_from(1 + dice.below(3)).unwrap()]))
        };
        match dice.below(10) {
            0..=3 => self.create(dice, place),
            4..=5 => Operation::Update {
                id: any_id(dice),
                if_match: versions(dice),
                patch: OrderPatch {
                    datetime: (!dice.one_in(3)).then(|| time(dice)),
                    total_fee: dice.one_in(2).then(|| fee(dice)),
                    services: dice.one_in(4).then(|| services(dice)),
                },
            },
            6..=8 => Operation::Delete { id: any_id(dice), if_match: versions(dice) },
            _ => Operation::Restore { id: any_id(dice) },
        }
    }

    fn create(&self, dice: &mut Dice, place: usize) -> Operation {
        let id = if dice.one_in(2) {
            NewId::Chosen(any_id(dice))
        } else {
            let made = format!("made-{}-{}-{place}", self.number, self.asked);
            NewId::Generated(OrderId::parse(&made).unwrap())
        };
        let (datetime, total_fee, services) = (time(dice), fee(dice), services(dice));
        Operation::Create { id, content: OrderContent { datetime, total_fee, services } }
    }
}

fn lose_patience(id: AttemptId, ledger: &mut Ledger, policy: &Policy, dice: &mut Dice) -> bool {
    if dice.one_in(3) {
        // The caller is gone, and what was asked goes on.
        ledger.tell(policy, id, Answered::Unknown);
        return true;
    }
    // Told that it failed, unless its commit is under way.
    let ticket = &mut ledger.attempts[id].ticket;
    if *ticket == Ticket::Waiting {
        *ticket = Ticket::GivenUp;
        ledger.tell(policy, id, Answered::Failed);
        return true;
    }
    false
}

fn any_id(dice: &mut Dice) -> OrderId {
    OrderId::parse(&format!("order-{}", dice.below(IDS))).unwrap()
}

pub(crate) fn time(dice: &mut Dice) -> Timestamp {
    let slot = i64::try_from(dice.below(TIMES)).unwrap();
    let off = i64::try_from(dice.below(3)).unwrap() - 1;
    Timestamp::from_millis(1_667_300_000_000 + slot * HALF_HOUR + off).unwrap()
}

fn fee(dice: &mut Dice) -> Fee {
    Fee::from_hundredths(i64::try_from(dice.below(3)).unwrap()).unwrap()
}

fn services(dice: &mut Dice) -> Services {
    let known = 1 + i64::try_from(dice.below(3)).unwrap();
    let mut ids = vec![known];
    if dice.one_in(3) {
        ids.push(known % 3 + 1);
    }
    if dice.one_in(25) {
        ids.push(9);
    }
    Services::new(ids.into_iter().map(|id| ServiceId::new(id).unwrap()).collect()).unwrap()
}

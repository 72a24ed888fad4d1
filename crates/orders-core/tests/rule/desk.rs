//! A book to which commands are given, and the words in which the tests speak of orders.

use orders_core::decide::{
    Batch, Fingerprint, IdempotencyKey, IdempotentRequest, Mode, OperationResult, OrderConflict,
    OrderPatch, OwnKey,
};
use orders_core::{
    Action, Actor, Book, Command, Fee, NewId, Operation, Order, OrderContent, OrderId, Outcome,
    Policy, Refusal, Scope, ServiceId, Services, Timestamp,
};

pub(crate) const WINDOW: i64 = 3 * 60 * 60 * 1000;

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub(crate) fn after(at: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(at.as_millis() + millis).unwrap()
}

pub(crate) fn noon() -> Timestamp {
    at("2022-11-01T12:00:00Z")
}

pub(crate) fn order_id(text: &str) -> OrderId {
    OrderId::parse(text).unwrap()
}

pub(crate) fn services(numbers: &[i64]) -> Services {
    Services::new(numbers.iter().map(|number| ServiceId::new(*number).unwrap()).collect()).unwrap()
}

pub(crate) fn content(datetime: Timestamp, numbers: &[i64]) -> OrderContent {
    OrderContent { datetime, total_fee: Fee::parse("100").unwrap(), services: services(numbers) }
}

pub(crate) fn create(id: &str, datetime: Timestamp, numbers: &[i64]) -> Operation {
    Operation::Create { id: NewId::Chosen(order_id(id)), content: content(datetime, numbers) }
}

pub(crate) fn move_to(id: &str, datetime: Timestamp) -> Operation {
    let patch = OrderPatch { datetime: Some(datetime), ..OrderPatch::default() };
    Operation::Update { id: order_id(id), if_match: None, patch }
}

pub(crate) fn delete(id: &str) -> Operation {
    Operation::Delete { id: order_id(id), if_match: None }
}

/// What a caller's request with the key `key` is known by.
pub(crate) fn retry(caller: &str, fingerprint: &str) -> IdempotentRequest {
    let key = IdempotencyKey::parse("key").unwrap();
    IdempotentRequest {
        key: OwnKey { caller: Actor::new(caller), key },
        fingerprint: Fingerprint::new(fingerprint),
    }
}

/// A book with services 1 to 3, and commands that are given one by one.
pub(crate) struct Desk {
    pub(crate) book: Book,
    pub(crate) now: Timestamp,
}

impl Desk {
    pub(crate) fn new(policy: Policy) -> Self {
        let mut book = Book::new(policy);
        for number in 1..=3 {
            book.add_service(ServiceId::new(number).unwrap());
        }
        Self { book, now: at("2022-10-01T00:00:00Z") }
    }

    pub(crate) fn global() -> Self {
        Self::new(Policy::default())
    }

    pub(crate) fn by_service() -> Self {
        Self::new(Policy { scope: Scope::Service, ..Policy::default() })
    }

    pub(crate) fn run(&mut self, operation: Operation) -> OperationResult {
        self.book.run(&Actor::new("test"), operation, self.now)
    }

    pub(crate) fn batch(
        &mut self,
        mode: Mode,
        operations: Vec<Operation>,
    ) -> (bool, Vec<OperationResult>) {
        let batch = Batch::new(mode, false, operations).unwrap();
        let command =
            Command { actor: Actor::new("test"), action: Action::Batch(batch), retry: None };
        match self.book.run_all(&[command], self.now).pop() {
            Some(Outcome::Batch { refused, results }) => (refused, results),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn order(&self, id: &str) -> Order {
        self.book.orders().find(|order| order.id.as_str() == id).unwrap().clone()
    }
}

pub(crate) fn conflict(verdict: OperationResult) -> OrderConflict {
    match verdict {
        Err(Refusal::Conflict(conflict)) => *conflict,
        other => panic!("not refused by the rule: {other:?}"),
    }
}

//! A builder of histories, for the tests.

use crate::history::*;
use crate::time::HOUR;

pub(super) const WINDOW: i64 = 3 * HOUR;
pub(super) const NOON: i64 = 1_700_000_000_000;

/// A history of a service that is correct unless the test says otherwise.
pub(super) struct Story {
    pub(super) service: Model,
    pub(super) operations: Vec<Operation>,
    pub(super) events: Vec<Event>,
}

impl Story {
    pub(super) fn new() -> Self {
        Self::of_a_service(WINDOW)
    }

    pub(super) fn of_a_service(window: i64) -> Self {
        let service = Model::new(window, Scope::Global, 0, []);
        Self { service, operations: Vec::new(), events: Vec::new() }
    }

    /// Adds a request from one time to another, which takes effect after the earlier ones and before
    /// the later ones.
    pub(super) fn ask(&mut self, (begin, end): (u64, u64), request: Request) -> &mut Operation {
        self.ask_again((begin, end), request, None)
    }

    pub(super) fn ask_again(
        &mut self,
        (begin, end): (u64, u64),
        request: Request,
        key: Option<&str>,
    ) -> &mut Operation {
        let number = u64::try_from(self.operations.len()).unwrap();
        let (key, ending) = (key.map(str::to_owned), Ending::Unknown(String::new()));
        let (client, process) = (self.operations.len(), 0);
        let mut operation = Operation { number, client, process, request, key, begin, end, ending };
        // What a service only knows when it is done: ids that it makes, and the time.
        let clock = |sequence| Event {
            sequence,
            kind: Kind::Created,
            id: format!("made{number}"),
            time: NOON,
            before: None,
            after: None,
        };
        let attempt = self.service.attempt(&operation, &[clock(1), clock(2), clock(3)]);
        self.events.extend(attempt.made);
        operation.ending = Ending::Told { told: attempt.told, replayed: attempt.replayed };
        self.operations.push(operation);
        self.operations.last_mut().unwrap()
    }

    pub(super) fn check(&self) -> Vec<Violation> {
        let stored: Vec<Order> = self.service.orders().cloned().collect();
        self.check_with(&stored)
    }

    pub(super) fn check_with(&self, stored: &[Order]) -> Vec<Violation> {
        let mut checker = Checker::new(Model::new(WINDOW, Scope::Global, 0, []));
        checker.round(self.operations.clone(), &self.events, stored)
    }

    #[track_caller]
    pub(super) fn assert_explained(&self) {
        assert_eq!(self.check(), []);
    }

    /// Checks that the first violation says this, and names each of these operations.
    #[track_caller]
    pub(super) fn assert_caught(&self, what: &str, named: &[usize]) {
        assert_first(&self.check(), what, named);
    }
}

#[track_caller]
pub(super) fn assert_first(violations: &[Violation], what: &str, named: &[usize]) {
    let Some(first) = violations.first() else { panic!("nothing is found") };
    let text = first.to_string();
    assert!(text.contains(what), "{text}");
    for number in named {
        assert!(text.contains(&format!("#{number} of client")), "#{number} is not named: {text}");
    }
}

pub(super) fn create(id: &str, datetime: i64, fee: u64) -> Request {
    Request::Create { id: Some(id.to_owned()), datetime, fee, services: vec![1] }
}

pub(super) fn update(id: &str, datetime: i64, fee: u64, if_match: Option<u64>) -> Request {
    let change = Change { datetime: Some(datetime), fee: Some(fee), services: Some(vec![1]) };
    Request::Update { id: id.to_owned(), change, if_match }
}

pub(super) fn delete(id: &str) -> Request {
    Request::Delete { id: id.to_owned(), if_match: None }
}

pub(super) fn read(id: &str) -> Request {
    Request::Read { id: id.to_owned() }
}

pub(super) fn unknown() -> Ending {
    Ending::Unknown("cut off".to_owned())
}

pub(super) const MUST_NOT: &str = "an operation did what it must not";
pub(super) const UNJUST: &str = "a refusal that was justified at no moment";
pub(super) const LOST: &str = "an acknowledged operation whose events are missing or come too late";
pub(super) const WRONG: &str = "an answer that was right at no moment";
pub(super) const PHANTOM: &str = "an event that no operation explains";

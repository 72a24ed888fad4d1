//! The check accepts what may be and catches what must not be.

use super::*;
use crate::time::HOUR;

const WINDOW: i64 = 3 * HOUR;
const NOON: i64 = 1_700_000_000_000;

/// A history in the making, by a service that is honest unless it is told to be otherwise.
struct Story {
    service: Model,
    operations: Vec<Operation>,
    events: Vec<Event>,
}

impl Story {
    fn new() -> Self {
        Self::of_a_service(WINDOW)
    }

    fn of_a_service(window: i64) -> Self {
        let service = Model::new(window, Scope::Global, 0, []);
        Self { service, operations: Vec::new(), events: Vec::new() }
    }

    /// A request that goes on from one time to another and is done between those before it and those
    /// after it.
    fn ask(&mut self, (begin, end): (u64, u64), request: Request) -> &mut Operation {
        self.ask_again((begin, end), request, None)
    }

    fn ask_again(
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

    fn check(&self) -> Vec<Violation> {
        let stored: Vec<Order> = self.service.orders().cloned().collect();
        self.check_with(&stored)
    }

    fn check_with(&self, stored: &[Order]) -> Vec<Violation> {
        let mut checker = Checker::new(Model::new(WINDOW, Scope::Global, 0, []));
        checker.round(self.operations.clone(), &self.events, stored)
    }

    #[track_caller]
    fn assert_explained(&self) {
        assert_eq!(self.check(), []);
    }

    /// Checks that the first violation says this, and names each of these operations.
    #[track_caller]
    fn assert_caught(&self, what: &str, named: &[usize]) {
        assert_first(&self.check(), what, named);
    }
}

#[track_caller]
fn assert_first(violations: &[Violation], what: &str, named: &[usize]) {
    let Some(first) = violations.first() else { panic!("nothing is found") };
    let text = first.to_string();
    assert!(text.contains(what), "{text}");
    for number in named {
        assert!(text.contains(&format!("#{number} of client")), "#{number} is not named: {text}");
    }
}

fn create(id: &str, datetime: i64, fee: u64) -> Request {
    Request::Create { id: Some(id.to_owned()), datetime, fee, services: vec![1] }
}

fn update(id: &str, datetime: i64, fee: u64, if_match: Option<u64>) -> Request {
    let change = Change { datetime: Some(datetime), fee: Some(fee), services: Some(vec![1]) };
    Request::Update { id: id.to_owned(), change, if_match }
}

fn delete(id: &str) -> Request {
    Request::Delete { id: id.to_owned(), if_match: None }
}

fn read(id: &str) -> Request {
    Request::Read { id: id.to_owned() }
}

fn unknown() -> Ending {
    Ending::Unknown("cut off".to_owned())
}

const MUST_NOT: &str = "an operation did what it must not";
const UNJUST: &str = "a refusal that was justified at no moment";
const LOST: &str = "an acknowledged operation whose events are missing or come too late";
const WRONG: &str = "an answer that was right at no moment";
const PHANTOM: &str = "an event that no operation explains";

#[test]
fn a_history_with_all_there_is_has_an_explanation() {
    let mut story = Story::new();
    story.ask((1, 2), create("a", NOON, 1));
    story.ask((3, 9), create("b", NOON + WINDOW, 2));
    story.ask((3, 9), create("c", NOON + WINDOW - 1, 3));
    story.ask(
        (3, 9),
        Request::Create { id: None, datetime: NOON - WINDOW, fee: 4, services: vec![] },
    );
    story.ask((3, 9), read("a"));
    story.ask((10, 11), update("a", NOON, 5, Some(1)));
    story.ask((10, 12), update("a", NOON, 6, Some(1)));
    story.ask((13, 14), delete("a"));
    story.ask((13, 15), delete("a"));
    story.ask((13, 19), Request::Restore { id: "a".to_owned() });
    story.ask_again((20, 21), create("k", NOON + 9 * HOUR, 7), Some("key"));
    story.ask_again((22, 23), create("k", NOON + 9 * HOUR, 7), Some("key"));
    story.ask_again((24, 25), create("l", NOON + 9 * HOUR, 8), Some("key"));
    let swap = vec![update("a", NOON + WINDOW, 9, None), update("b", NOON, 10, None)];
    story.ask((26, 27), Request::Batch { atomic: true, operations: swap.clone() });
    story.ask((28, 29), Request::Batch { atomic: false, operations: swap });
    let clash = vec![create("x", NOON + 20 * HOUR, 11), create("y", NOON + 21 * HOUR, 12)];
    story.ask((30, 31), Request::Batch { atomic: true, operations: clash.clone() });
    story.ask((32, 33), Request::Batch { atomic: false, operations: clash });
    assert_eq!(story.events.len(), 10);
    story.assert_explained();
}

#[test]
fn a_double_booking_by_a_millisecond_is_caught_on_either_side() {
    for at in [NOON + WINDOW - 1, NOON - WINDOW + 1] {
        let mut story = Story::of_a_service(WINDOW - 1);
        story.ask((1, 2), create("a", NOON, 1));
        story.ask((3, 4), create("b", at, 2));
        story.assert_caught(MUST_NOT, &[1]);
    }
}

#[test]
fn moving_restoring_and_batches_must_keep_the_rule_too() {
    let requests = [
        update("b", NOON + WINDOW - 1, 9, None),
        Request::Batch { atomic: false, operations: vec![update("b", NOON + HOUR, 9, None)] },
        Request::Batch { atomic: true, operations: vec![create("c", NOON + HOUR, 9)] },
    ];
    for request in requests {
        let mut story = Story::of_a_service(1);
        story.ask((1, 2), create("a", NOON, 1));
        story.ask((1, 2), create("b", NOON + 2 * WINDOW, 2));
        story.ask((3, 4), request);
        story.assert_caught(MUST_NOT, &[2]);
    }
    let mut story = Story::of_a_service(1);
    story.ask((1, 2), create("a", NOON, 1));
    story.ask((3, 4), delete("a"));
    story.ask((5, 6), create("b", NOON + HOUR, 2));
    story.ask((7, 8), Request::Restore { id: "a".to_owned() });
    story.assert_caught(MUST_NOT, &[3]);
}

#[test]
fn a_rule_that_refuses_one_window_apart_is_caught() {
    let mut story = Story::of_a_service(WINDOW + 1);
    story.ask((1, 2), create("a", NOON, 1));
    story.ask((3, 4), create("b", NOON + WINDOW, 2));
    story.assert_caught(UNJUST, &[1]);
}

#[test]
fn a_refusal_must_be_justified_within_its_operation() {
    let mut story = Story::new();
    story.ask((1, 2), create("a", NOON, 1));
    story.ask((3, 8), create("b", NOON, 2));
    story.ask((4, 7), delete("a"));
    story.assert_explained();
    // The same refusal, by an operation that began when the other order had gone.
    (story.operations[1].begin, story.operations[1].end) = (9, 10);
    story.assert_caught(UNJUST, &[1]);
}

#[test]
fn a_refusal_must_name_who_is_there_and_suggest_what_is_free() {
    let conflict = |change: fn(&mut Conflict)| {
        let mut story = Story::new();
        story.ask((1, 2), create("a", NOON, 1));
        let refused = story.ask((3, 4), create("b", NOON + HOUR, 2));
        let Ending::Told { told: Told::Refused(_, _, Some(conflict)), .. } = &mut refused.ending
        else {
            panic!("{refused}");
        };
        change(conflict);
        story
    };
    conflict(|_| ()).assert_explained();
    conflict(|told| told.nearest[0].id = "c".to_owned()).assert_caught(UNJUST, &[1]);
    conflict(|told| told.nearest[0].datetime += 1).assert_caught(UNJUST, &[1]);
    conflict(|told| told.count = 2).assert_caught(UNJUST, &[1]);
    conflict(|told| told.next = Some(NOON + WINDOW - 1)).assert_caught(UNJUST, &[1]);
    conflict(|told| told.previous = None).assert_caught(UNJUST, &[1]);
}

#[test]
fn what_is_offered_as_free_must_be_free_at_one_moment() {
    let free = |services: &[u64]| Request::Free {
        from: NOON - 2 * WINDOW,
        to: NOON + 2 * WINDOW,
        services: services.to_vec(),
    };
    let mut story = Story::new();
    story.ask((1, 2), create("a", NOON, 1));
    let told = story.ask((3, 4), free(&[1])).ending.clone();
    let expected = vec![(NOON - 2 * WINDOW, NOON - WINDOW), (NOON + WINDOW, NOON + 2 * WINDOW)];
    assert_eq!(told, Ending::Told { told: Told::Free(expected), replayed: false });
    story.ask((5, 6), create("b", NOON + WINDOW, 2));
    story.assert_explained();
    (story.operations[1].begin, story.operations[1].end) = (7, 8);
    story.assert_caught(WRONG, &[1]);
    let mut story = Story::new();
    story.service.set_scope(Scope::Service);
    story.ask((1, 2), create("a", NOON, 1));
    let Ending::Told { told, .. } = &story.ask((3, 4), free(&[2])).ending else { panic!() };
    assert_eq!(*told, Told::Free(vec![(NOON - 2 * WINDOW, NOON + 2 * WINDOW)]));
}

#[test]
fn a_lost_update_is_caught() {
    // Both were told that they changed version 1.
    let mut story = Story::new();
    story.ask((1, 2), create("a", NOON, 1));
    story.ask((3, 8), update("a", NOON, 2, Some(1)));
    story.ask((4, 7), update("a", NOON, 3, None));
    story.operations[2].request = update("a", NOON, 3, Some(1));
    story.assert_caught(MUST_NOT, &[2]);
    // The second was judged and written on what the first had not changed yet.
    let mut story = Story::new();
    story.ask((1, 2), create("a", NOON, 1));
    let before = story.service.clone();
    story.ask((3, 8), update("a", NOON, 2, None));
    story.service = before;
    story.ask((4, 7), update("a", NOON, 3, None));
    story.events[2].sequence = 3;
    story.assert_caught(MUST_NOT, &[2]);
}

#[test]
fn an_acknowledged_write_must_have_its_event_and_be_stored() {
    let mut story = Story::new();
    story.ask((1, 2), create("a", NOON, 1));
    story.ask((3, 4), create("b", NOON + WINDOW, 2));
    let event = story.events.pop();
    story.assert_caught(LOST, &[1]);
    story.events.extend(event);
    let stored: Vec<Order> = story.service.orders().cloned().collect();
    assert_eq!(story.check_with(&stored), []);
    assert_first(&story.check_with(&stored[..1]), "an order is not stored", &[]);
    let mut other = stored.clone();
    other[0].fee += 1;
    assert_first(&story.check_with(&other), "an order is stored as its events do not", &[]);
    let mut more = stored;
    more.push(Order { id: "c".to_owned(), ..more[0].clone() });
    assert_first(&story.check_with(&more), "no event tells that it came", &[]);
}

#[test]
fn what_nobody_sent_is_caught() {
    let mut story = Story::new();
    story.ask((1, 2), create("a", NOON, 1));
    story.ask((3, 4), create("b", NOON + WINDOW, 2));
    story.operations.pop();
    story.assert_caught(PHANTOM, &[]);
}

#[test]
fn the_feed_must_be_a_chain_without_gaps() {
    let story = || {
        let mut story = Story::new();
        story.ask((1, 2), create("a", NOON, 1));
        story.ask((3, 4), update("a", NOON, 2, None));
        story.ask((5, 6), update("a", NOON, 3, None));
        story
    };
    story().assert_explained();
    let mut gap = story();
    gap.events.remove(1);
    gap.assert_caught("the feed has a gap", &[]);
    let mut chain = story();
    chain.events[2].before = chain.events[1].before.clone();
    chain.assert_caught(MUST_NOT, &[2]);
    let mut version = story();
    version.events[2].after.as_mut().unwrap().version = 4;
    version.assert_caught(MUST_NOT, &[2]);
    let mut twice = story();
    let again = twice.events[2].clone();
    twice.events.push(again);
    twice.assert_caught("the feed has a gap", &[]);
}

#[test]
fn what_ended_before_another_began_comes_before_it() {
    let mut story = Story::new();
    story.ask((5, 6), create("b", NOON + WINDOW, 2));
    story.ask((1, 9), create("a", NOON, 1));
    story.assert_explained();
    // Now it had its answer before the one that stands before it in the feed was sent.
    story.operations[1].end = 4;
    story.assert_caught(LOST, &[0, 1]);
}

#[test]
fn a_stale_read_is_caught() {
    let mut story = Story::new();
    story.ask((1, 2), create("a", NOON, 1));
    story.ask((3, 4), read("a"));
    story.ask((5, 6), update("a", NOON, 2, None));
    story.assert_explained();
    (story.operations[1].begin, story.operations[1].end) = (7, 8);
    story.assert_caught(WRONG, &[1]);
    // A read that shows what is not there yet: its writer has not begun.
    (story.operations[2].begin, story.operations[2].end) = (9, 10);
    story.operations[1].ending = story.operations[2].ending.clone();
    story.assert_caught(WRONG, &[1, 2]);
    // And two reads must not go back in time, whenever the writer ends.
    let mut story = Story::new();
    story.ask((1, 2), create("a", NOON, 1));
    story.ask((3, 4), read("a"));
    story.ask((3, 20), update("a", NOON, 2, None));
    story.ask((7, 8), read("a"));
    story.assert_explained();
    story.operations.swap(1, 3);
    (story.operations[1].begin, story.operations[1].end) = (3, 4);
    (story.operations[3].begin, story.operations[3].end) = (7, 8);
    story.assert_caught(WRONG, &[1]);
}

#[test]
fn operations_that_look_alike_are_told_apart_by_their_times() {
    let of = |first: (u64, u64), second: (u64, u64)| {
        let mut story = Story::new();
        story.ask((1, 2), create("a", NOON, 1));
        story.ask(first, delete("a"));
        story.ask((5, 6), Request::Restore { id: "a".to_owned() });
        story.ask(second, delete("a"));
        story
    };
    of((3, 4), (3, 20)).assert_explained();
    of((3, 20), (3, 4)).assert_explained();
    of((3, 20), (7, 8)).assert_explained();
    of((7, 8), (7, 20)).assert_caught("too late", &[2]);
    let mut one_unknown = of((3, 20), (3, 4));
    one_unknown.operations[1].ending = unknown();
    one_unknown.assert_explained();
    one_unknown.operations[1].begin = 7;
    one_unknown.assert_explained();
    one_unknown.operations[3].begin = 7;
    one_unknown.operations[3].end = 8;
    one_unknown.assert_caught("too late", &[2]);
}

#[test]
fn a_key_is_done_once() {
    let mut story = Story::new();
    story.ask_again((1, 2), create("a", NOON, 1), Some("k")).ending = unknown();
    story.ask_again((3, 4), create("a", NOON, 1), Some("k"));
    story.assert_explained();
    story.operations[1].key = None;
    story.operations[1].ending = unknown();
    story.assert_explained();
    // Deleted in between, and then done again under its key.
    let mut story = Story::new();
    story.ask_again((1, 2), create("a", NOON, 1), Some("k")).ending = unknown();
    story.ask((3, 4), delete("a"));
    story.ask_again((5, 6), create("a", NOON, 1), None);
    story.operations[2].key = Some("k".to_owned());
    story.assert_caught(MUST_NOT, &[2]);
    // By a service that does what is unknown a second time, when the repeat has been answered.
    let mut story = Story::new();
    story.ask_again((1, 2), create("a", NOON, 1), Some("k")).ending = unknown();
    story.ask_again((3, 4), create("a", NOON, 1), Some("k"));
    story.ask((5, 6), delete("a"));
    story.ask((7, 8), create("a", NOON, 1));
    story.operations.pop();
    story.assert_caught("an operation was done twice", &[0]);
}

#[test]
fn what_was_answered_as_not_done_stays_undone() {
    let mut story = Story::new();
    story.ask((1, 2), create("a", NOON, 1)).ending = Ending::NotDone("503".to_owned());
    story.assert_caught(PHANTOM, &[0]);
    story.events.clear();
    story.service = Story::new().service;
    story.assert_explained();
}

#[test]
fn what_is_unknown_is_wholly_there_or_wholly_not() {
    let mut story = Story::new();
    let both = vec![create("a", NOON, 1), create("b", NOON + WINDOW, 2)];
    let batch = Request::Batch { atomic: true, operations: both };
    let without = story.service.clone();
    story.ask((1, 2), batch).ending = unknown();
    story.assert_explained();
    let half = story.events.pop();
    story.assert_caught(MUST_NOT, &[0]);
    assert!(half.is_some());
    story.events.clear();
    story.service = without;
    story.assert_explained();
}

#[test]
fn what_was_asked_under_a_key_that_stands_for_something_else_was_not_done() {
    let mut story = Story::new();
    story.ask((1, 2), create("a", NOON, 1));
    story.ask((3, 4), create("b", NOON + WINDOW, 2));
    story.ask((7, 8), delete("a")).ending = unknown();
    story.ask_again((9, 10), delete("b"), Some("k"));
    story.ask_again((11, 12), delete("b"), Some("k"));
    // Another who asked for the same, was not heard, and whose key was used for something else.
    let never =
        Operation { number: 5, key: Some("k".to_owned()), begin: 5, ..story.operations[2].clone() };
    story.operations.push(never);
    story.assert_explained();
    story.operations[3].ending = unknown();
    story.assert_explained();
}

#[test]
fn a_key_that_is_told_to_stand_for_something_else_does_so_from_before_and_not_for_what_was_told() {
    let mut story = Story::new();
    story.ask((1, 2), create("a", NOON, 1));
    story.ask((3, 4), create("b", NOON + WINDOW, 2));
    story.ask((9, 10), delete("b")).ending = unknown();
    story.ask_again((11, 12), delete("a"), Some("k")).ending = unknown();
    story.ask_again((13, 14), delete("b"), Some("k"));
    // Others who asked for the same and were not heard: one without the key, one under it.
    let key = Some("k".to_owned());
    let without = Operation { number: 5, begin: 5, key: None, ..story.operations[3].clone() };
    let under_it = Operation { number: 6, begin: 5, key, ..story.operations[2].clone() };
    story.operations.extend([without, under_it]);
    story.assert_explained();
}

#[test]
fn a_key_stands_for_a_request_whatever_version_is_meant() {
    let mut story = Story::new();
    story.ask((1, 2), create("a", NOON, 1));
    let of_version = Request::Delete { id: "a".to_owned(), if_match: Some(1) };
    story.ask_again((3, 4), of_version, Some("k"));
    let Operation { ending, .. } = story.ask_again((5, 6), delete("a"), Some("k"));
    assert_eq!(*ending, Ending::Told { told: Told::Deleted, replayed: true });
    story.assert_explained();
    story.operations[1].ending = unknown();
    story.assert_explained();
}

#[test]
fn what_is_unknown_may_be_done_later_but_not_before_it_was_sent() {
    let mut story = Story::new();
    story.ask((5, 6), create("b", NOON + WINDOW, 2));
    story.ask((1, 2), create("a", NOON, 1)).ending = unknown();
    story.assert_explained();
    story.operations[1].begin = 7;
    story.assert_explained();
    let mut story = Story::new();
    story.ask((5, 6), create("a", NOON, 1)).ending = unknown();
    story.ask((1, 2), create("b", NOON + WINDOW, 2));
    story.assert_caught(LOST, &[0, 1]);
}

#[test]
fn what_is_unknown_may_be_done_in_the_next_round_and_no_later() {
    let mut story = Story::new();
    story.ask((1, 2), create("a", NOON, 1)).ending = unknown();
    let stored: Vec<Order> = story.service.orders().cloned().collect();
    let checker = || {
        let mut checker = Checker::new(Model::new(WINDOW, Scope::Global, 0, []));
        assert_eq!(checker.round(story.operations.clone(), &[], &[]), []);
        checker
    };
    assert_eq!(checker().round(Vec::new(), &story.events, &stored), []);
    let mut late = checker();
    assert_eq!(late.round(Vec::new(), &[], &[]), []);
    assert_first(&late.round(Vec::new(), &story.events, &stored), PHANTOM, &[]);
}

#[test]
fn of_a_batch_each_result_counts() {
    let mut story = Story::new();
    let both = vec![create("a", NOON, 1), create("b", NOON + WINDOW, 2)];
    story.ask((1, 2), Request::Batch { atomic: false, operations: both });
    story.assert_explained();
    let Ending::Told { told: Told::Results(_, results), .. } = &mut story.operations[0].ending
    else {
        panic!("no results");
    };
    results[1] = Told::Refused(409, "order-conflict".to_owned(), None);
    story.assert_caught(MUST_NOT, &[0]);
}

#[test]
fn in_scope_service_only_orders_that_share_one_conflict() {
    let with = |id: &str, services: &[u64], fee| Request::Create {
        id: Some(id.to_owned()),
        datetime: NOON,
        fee,
        services: services.to_vec(),
    };
    let mut story = Story::new();
    story.service.set_scope(Scope::Service);
    story.ask((1, 2), with("a", &[1, 2], 1));
    story.ask((3, 4), with("b", &[3], 2));
    story.ask((5, 6), with("c", &[2, 3], 3));
    let stored: Vec<Order> = story.service.orders().cloned().collect();
    let mut checker = Checker::new(Model::new(WINDOW, Scope::Service, 0, []));
    assert_eq!(checker.round(story.operations.clone(), &story.events, &stored), []);
    story.assert_caught(MUST_NOT, &[1]);
}

#[test]
fn the_members_of_a_group_are_exempt_from_each_other_until_they_move() {
    let member = |id: &str| Order {
        id: id.to_owned(),
        datetime: NOON,
        fee: 1,
        services: vec![1],
        version: 1,
        created_at: NOON,
        updated_at: NOON,
    };
    let group = || [(member("a"), 1), (member("b"), 1)];
    let mut story = Story::new();
    story.service = Model::new(WINDOW, Scope::Global, 2, group());
    story.ask((1, 2), delete("a"));
    story.ask((3, 4), Request::Restore { id: "a".to_owned() });
    story.ask((5, 6), update("a", NOON + WINDOW, 2, None));
    let refused = story.ask((7, 8), update("a", NOON, 3, None)).clone();
    assert!(matches!(refused.ending, Ending::Told { told: Told::Refused(409, ..), .. }));
    let stored: Vec<Order> = story.service.orders().cloned().collect();
    let mut checker = Checker::new(Model::new(WINDOW, Scope::Global, 2, group()));
    assert_eq!(checker.round(story.operations, &story.events, &stored), []);
}

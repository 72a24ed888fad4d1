//! Orders that are imported: judged like new ones, and kept as they were.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::Arc;

use orders_core::decide::{Batch, Import, ImportGroup, Mode, OperationResult};
use orders_core::order::Group;
use orders_core::{
    Action, Actor, Book, Command, Done, Fee, NewId, Operation, OrderContent, OrderId, Outcome,
    Policy, Refusal, ServiceId, Services, Timestamp,
};

const NOON: i64 = 1_700_000_000_000;
const HOUR: i64 = 3_600_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

fn service() -> ServiceId {
    ServiceId::new(7).unwrap()
}

fn import(id: &str, hours: i64, group: ImportGroup) -> Import {
    Import {
        id: NewId::Chosen(OrderId::parse(id).unwrap()),
        content: OrderContent {
            datetime: at(NOON + hours * HOUR),
            total_fee: Fee::parse("1").unwrap(),
            services: Services::new(vec![service()]).unwrap(),
        },
        version: 4,
        created_at: Some(at(NOON - 9 * HOUR)),
        updated_at: Some(at(NOON - 8 * HOUR)),
        group,
    }
}

fn book() -> Book {
    let mut book = Book::new(Policy::default());
    book.add_service(service());
    book
}

fn run(book: &mut Book, batch: Batch) -> Vec<OperationResult> {
    let command =
        Command { actor: Actor::new("import"), action: Action::Batch(batch), retry: None };
    let outcome = book.run_all(&[command], at(NOON)).remove(0);
    let results = if let Outcome::Batch { results, .. } = outcome { Some(results) } else { None };
    results.unwrap()
}

fn each(orders: Vec<Import>) -> Batch {
    Batch::import(Mode::Each, orders).unwrap()
}

#[test]
fn an_imported_order_keeps_its_past_and_its_event_gives_it() {
    let mut book = book();
    let results = run(&mut book, each(vec![import("a", 0, ImportGroup::Own)]));
    let Ok(Done::Created(order)) = &results[0] else { panic!("{results:?}") };
    assert_eq!((order.version, order.created_at), (4, at(NOON - 9 * HOUR)));
    assert_eq!(order.updated_at, at(NOON - 8 * HOUR));
    let event = &book.events()[0];
    assert_eq!((event.time, &event.order), (order.updated_at, order));
    // Without a past it is as new.
    let new = Import {
        created_at: None,
        updated_at: None,
        version: 1,
        ..import("b", 3, ImportGroup::Own)
    };
    let Ok(Done::Created(order)) = &run(&mut book, each(vec![new]))[0] else { panic!() };
    assert_eq!((order.version, order.created_at, order.updated_at), (1, at(NOON), at(NOON)));
}

#[test]
fn versions_go_on_behind_those_of_a_deleted_order() {
    let mut book = book();
    for last in [6, 8] {
        let young = Import { version: 5, ..import("a", 0, ImportGroup::Own) };
        let expected = if last == 6 { 5 } else { 7 };
        let Ok(Done::Created(order)) = &run(&mut book, each(vec![young]))[0] else { panic!() };
        assert_eq!(order.version, expected);
        let id = order.id.clone();
        let delete = Operation::Delete { id, if_match: None };
        book.run(&Actor::new("me"), delete, at(NOON)).unwrap();
    }
}

#[test]
fn rows_of_one_name_are_exempt_from_each_other_and_block_all_others() {
    for mode in [Mode::Each, Mode::Atomic] {
        let mut book = book();
        let name = |name: &str| ImportGroup::Named(Arc::from(name));
        let orders = vec![
            import("a", 0, name("x")),
            import("b", 1, name("x")),
            import("c", 24, name("y")),
            import("d", 24, name("y")),
        ];
        let results = run(&mut book, Batch::import(mode, orders).unwrap());
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        let groups: Vec<Group> = book.orders().map(|order| order.group).collect();
        assert!(groups[0] == groups[1] && groups[2] == groups[3] && groups[0] != groups[2]);
        // A name means nothing to a later batch: only a group that is known does.
        let later = run(&mut book, each(vec![import("e", 0, name("x"))]));
        assert!(matches!(later[0], Err(Refusal::Conflict(_))), "{later:?}");
        let known = ImportGroup::Known(groups[0]);
        assert!(run(&mut book, each(vec![import("e", 0, known)]))[0].is_ok());
    }
}

#[test]
fn a_name_stands_for_no_order_that_was_refused() {
    let mut book = book();
    assert!(run(&mut book, each(vec![import("a", 0, ImportGroup::Own)]))[0].is_ok());
    let name = || ImportGroup::Named(Arc::from("a"));
    let results = run(
        &mut book,
        each(vec![import("a", 0, name()), import("b", 0, name()), import("c", 24, name())]),
    );
    assert!(matches!(results[0], Err(Refusal::OrderExists(_))), "{results:?}");
    assert!(matches!(results[1], Err(Refusal::Conflict(_))), "{results:?}");
    assert!(results[2].is_ok());
}

#[test]
fn an_id_that_comes_twice_is_refused_the_second_time() {
    let mut book = book();
    let twice = || vec![import("a", 0, ImportGroup::Own), import("a", 24, ImportGroup::Own)];
    let results = run(&mut book, Batch::import(Mode::Atomic, twice()).unwrap());
    assert!(matches!(results[..], [Err(Refusal::NotAttempted), Err(Refusal::OrderExists(_))]));
    assert_eq!(book.orders().count(), 0);
    let results = run(&mut book, each(twice()));
    assert!(matches!(results[..], [Ok(_), Err(Refusal::OrderExists(_))]), "{results:?}");
}

#[test]
fn a_service_that_does_not_exist_refuses_the_order() {
    let mut book = Book::new(Policy::default());
    let results = run(&mut book, each(vec![import("a", 0, ImportGroup::Own)]));
    assert!(matches!(results[0], Err(Refusal::UnknownServices(_))), "{results:?}");
    assert_eq!((book.orders().count(), book.events().len()), (0, 0));
}

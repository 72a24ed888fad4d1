//! Commands that are judged together, one after the other: none leaves behind more than it changed.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::Arc;

use orders_core::decide::{Batch, Import, ImportGroup, Mode, OrderPatch};
use orders_core::{
    Action, Actor, Book, Command, Fee, NewId, Operation, OrderContent, OrderId, Outcome, Policy,
    ServiceId, Services, Timestamp,
};

const HOUR: i64 = 3_600_000;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + hours * HOUR).unwrap()
}

fn id(text: &str) -> OrderId {
    OrderId::parse(text).unwrap()
}

fn content(hours: i64) -> OrderContent {
    OrderContent {
        datetime: at(hours),
        total_fee: Fee::parse("1").unwrap(),
        services: Services::new(vec![ServiceId::new(7).unwrap()]).unwrap(),
    }
}

fn create(text: &str, hours: i64) -> Operation {
    Operation::Create { id: NewId::Chosen(id(text)), content: content(hours) }
}

fn move_to(text: &str, hours: i64) -> Operation {
    let patch = OrderPatch { datetime: Some(at(hours)), ..OrderPatch::default() };
    Operation::Update { id: id(text), if_match: None, patch }
}

fn command(action: Action) -> Command {
    Command { actor: Actor::new("test"), action, retry: None }
}

fn one(operation: Operation) -> Command {
    command(Action::One(operation))
}

fn atomic(operations: Vec<Operation>) -> Command {
    command(Action::Batch(Batch::new(Mode::Atomic, false, operations).unwrap()))
}

fn import(text: &str, hours: i64, name: &str) -> Command {
    let import = Import {
        id: NewId::Chosen(id(text)),
        content: content(hours),
        version: 1,
        created_at: None,
        updated_at: None,
        group: ImportGroup::Named(Arc::from(name)),
    };
    command(Action::Batch(Batch::import(Mode::Each, vec![import]).unwrap()))
}

/// A book in which order `a` stands at noon of the first day, and `c` a day later.
fn book() -> Book {
    let mut book = Book::new(Policy::default());
    book.add_service(ServiceId::new(7).unwrap());
    for (text, hours) in [("a", 0), ("c", 24)] {
        assert!(book.run(&Actor::new("test"), create(text, hours), at(-9)).is_ok());
    }
    book
}

/// Whether each command was accepted as a whole.
fn accepted(book: &mut Book, commands: &[Command]) -> Vec<bool> {
    book.run_all(commands, at(-8)).iter().map(Outcome::is_accepted).collect()
}

#[test]
fn orders_that_a_refused_batch_named_stand_where_they_stood() {
    let mut book = book();
    let refused = atomic(vec![move_to("a", 10), create("b", 25)]);
    let commands = [refused, one(create("d", 1)), one(create("e", 10))];
    assert_eq!(accepted(&mut book, &commands), [false, false, true]);
    // Also the one that was refused itself, and one that was changed before.
    let refused = || atomic(vec![move_to("a", 25)]);
    assert_eq!(accepted(&mut book, &[refused(), one(create("d", 1))]), [false, false]);
    let commands = [one(move_to("a", 1)), refused(), one(create("d", 2))];
    assert_eq!(accepted(&mut book, &commands), [true, false, false]);
    assert_eq!(book.orders().map(|order| order.id.as_str()).collect::<Vec<_>>(), ["a", "c", "e"]);
}

#[test]
fn orders_that_a_batch_has_moved_stand_where_they_were_moved_to() {
    let mut book = book();
    let commands = [atomic(vec![move_to("a", 10)]), one(create("d", 11)), one(create("e", 1))];
    assert_eq!(accepted(&mut book, &commands), [true, false, true]);
}

#[test]
fn the_name_of_a_group_means_nothing_to_the_next_batch() {
    let mut book = book();
    let results: Vec<_> = book
        .run_all(&[import("x", 48, "table 4"), import("y", 49, "table 4")], at(-8))
        .into_iter()
        .map(|outcome| {
            matches!(outcome, Outcome::Batch { results, .. } if results.iter().all(Result::is_ok))
        })
        .collect();
    assert_eq!(results, [true, false]);
}

#[test]
fn an_order_that_comes_and_goes_leaves_its_events_only() {
    let mut book = book();
    let delete = Operation::Delete { id: id("d"), if_match: None };
    assert_eq!(accepted(&mut book, &[one(create("d", 10)), one(delete)]), [true, true]);
    assert_eq!(book.orders().count(), 2);
    assert_eq!(book.events().len(), 4);
}

#[test]
fn a_change_is_dated_by_when_it_was_made() {
    let mut book = book();
    assert_eq!(accepted(&mut book, &[one(move_to("a", 1))]), [true]);
    let order = book.orders().next().unwrap();
    assert_eq!((order.created_at, order.updated_at, order.version), (at(-9), at(-8), 2));
}

//! What is judged together, one by one or as a whole.

use orders_core::decide::{Batch, BatchError, Mode};
use orders_core::{Order, Refusal};

use crate::desk::*;

#[test]
fn an_atomic_batch_is_judged_on_its_end_state() {
    let mut desk = Desk::global();
    for (id, slot) in [("a", 0), ("b", 1), ("c", 2)] {
        desk.run(create(id, after(noon(), slot * WINDOW), &[1])).unwrap();
    }
    let swap = vec![move_to("a", after(noon(), WINDOW)), move_to("b", noon())];
    assert!(!desk.batch(Mode::Atomic, swap).0, "two orders may swap their times");
    assert_eq!(desk.order("a").content.datetime, after(noon(), WINDOW));
    let half_hour = 30 * 60_000;
    let shift = |desk: &Desk| {
        let orders: Vec<_> = desk.book.orders().cloned().collect();
        let later = |o: &Order| move_to(o.id.as_str(), after(o.content.datetime, half_hour));
        orders.iter().map(later).collect::<Vec<_>>()
    };
    let moves = shift(&desk);
    assert!(!desk.batch(Mode::Atomic, moves).0, "a whole day may shift");
    let swap = vec![delete("a"), create("d", desk.order("a").content.datetime, &[1])];
    assert!(!desk.batch(Mode::Atomic, swap).0, "one order may take another's place");
}

#[test]
fn an_atomic_batch_that_fails_changes_nothing_and_blames_the_later_of_two() {
    let mut desk = Desk::global();
    desk.run(create("a", noon(), &[1])).unwrap();
    let before = desk.book.events().len();
    let (refused, results) = desk.batch(
        Mode::Atomic,
        vec![
            create("b", after(noon(), 10 * WINDOW), &[1]),
            create("c", after(noon(), 10 * WINDOW + 2), &[1]),
            move_to("a", after(noon(), 20 * WINDOW)),
            delete("x"),
            create("d", noon(), &[1]),
        ],
    );
    assert!(refused);
    assert_eq!(results[0], Err(Refusal::NotAttempted));
    let named = conflict(results[1].clone());
    assert_eq!((named.nearest[0].order_id.as_str(), named.count), ("b", 1));
    assert_eq!(results[2], Err(Refusal::NotAttempted));
    assert_eq!(results[3], Err(Refusal::NotFound(order_id("x"))));
    assert_eq!(results[4], Err(Refusal::NotAttempted), "a has left its place");
    assert_eq!(desk.book.events().len(), before);
}

#[test]
fn what_is_refused_stands_in_nobodys_way() {
    let chain =
        || (0..3).map(|n| create(&format!("o{n}"), after(noon(), n * 2 * WINDOW / 3), &[1]));
    let mut desk = Desk::global();
    let (_, results) = desk.batch(Mode::Each, chain().collect());
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    let mut desk = Desk::global();
    let (refused, results) = desk.batch(Mode::Atomic, chain().collect());
    assert!(refused);
    assert_eq!(results[2], Err(Refusal::NotAttempted), "its only rival was itself refused");
}

#[test]
fn a_batch_that_is_none_is_refused() {
    let one = || create("a", noon(), &[1]);
    assert_eq!(Batch::new(Mode::Each, false, vec![]), Err(BatchError::Number));
    let many = vec![delete("a"); Batch::MAX + 1];
    assert_eq!(Batch::new(Mode::Each, false, many), Err(BatchError::Number));
    let twice = || vec![one(), delete("a")];
    assert_eq!(Batch::new(Mode::Atomic, false, twice()), Err(BatchError::Repeated(1)));
    assert!(Batch::new(Mode::Each, false, twice()).is_ok());
    assert_eq!(Batch::new(Mode::Group, false, twice()), Err(BatchError::NotCreate(1)));
}

//! What an idempotency key represents, and for how long.

use orders_core::decide::{Batch, IdempotentRequest, Mode};
use orders_core::{Action, Actor, Command, Operation, Outcome, Refusal};

use crate::desk::*;

#[test]
fn a_key_stands_for_the_first_command_that_was_accepted_under_it_until_a_day_is_over() {
    let mut desk = Desk::global();
    let keyed = |caller: &str, fingerprint: &str, operation: Operation| Command {
        actor: Actor::new(caller),
        action: Action::One(operation),
        retry: Some(retry(caller, fingerprint)),
    };
    let run =
        |desk: &mut Desk, command: Command| desk.book.run_all(&[command], desk.now).pop().unwrap();
    let unknown = keyed("me", "delete b", delete("b"));
    assert!(matches!(run(&mut desk, unknown), Outcome::One(Err(Refusal::NotFound(_)))));
    let first = || keyed("me", "create a", create("a", noon(), &[1]));
    assert!(run(&mut desk, first()).is_accepted(), "a refusal does not use the key up");
    assert_eq!(run(&mut desk, first()), Outcome::Repeated);
    let other = || keyed("me", "delete a", delete("a"));
    assert_eq!(run(&mut desk, other()), Outcome::KeyReused);
    let stranger = keyed("you", "create a", create("a", noon(), &[1]));
    let refused = run(&mut desk, stranger);
    assert!(matches!(refused, Outcome::One(Err(Refusal::OrderExists(_)))), "callers do not meet");
    desk.now = after(desk.now, IdempotentRequest::KEPT_FOR.as_millis() - 1);
    assert_eq!(run(&mut desk, other()), Outcome::KeyReused);
    desk.now = after(desk.now, 1);
    assert!(run(&mut desk, other()).is_accepted());
}

#[test]
fn of_commands_with_one_key_that_are_judged_together_the_first_is_done() {
    let mut desk = Desk::global();
    let command = |id: &str| Command {
        actor: Actor::new("me"),
        action: Action::One(create(id, noon(), &[1])),
        retry: Some(retry("me", "create")),
    };
    let outcomes = desk.book.run_all(&["a", "b", "c"].map(command), desk.now);
    assert!(outcomes[0].is_accepted());
    assert_eq!(outcomes[1..], [Outcome::Repeated, Outcome::Repeated]);
    assert_eq!(desk.book.orders().count(), 1);
}

#[test]
fn a_dry_run_neither_keeps_nor_gives_an_answer() {
    let mut desk = Desk::global();
    let command = |dry_run| Command {
        actor: Actor::new("me"),
        action: Action::Batch(
            Batch::new(Mode::Each, dry_run, vec![create("a", noon(), &[1])]).unwrap(),
        ),
        retry: Some(retry("me", "batch")),
    };
    let outcomes = desk.book.run_all(&[command(true), command(false), command(true)], desk.now);
    assert!(outcomes[0].is_accepted() && outcomes[1].is_accepted());
    let Outcome::Batch { results, .. } = &outcomes[2] else { panic!("{outcomes:?}") };
    assert_eq!(results[0], Err(Refusal::OrderExists(order_id("a"))));
}

//! A request with an idempotency key is done once.

use super::story::*;
use crate::history::*;

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
    // A faulty service: it performs an unknown request a second time, after the retry got its response.
    let mut story = Story::new();
    story.ask_again((1, 2), create("a", NOON, 1), Some("k")).ending = unknown();
    story.ask_again((3, 4), create("a", NOON, 1), Some("k"));
    story.ask((5, 6), delete("a"));
    story.ask((7, 8), create("a", NOON, 1));
    story.operations.pop();
    story.assert_caught("an operation was done twice", &[0]);
}

#[test]
fn what_was_asked_under_a_key_that_stands_for_something_else_was_not_done() {
    let mut story = Story::new();
    story.ask((1, 2), create("a", NOON, 1));
    story.ask((3, 4), create("b", NOON + WINDOW, 2));
    story.ask((7, 8), delete("a")).ending = unknown();
    story.ask_again((9, 10), delete("b"), Some("k"));
    story.ask_again((11, 12), delete("b"), Some("k"));
    // Another client sent the same request, got no answer, and its key represents another request.
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
    // Other clients sent the same request and got no answer: one without the key, one with it.
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

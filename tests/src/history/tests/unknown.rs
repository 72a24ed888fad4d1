//! A request without a response was done completely or not at all, in its round or the next.

use super::story::*;
use crate::history::*;

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

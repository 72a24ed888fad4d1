//! What was acknowledged has its events, in an order that the times allow, and nothing else has.

use super::story::*;
use crate::history::*;

#[test]
fn a_lost_update_is_caught() {
    // Both answers say that they changed version 1.
    let mut story = Story::new();
    story.ask((1, 2), create("a", NOON, 1));
    story.ask((3, 8), update("a", NOON, 2, Some(1)));
    story.ask((4, 7), update("a", NOON, 3, None));
    story.operations[2].request = update("a", NOON, 3, Some(1));
    story.assert_caught(MUST_NOT, &[2]);
    // The second was decided on the state before the first.
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
    // Now its response came before the request of the previous event was sent.
    story.operations[1].end = 4;
    story.assert_caught(LOST, &[0, 1]);
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

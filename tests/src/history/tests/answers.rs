//! A response must have been true at some moment during the operation.

use super::story::*;
use crate::history::*;
use crate::time::HOUR;

#[test]
fn a_refusal_must_be_justified_within_its_operation() {
    let mut story = Story::new();
    story.ask((1, 2), create("a", NOON, 1));
    story.ask((3, 8), create("b", NOON, 2));
    story.ask((4, 7), delete("a"));
    story.assert_explained();
    // The same rejection, by an operation that began after the other order was deleted.
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
fn a_stale_read_is_caught() {
    let mut story = Story::new();
    story.ask((1, 2), create("a", NOON, 1));
    story.ask((3, 4), read("a"));
    story.ask((5, 6), update("a", NOON, 2, None));
    story.assert_explained();
    (story.operations[1].begin, story.operations[1].end) = (7, 8);
    story.assert_caught(WRONG, &[1]);
    // A read that shows a future order: its writer has not begun.
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

//! Double bookings of every cause are caught, and correct histories are accepted.

use super::story::*;
use crate::history::*;
use crate::time::HOUR;

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

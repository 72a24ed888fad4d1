//! What a refusal names and suggests, and which of several reasons it gives.

use orders_core::decide::{Mode, OrderPatch, Versions};
use orders_core::{Operation, Period, Policy, Refusal, ServiceId, Timestamp};

use crate::desk::*;

#[test]
fn a_refusal_names_the_nearest_first_and_the_nearest_free_times() {
    let mut desk = Desk::global();
    desk.run(create("early", after(noon(), -WINDOW), &[1, 2])).unwrap();
    desk.run(create("late", after(noon(), WINDOW), &[3])).unwrap();
    desk.run(create("later", after(noon(), 3 * WINDOW - 1), &[3])).unwrap();
    let refusal = conflict(desk.run(create("new", after(noon(), 60_000), &[1])));
    let found: Vec<_> = refusal.nearest.iter().map(|n| (n.order_id.as_str(), n.gap_ms)).collect();
    assert_eq!(found, [("late", WINDOW - 60_000)]);
    assert_eq!(refusal.count, 1);
    // Between "late" and "later" there is one millisecond too little.
    assert_eq!(refusal.previous, Some(noon()));
    assert_eq!(refusal.next, Some(after(noon(), 4 * WINDOW - 1)));
    assert_eq!(refusal.nearest[0].in_words(), "2 hours 59 minutes later");
}

#[test]
fn what_is_suggested_is_accepted() {
    let mut desk = Desk::global();
    for slot in 0..40 {
        desk.run(create(&format!("o{slot}"), after(noon(), slot * (WINDOW + slot)), &[1])).unwrap();
    }
    let refusal = conflict(desk.run(create("new", after(noon(), 20 * WINDOW), &[1])));
    for (id, free) in [("before", refusal.previous), ("after", refusal.next)] {
        assert!(desk.run(create(id, free.unwrap(), &[1])).is_ok());
    }
}

#[test]
fn a_search_for_a_free_time_ends_after_a_thousand_stretches() {
    for (stretches, next) in [(1_000, Some(after(noon(), 1_000 * WINDOW))), (1_001, None)] {
        let mut desk = Desk::global();
        for slot in 0..stretches {
            desk.run(create(&format!("o{slot}"), after(noon(), slot * WINDOW), &[1])).unwrap();
        }
        let refusal = conflict(desk.run(create("new", noon(), &[1])));
        assert_eq!((refusal.previous, refusal.next), (Some(after(noon(), -WINDOW)), next));
    }
}

#[test]
fn orders_that_hold_the_same_stretch_are_one_stretch() {
    let mut desk = Desk::global();
    let crowd = (0..1_500).map(|n| create(&format!("o{n}"), noon(), &[1])).collect();
    assert!(!desk.batch(Mode::Group, crowd).0);
    let refusal = conflict(desk.run(create("new", noon(), &[1])));
    assert_eq!(refusal.count, 1_500);
    assert_eq!(refusal.next, Some(after(noon(), WINDOW)));
}

#[test]
fn a_search_for_a_free_time_ends_after_366_days_and_where_time_ends() {
    let window = Period::MAX;
    let mut desk = Desk::new(Policy { window, ..Policy::default() });
    let first = at("2022-01-01T00:00:00Z");
    desk.run(create("first", first, &[1])).unwrap();
    desk.run(create("second", first.checked_add(window).unwrap(), &[1])).unwrap();
    let refusal = conflict(desk.run(create("new", first, &[1])));
    assert_eq!(refusal.previous, first.checked_sub(window), "366 days are within 366 days");
    assert_eq!(refusal.next, None, "732 days are not");
    let mut desk = Desk::global();
    for (id, end) in [("first", Timestamp::MIN), ("last", Timestamp::MAX)] {
        desk.run(create(id, end, &[1])).unwrap();
    }
    let refusal = conflict(desk.run(create("new", Timestamp::MIN, &[1])));
    assert_eq!((refusal.previous, refusal.next), (None, Some(after(Timestamp::MIN, WINDOW))));
    let refusal = conflict(desk.run(create("new", Timestamp::MAX, &[1])));
    assert_eq!((refusal.previous, refusal.next), (Some(after(Timestamp::MAX, -WINDOW)), None));
}

#[test]
fn a_free_time_in_scope_service_is_free_for_all_services_of_the_order() {
    let mut desk = Desk::by_service();
    desk.run(create("a", noon(), &[1])).unwrap();
    desk.run(create("b", after(noon(), WINDOW / 2), &[2])).unwrap();
    desk.run(create("c", after(noon(), 2 * WINDOW), &[1])).unwrap();
    let refusal = conflict(desk.run(create("d", noon(), &[1, 2])));
    assert_eq!(refusal.next, Some(after(noon(), 3 * WINDOW)));
}

#[test]
fn refusals_come_in_the_order_of_the_contract() {
    let edit_lock = Some(Period::parse("3h").unwrap());
    let mut desk = Desk::new(Policy { edit_lock, ..Policy::default() });
    desk.run(create("a", noon(), &[1])).unwrap();
    desk.run(create("b", after(noon(), WINDOW), &[1])).unwrap();
    let update = |id, version, numbers: &[i64]| Operation::Update {
        id: order_id(id),
        if_match: Some(Versions::Among(vec![version])),
        patch: OrderPatch::from(content(noon(), numbers)),
    };
    assert!(matches!(desk.run(update("x", 9, &[9])), Err(Refusal::NotFound(_))));
    let mismatch = Err(Refusal::VersionMismatch { current: 1 });
    assert_eq!(desk.run(update("b", 9, &[9])), mismatch);
    let unknown = vec![(1, ServiceId::new(9).unwrap())];
    assert_eq!(desk.run(update("b", 1, &[1, 9])), Err(Refusal::UnknownServices(unknown)));
    assert!(matches!(desk.run(update("b", 1, &[1])), Err(Refusal::EditLocked { .. })));
    desk.now = after(desk.now, WINDOW);
    conflict(desk.run(update("b", 1, &[1])));
    assert!(matches!(desk.run(create("a", noon(), &[9])), Err(Refusal::UnknownServices(_))));
    assert!(matches!(desk.run(create("a", noon(), &[1])), Err(Refusal::OrderExists(_))));
}

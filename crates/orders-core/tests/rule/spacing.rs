//! Which orders are too close to each other: to the millisecond, in each scope, and within a group.

use orders_core::decide::{Mode, OrderPatch};
use orders_core::{Fee, Operation, Policy};

use crate::desk::*;

#[test]
fn exactly_one_window_apart_is_accepted_and_a_millisecond_less_refused_on_both_sides() {
    for (gap, accepted) in [
        (WINDOW, true),
        (WINDOW - 1, false),
        (1, false),
        (0, false),
        (-1, false),
        (1 - WINDOW, false),
        (-WINDOW, true),
    ] {
        let mut desk = Desk::global();
        desk.run(create("first", noon(), &[1])).unwrap();
        let verdict = desk.run(create("second", after(noon(), gap), &[2]));
        assert_eq!(verdict.is_ok(), accepted, "{gap} ms");
    }
}

#[test]
fn the_window_is_three_hours_and_nothing_near_it() {
    assert_eq!(Policy::default().window.as_millis(), 10_800_000);
}

#[test]
fn offsets_and_daylight_saving_do_not_move_the_rule() {
    // Berlin leaves daylight saving at 2022-10-30T03:00+02:00: four hours on the clock are five.
    let mut desk = Desk::global();
    desk.run(create("summer", at("2022-10-30T01:30:00+02:00"), &[1])).unwrap();
    assert!(desk.run(create("short", at("2022-10-30T03:29:59.999+01:00"), &[1])).is_err());
    assert!(desk.run(create("winter", at("2022-10-30T03:30:00+01:00"), &[1])).is_ok());
}

#[test]
fn an_order_does_not_conflict_with_itself() {
    let mut desk = Desk::global();
    desk.run(create("a", noon(), &[1])).unwrap();
    assert!(desk.run(move_to("a", after(noon(), 60_000))).is_ok());
    desk.run(create("b", after(noon(), 60_000 + WINDOW), &[1])).unwrap();
    let refusal = conflict(desk.run(move_to("a", after(noon(), 60_001))));
    assert_eq!(refusal.nearest[0].order_id, order_id("b"));
    assert_eq!(refusal.previous, Some(after(noon(), 60_000)), "its own time is free to it");
}

#[test]
fn a_group_is_exempt_within_and_blocks_all_others() {
    let mut desk = Desk::global();
    let members = ["a", "b", "c"].map(|id| create(id, noon(), &[1])).to_vec();
    assert!(!desk.batch(Mode::Group, members).0);
    assert_eq!(conflict(desk.run(create("d", noon(), &[1]))).count, 3);
    let rival = desk.batch(Mode::Group, vec![create("e", noon(), &[1])]);
    assert!(rival.0, "another group is not exempt");
    // A member that moves leaves the group, and may not come back.
    desk.run(move_to("a", after(noon(), WINDOW))).unwrap();
    assert_eq!(conflict(desk.run(move_to("a", noon()))).count, 2);
    // Deleting and restoring does not take a member out.
    desk.run(delete("b")).unwrap();
    desk.run(Operation::Restore { id: order_id("b") }).unwrap();
}

#[test]
fn an_update_of_the_fee_alone_is_never_refused_by_the_rule() {
    for mut desk in [Desk::global(), Desk::by_service()] {
        desk.batch(Mode::Group, vec![create("a", noon(), &[1]), create("b", noon(), &[1])]);
        let patch =
            OrderPatch { total_fee: Some(Fee::parse("7").unwrap()), ..OrderPatch::default() };
        desk.run(Operation::Update { id: order_id("a"), if_match: None, patch }).unwrap();
        assert_eq!(desk.order("a").group, desk.order("b").group);
    }
}

#[test]
fn in_scope_service_only_orders_that_share_a_service_conflict() {
    let mut desk = Desk::by_service();
    desk.run(create("a", noon(), &[1, 2])).unwrap();
    desk.run(create("b", noon(), &[3])).unwrap();
    let refusal = conflict(desk.run(create("c", after(noon(), 1), &[3, 2])));
    assert_eq!(refusal.count, 2);
    let shared: Vec<_> = refusal.nearest.iter().map(|n| n.services.clone()).collect();
    assert_eq!(shared, [services(&[2]).to_vec(), services(&[3]).to_vec()]);
    // The services of an order can move it into a conflict; their sequence cannot.
    let with = |numbers: &[i64]| Operation::Update {
        id: order_id("b"),
        if_match: None,
        patch: OrderPatch { services: Some(services(numbers)), ..OrderPatch::default() },
    };
    conflict(desk.run(with(&[3, 1])));
    conflict(desk.run(with(&[1])));
    let patch = OrderPatch { services: Some(services(&[2, 1])), ..OrderPatch::default() };
    desk.run(Operation::Update { id: order_id("a"), if_match: None, patch }).unwrap();
}

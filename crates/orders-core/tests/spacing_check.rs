//! The check of many slots, as it stands behind `policy check`.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::num::NonZeroU64;

use orders_core::*;

const WINDOW: i64 = 100;

fn at(millis: i64) -> Instant {
    Instant::from_millis(millis).unwrap()
}

fn id(text: &str) -> OrderId {
    OrderId::parse(text).unwrap()
}

fn slot(calendar: CalendarId, millis: i64, group: u64) -> Slot {
    Slot { calendar, start: at(millis), group: Group(NonZeroU64::new(group).unwrap()) }
}

/// Whether the second of two slots is too close to the first.
fn is_violation(first: Slot, second: Slot) -> bool {
    let mut check = SpacingCheck::new(Period::from_millis(WINDOW).unwrap());
    assert_eq!(check.next(id("first"), first), None, "nothing is before the first");
    check.next(id("second"), second).is_some()
}

#[test]
fn less_than_a_window_apart_is_too_close_unless_the_group_or_the_calendar_says_otherwise() {
    let global = CalendarId::Global;
    let service = CalendarId::Service(ServiceId::new(1).unwrap());
    let first = slot(global, 0, 1);
    for (second, is_too_close) in [
        (slot(global, 0, 2), true),
        (slot(global, WINDOW - 1, 2), true),
        (slot(global, WINDOW, 2), false),
        (slot(global, WINDOW - 1, 1), false),
        (slot(service, WINDOW - 1, 2), false),
        (slot(service, WINDOW, 1), false),
    ] {
        assert_eq!(is_violation(first, second), is_too_close, "{second:?}");
    }
}

#[test]
fn each_is_held_against_the_one_before_and_both_are_named() {
    let mut check = SpacingCheck::new(Period::from_millis(WINDOW).unwrap());
    let slots = [("a", 0, 1), ("b", 200, 2), ("c", 250, 3), ("d", 349, 4), ("e", 449, 5)];
    let found: Vec<_> = slots
        .iter()
        .filter_map(|(text, millis, group)| {
            check.next(id(text), slot(CalendarId::Global, *millis, *group))
        })
        .map(|found| (found.earlier.0.to_string(), found.later.0.to_string(), found.later.1))
        .collect();
    let named = |earlier: &str, later: &str, millis| (earlier.into(), later.into(), at(millis));
    assert_eq!(found, [named("b", "c", 250), named("c", "d", 349)]);
}

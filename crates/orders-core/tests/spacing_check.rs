//! The check of many slots, as it stands behind `policy check`.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::num::NonZeroU64;

use orders_core::decide::SpacingCheck;
use orders_core::order::Group;
use orders_core::policy::{CalendarId, Interval, Slot};
use orders_core::{OrderId, ServiceId, Timestamp};

const WINDOW: i64 = 100;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

fn id(text: &str) -> OrderId {
    OrderId::parse(text).unwrap()
}

fn slot(calendar: CalendarId, millis: i64, group: u64) -> Slot {
    long_slot(calendar, millis, millis + WINDOW, group)
}

fn long_slot(calendar: CalendarId, start: i64, end: i64, group: u64) -> Slot {
    let interval = Interval::new(at(start), end).unwrap();
    Slot { calendar, interval, group: Group(NonZeroU64::new(group).unwrap()) }
}

/// Whether the second of two slots is too close to the first.
fn is_violation(first: Slot, second: Slot) -> bool {
    let mut check = SpacingCheck::default();
    assert_eq!(check.next(&id("first"), first), None, "nothing is before the first");
    check.next(&id("second"), second).is_some()
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
    let mut check = SpacingCheck::default();
    let slots = [("a", 0, 1), ("b", 200, 2), ("c", 250, 3), ("d", 349, 4), ("e", 449, 5)];
    let found: Vec<_> = slots
        .iter()
        .filter_map(|(text, millis, group)| {
            check.next(&id(text), slot(CalendarId::Global, *millis, *group))
        })
        .map(|found| (found.earlier.0.to_string(), found.later.0.to_string(), found.later.1))
        .collect();
    let named = |earlier: &str, later: &str, millis| (earlier.into(), later.into(), at(millis));
    assert_eq!(found, [named("b", "c", 250), named("c", "d", 349)]);
}

/// What the check finds among slots of one calendar, by start, end and group.
fn found(slots: &[(i64, i64, u64)]) -> Vec<(i64, i64)> {
    let mut check = SpacingCheck::default();
    let violations = slots.iter().filter_map(|(start, end, group)| {
        check.next(&id(&format!("at-{start}")), long_slot(CalendarId::Global, *start, *end, *group))
    });
    violations.map(|it| (it.earlier.1.as_millis(), it.later.1.as_millis())).collect()
}

#[test]
fn a_long_slot_is_held_against_all_that_start_within_it() {
    assert_eq!(found(&[(0, 100, 1), (10, 20, 2), (30, 40, 3)]), [(0, 10), (0, 30)]);
    assert_eq!(found(&[(0, 100, 1), (10, 20, 1), (30, 40, 2)]), [(0, 30)]);
    assert_eq!(found(&[(0, 20, 1), (20, 30, 2), (30, 90, 3)]), []);
}

/// Every set of four slots of a few lengths and groups: something is found if and only if two of
/// them conflict.
#[test]
fn a_violation_is_found_wherever_there_is_one() {
    let mut all = Vec::new();
    for start in 0..4 {
        for length in [1, 2, 5] {
            for group in 1..=2 {
                all.push((start, start + length, group));
            }
        }
    }
    for number in 0..all.len().pow(4) {
        let place = |digit| all[number / all.len().pow(digit) % all.len()];
        let mut slots = [0, 1, 2, 3].map(place);
        slots.sort_unstable();
        let conflicts =
            |(a, b): (&(i64, i64, u64), &(i64, i64, u64))| a.2 != b.2 && a.0 < b.1 && b.0 < a.1;
        let pairs = |first| slots.iter().skip(first + 1).map(move |b| (first, b));
        let mut pairs = (0..slots.len()).flat_map(pairs);
        let expected = pairs.any(|(a, b)| conflicts((&slots[a], b)));
        assert_eq!(!found(&slots).is_empty(), expected, "{slots:?}");
    }
}

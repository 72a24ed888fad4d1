//! The free stretches, against every instant asked one by one.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use orders_core::decide::{FreeInterval, FreeIntervals};
use orders_core::policy::{CalendarId, Interval};
use orders_core::{
    Actor, Book, Fee, NewId, Operation, OrderContent, OrderId, Period, Policy, Scope, ServiceId,
    Services, Timestamp,
};

const WINDOW: i64 = 3;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

/// What the search finds, by milliseconds.
fn found(from: i64, to: i64, occupied: &[i64]) -> Vec<(i64, i64)> {
    let slots: Vec<_> = occupied.iter().map(|start| (*start, start + WINDOW)).collect();
    found_between(from, to, &slots)
}

/// What the search finds between slots of any lengths, by milliseconds.
fn found_between(from: i64, to: i64, slots: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let policy = Policy { window: Period::from_millis(WINDOW).unwrap(), ..Policy::default() };
    let mut free = FreeIntervals::new(&policy, &[CalendarId::Global], at(from), at(to));
    let slot = |(start, end): &(i64, i64)| Interval::new(at(*start), *end).unwrap();
    let mut stretches: Vec<_> = slots.iter().filter_map(|it| free.pass(slot(it))).collect();
    stretches.extend(free.finish());
    stretches.iter().map(|found| (found.start.as_millis(), found.end.as_millis())).collect()
}

/// What is free if each instant is held against each occupant.
fn expected(from: i64, to: i64, occupied: &[i64]) -> Vec<(i64, i64)> {
    let mut stretches: Vec<(i64, i64)> = Vec::new();
    let is_free = |instant: &i64| occupied.iter().all(|start| (instant - start).abs() >= WINDOW);
    for instant in (from..=to).filter(is_free) {
        match stretches.last_mut() {
            Some((_, end)) if *end == instant - 1 => *end = instant,
            _ => stretches.push((instant, instant)),
        }
    }
    stretches
}

#[test]
fn they_are_all_that_is_a_window_from_every_occupant_and_nothing_more() {
    let (from, to) = (100, 107);
    // Every set of occupants from before the first instant that matters to behind the last one.
    let places: Vec<i64> = (from - 4..=to + 4).collect();
    for set in 0_u32..1 << places.len() {
        let is_in = |place: &usize| set >> place & 1 == 1;
        let occupied: Vec<i64> =
            (0..places.len()).filter(is_in).map(|place| places[place]).collect();
        assert_eq!(found(from, to, &occupied), expected(from, to, &occupied), "{occupied:?}");
    }
}

#[test]
fn those_of_a_book_are_left_by_the_orders_of_the_same_calendars() {
    let services = |number| Services::new(vec![ServiceId::new(number).unwrap()]).unwrap();
    let window = Period::from_millis(WINDOW).unwrap();
    let mut book = Book::new(Policy { window, scope: Scope::Service, ..Policy::default() });
    for (number, place) in [(1, 112), (2, 105), (1, 104)] {
        book.add_service(ServiceId::new(number).unwrap());
        let total_fee = Fee::parse("1").unwrap();
        let content = OrderContent { datetime: at(place), total_fee, services: services(number) };
        let id = NewId::Generated(OrderId::parse(&format!("at-{place}")).unwrap());
        assert!(book.run(&Actor::new("me"), Operation::Create { id, content }, at(0)).is_ok());
    }
    let found = book.free_intervals(&services(1), at(100), at(120));
    let free = [(100, 101), (107, 109), (115, 120)];
    assert_eq!(found, free.map(|(start, end)| FreeInterval { start: at(start), end: at(end) }));
}

#[test]
fn they_are_left_by_slots_of_any_lengths_too() {
    // A long one that others lie within, one that ends with it, and one that begins at its end.
    let slots = [(0, 30), (3, 6), (10, 13), (27, 30), (30, 33), (50, 51)];
    assert_eq!(found_between(0, 60, &slots), [(33, 47), (51, 60)]);
    let lengths = [(0, 3), (6, 100), (10, 13), (103, 106)];
    assert_eq!(found_between(0, 200, &lengths), [(3, 3), (100, 100), (106, 200)]);
}

#[test]
fn two_at_the_same_instant_are_one() {
    assert_eq!(found(0, 20, &[10, 10]), [(0, 7), (13, 20)]);
}

#[test]
fn nothing_is_free_where_time_ends() {
    let (first, last) = (Timestamp::MIN.as_millis(), Timestamp::MAX.as_millis());
    assert_eq!(found(first, first + 20, &[first + 1]), [(first + 4, first + 20)]);
    assert_eq!(found(last - 20, last, &[last - 1, last]), [(last - 20, last - 4)]);
    assert_eq!(found(last - 20, last, &[last - 3]), [(last - 20, last - 6), (last, last)]);
}

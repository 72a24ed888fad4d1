//! The orders that are stored and pending for: their ids, their instants, their JSON.

use chrono::{DateTime, SecondsFormat, Utc};

use super::{Expected, Request};

pub(super) const HOUR_MS: i64 = 60 * 60 * 1000;

/// How far apart the rule keeps orders.
pub(crate) const WINDOW_MS: i64 = 3 * HOUR_MS;

/// 2030-01-01T00:00:00Z.
pub(crate) const FIRST_MS: i64 = 1_893_456_000_000;

/// How many orders a database to read from holds.
pub(crate) const STORED: u64 = 5_000;

/// Wide enough apart that there is room between two of them, so that a refusal offers real instants.
const STORED_EVERY_MS: i64 = 9 * HOUR_MS;

/// The service, by its number, that every order uses.
pub(super) const SERVICE: u32 = 123;

/// A large calendar has so many stretches, from 2030 to the year 8 875. Orders laid out beforehand
/// start at the beginning of some; those created since in the middle.
pub(crate) const CALENDAR: u64 = 10_000_000;

/// Two windows: one order at its beginning, one in its middle.
pub(crate) const STRETCH_MS: i64 = 2 * WINDOW_MS;

pub(super) fn id(number: u64) -> String {
    format!("order-{number:08}")
}

pub(super) fn stored_ms(number: u64) -> i64 {
    FIRST_MS + signed(number) * STORED_EVERY_MS
}

/// The middle of another stretch for each number below `CALENDAR`, all over the calendar.
pub(super) fn between_ms(number: u64) -> i64 {
    // Without a common factor, so that each stretch comes up once.
    let stretch = number * 7_368_787 % CALENDAR;
    FIRST_MS + signed(stretch) * STRETCH_MS + WINDOW_MS
}

/// Creates the order of that number in a row of orders as close as the rule allows.
pub(super) fn create(number: u64) -> Request {
    Request::post("/orders", order(FIRST_MS + signed(number) * WINDOW_MS, ""))
}

/// Moves a stored order by less than an hour from where it first was.
pub(super) fn replace(number: u64, by_ms: u64) -> Request {
    Request {
        method: "PUT",
        path: format!("/orders/{}", id(number)),
        body: order(stored_ms(number) + signed(by_ms), ""),
        expected: Expected { status: 200, orders: 1 },
    }
}

pub(super) fn order(datetime_ms: i64, id_member: &str) -> String {
    let datetime = instant(datetime_ms);
    format!(
        r#"{{{id_member}"datetime":"{datetime}","totalfee":100,"services":[{{"id":"{SERVICE}"}}]}}"#
    )
}

pub(super) fn instant(millis: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(millis)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_orders_are_created_in_one_stretch() {
        let instants: HashSet<i64> = (0..100_000).map(between_ms).collect();
        assert_eq!(instants.len(), 100_000);
    }

    #[test]
    fn the_calendar_ends_before_the_year_ten_thousand() {
        let last = FIRST_MS + signed(CALENDAR) * STRETCH_MS;
        assert!(order(last, "").contains(r#""datetime":"8"#), "{}", order(last, ""));
    }
}

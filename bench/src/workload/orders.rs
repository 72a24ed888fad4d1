//! The orders: their ids, times and JSON.

use chrono::{DateTime, SecondsFormat, Utc};

use super::{Expected, Request};

pub(super) const HOUR_MS: i64 = 60 * 60 * 1000;

/// The minimum gap between orders.
pub(crate) const WINDOW_MS: i64 = 3 * HOUR_MS;

/// 2030-01-01T00:00:00Z.
pub(crate) const FIRST_MS: i64 = 1_893_456_000_000;

/// The number of orders in a database for reads.
pub(crate) const STORED: u64 = 5_000;

/// Leaves free time between two stored orders, so that a rejection can suggest some.
const STORED_EVERY_MS: i64 = 9 * HOUR_MS;

/// The id of the service that every order uses.
pub(super) const SERVICE: u32 = 123;

/// The number of cells of a large calendar, which covers the years 2030 to 8875. Seeded orders are
/// at the start of a cell, created ones in the middle.
pub(crate) const CELLS: u64 = 10_000_000;

/// Two windows: room for an order at the start and one in the middle.
pub(crate) const CELL_MS: i64 = 2 * WINDOW_MS;

pub(super) fn id(number: u64) -> String {
    format!("order-{number:08}")
}

pub(super) fn stored_ms(number: u64) -> i64 {
    FIRST_MS + signed(number) * STORED_EVERY_MS
}

/// The middle of a cell, different for each number below `CELLS`, spread over the calendar.
pub(super) fn between_ms(number: u64) -> i64 {
    // The factor and `CELLS` are coprime, so each cell comes up once.
    let cell = number * 7_368_787 % CELLS;
    FIRST_MS + signed(cell) * CELL_MS + WINDOW_MS
}

/// Creates one of a series of orders as close as the rule allows.
pub(super) fn create(number: u64) -> Request {
    Request::post("/orders", order(FIRST_MS + signed(number) * WINDOW_MS, ""))
}

/// Moves a stored order to less than an hour after its original time.
pub(super) fn replace(number: u64, by_ms: u64) -> Request {
    Request {
        method: "PUT",
        path: format!("/orders/{}", id(number)),
        body: order(stored_ms(number) + signed(by_ms), ""),
        expected: Expected { status: 200, orders: 1 },
    }
}

pub(super) fn order(datetime_ms: i64, id_member: &str) -> String {
    let datetime = rfc3339(datetime_ms);
    format!(
        r#"{{{id_member}"datetime":"{datetime}","totalfee":100,"services":[{{"id":"{SERVICE}"}}]}}"#
    )
}

pub(super) fn rfc3339(millis: i64) -> String {
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
    fn created_orders_have_a_cell_each() {
        let times: HashSet<i64> = (0..100_000).map(between_ms).collect();
        assert_eq!(times.len(), 100_000);
    }

    #[test]
    fn the_calendar_ends_before_the_year_ten_thousand() {
        let last = FIRST_MS + signed(CELLS) * CELL_MS;
        assert!(order(last, "").contains(r#""datetime":"8"#), "{}", order(last, ""));
    }
}

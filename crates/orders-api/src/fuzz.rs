//! Fuzzing of all input: no input causes a panic, accepted input survives a round trip, and a simpler
//! parser of the same standards agrees.
//!
//! Each target runs a bounded number of cases in `cargo test`, starting with the corpus in
//! `fuzz/__fuzz__/*/corpus`. For a longer run:
//!
//! ```sh
//! BOLERO_RANDOM_ITERATIONS=10000000 cargo test --release -p orders-api fuzz
//! ```

mod bodies;
mod headers;
mod rows;
#[path = "../../orders-core/tests/fuzz/texts.rs"]
mod texts;

use orders_core::order::Group;
use orders_core::{Order, OrderContent, OrderId, Timestamp};

/// The number of cases of each target.
const CASES: usize = 5_000;

/// An order to write and read again.
fn order_with(id: Option<OrderId>, content: OrderContent) -> Order {
    let at = Timestamp::parse("2026-11-21T09:00:00.000Z").unwrap();
    Order {
        id: id.unwrap_or_else(|| OrderId::parse("made").unwrap()),
        content,
        version: 1,
        group: Group(std::num::NonZeroU64::MIN),
        created_at: at,
        updated_at: at,
    }
}

/// Fragments of JSON and of orders.
const OF_JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    " ",
    "\n",
    "\"",
    "\\",
    "\\u0061",
    "\\ud83d\\ude00",
    "\\ud800",
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "1e2",
    "99.50",
    "1E400",
    "01",
    ".5",
    "\"id\":",
    "\"datetime\":",
    "\"totalfee\":",
    "\"services\":",
    "\"version\":3",
    "\"op\":\"create\"",
    "\"op\":\"replace\"",
    "\"op\":\"delete\"",
    "\"order\":{",
    "\"operations\":[",
    "\"mode\":\"each\"",
    "\"mode\":\"atomic\"",
    "\"if_match\":1",
    "\"dry_run\":true",
    "\"orders\":[",
    "\"group\":\"a\"",
    "\"2022-11-01T11:11:11.111Z\"",
    "{\"id\":\"123\"}",
    "[{\"id\":1},{\"id\":2}]",
    "\u{0}",
    "é",
    "\u{feff}",
];

const ORDERS: &[&str] = &[
    r#"{"id":"223","datetime":"2022-11-01T11:11:11.111Z","totalfee":100,"services":[{"id":"123"}]}"#,
    r#"{"datetime":"0001-01-01T00:00:00+00:00","totalfee":"99.50","services":[{"id":1,"name":"x"},{"id":2}],"version":7}"#,
    r#"{"id":"a","datetime":"2022-11-01t11:11:11z","totalfee":1e2,"services":[{"id":9}],"created_at":"2022-11-01T11:11:11Z","updated_at":null}"#,
];

//! Fuzzing of what is parsed at the edge: nothing makes it panic, what is accepted reads back from
//! what it is shown as, and a second, plainer reading of the same standards says the same.
//!
//! Each target runs a bounded number of cases within `cargo test`, first those kept in
//! `__fuzz__/*/corpus`. For a longer run:
//!
//! ```sh
//! BOLERO_RANDOM_ITERATIONS=10000000 cargo test --release -p orders-core --test fuzz
//! ```
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod oracle;
mod texts;

use bolero::check;
use orders_core::decide::IdempotencyKey;
use orders_core::{Fee, OrderId, Period, ServiceId, Timestamp};
use texts::texts;

const CASES: usize = 20_000;

const DATETIMES: &[&str] = &[
    "2022-11-01T11:11:11.111Z",
    "2024-02-29T23:59:59.999999+23:59",
    "0001-01-01T00:00:00Z",
    "9999-12-31t23:59:60.9-00:00",
    "1900-02-28T12:00:00-01:30",
];
const OF_DATETIMES: &[&str] = &[
    "0",
    "1",
    "2",
    "5",
    "9",
    "00",
    "23",
    "59",
    "60",
    "99",
    "0000",
    "2022",
    "2024",
    "9999",
    "-02-29",
    "-02-30",
    "-12-31",
    "-",
    ":",
    ".",
    ",",
    "+",
    "T",
    "t",
    " ",
    "Z",
    "z",
    "T23:59:59",
    "T24:00:00",
    "+00:00",
    "-23:59",
    "+24:00",
    "\u{2212}",
    "é",
];

#[test]
fn datetime() {
    check!().with_iterations(CASES).with_max_len(64).for_each(|bytes: &[u8]| {
        for text in texts(bytes, DATETIMES, OF_DATETIMES) {
            let Ok(text) = std::str::from_utf8(&text) else { continue };
            let read = Timestamp::parse(text);
            assert_eq!(read.map(Timestamp::as_millis), oracle::datetime(text), "{text:?}");
            if let Ok(instant) = read {
                let shown = instant.to_string();
                assert_eq!(shown, oracle::show_datetime(instant.as_millis()), "{text:?}");
                assert_eq!(Timestamp::parse(&shown), Ok(instant), "{text:?}");
            }
        }
    });
}

#[test]
fn instant() {
    check!().with_iterations(CASES).with_type::<i64>().for_each(|any| {
        let all =
            i128::from(Timestamp::MAX.as_millis()) - i128::from(Timestamp::MIN.as_millis()) + 1;
        let within = i128::from(*any).rem_euclid(all) + i128::from(Timestamp::MIN.as_millis());
        let instant = Timestamp::from_millis(within.try_into().unwrap()).unwrap();
        assert_eq!(instant.to_string(), oracle::show_datetime(instant.as_millis()));
        assert_eq!(Timestamp::parse(&instant.to_string()), Ok(instant));
    });
}

const FEES: &[&str] =
    &["100", "99.50", "999999999999.99", "1e2", "12345.67E-0", "0.0", "-0e9", "1000000000000e-2"];
const OF_FEES: &[&str] = &[
    "0",
    "1",
    "5",
    "9",
    "00",
    "000000",
    "99",
    "999999999999",
    "123456789",
    ".",
    ".0",
    ".99",
    "e",
    "E",
    "e-",
    "e+",
    "E2",
    "e-2",
    "e12",
    "-",
    "+",
    " ",
    "_",
    "e99999999999999999999",
    "NaN",
    "0x",
];

#[test]
fn fee() {
    check!().with_iterations(CASES).with_max_len(64).for_each(|bytes: &[u8]| {
        for text in texts(bytes, FEES, OF_FEES) {
            let Ok(text) = std::str::from_utf8(&text) else { continue };
            let read = Fee::parse(text);
            assert_eq!(read.map(Fee::as_hundredths), oracle::fee(text), "{text:?}");
            if let Ok(fee) = read {
                assert_eq!(Fee::parse(&fee.to_string()), Ok(fee), "{text:?}");
                let fewest = fee.to_string();
                assert!(!fewest.contains('.') || !fewest.ends_with(['0', '.']), "{fewest}");
            }
        }
    });
}

const PERIODS: &[&str] = &["3h", "PT3H", "1d2h3m4s5ms", "P1DT2H3M4.005S", "366d", "250ms"];
const OF_PERIODS: &[&str] = &[
    "0",
    "1",
    "3",
    "59",
    "366",
    "99999999999",
    "d",
    "h",
    "m",
    "s",
    "ms",
    "P",
    "p",
    "T",
    "D",
    "H",
    "M",
    "S",
    ".",
    ",",
    "1D",
    "T1H",
    "0.5S",
    " ",
    "-",
];

#[test]
fn period() {
    check!().with_iterations(CASES).with_max_len(64).for_each(|bytes: &[u8]| {
        for text in texts(bytes, PERIODS, OF_PERIODS) {
            let Ok(text) = std::str::from_utf8(&text) else { continue };
            let read = Period::parse(text);
            assert_eq!(read.map(Period::as_millis), oracle::period(text), "{text:?}");
            if let Ok(period) = read {
                assert_eq!(Period::parse(&period.to_string()), Ok(period), "{text:?}");
                let words = period.in_words();
                assert_eq!(oracle::period_in_words(&words), period.as_millis(), "{words}");
            }
        }
    });
}

const KEYS: &[&str] = &["6f1e1b2a-0c3e-4a6f-8d7a-5b19f284", "!~", "k\"\\"];
const OF_KEYS: &[&str] = &[" ", "\t", "\0", "\u{7f}", "é", "a", "~", "!", "\"", "0123456789abcdef"];

#[test]
fn idempotency_key() {
    check!().with_iterations(CASES).with_max_len(300).for_each(|bytes: &[u8]| {
        for text in texts(bytes, KEYS, OF_KEYS) {
            let Ok(text) = std::str::from_utf8(&text) else { continue };
            let fits = (1..=255).contains(&text.chars().count());
            let expected = fits && text.chars().all(|c| ('!'..='~').contains(&c));
            let read = IdempotencyKey::parse(text);
            assert_eq!(read.is_ok(), expected, "{text:?}");
            assert!(read.is_err() || read.unwrap().as_str() == text);
        }
    });
}

const IDS: &[&str] = &["223", "batch", "..", "a.b_c~d-e", "0190b3a4-7c1e-7000-8000-000000000000"];
const OF_IDS: &[&str] =
    &[".", "..", "batch", "a", "Z", "9", "_", "~", "-", "/", "%", " ", "é", "+"];

#[test]
fn order_id() {
    check!().with_iterations(CASES).with_max_len(80).for_each(|bytes: &[u8]| {
        for text in texts(bytes, IDS, OF_IDS) {
            let Ok(text) = std::str::from_utf8(&text) else { continue };
            let allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";
            let expected = !text.is_empty()
                && text.chars().count() <= 64
                && text.chars().all(|c| allowed.contains(c))
                && ![".", "..", "batch"].contains(&text);
            let read = OrderId::parse(text);
            assert_eq!(read.is_ok(), expected, "{text:?}");
            assert!(read.is_err() || read.unwrap().as_str() == text);
        }
    });
}

const SERVICE_IDS: &[&str] = &["123", "9007199254740991", "1e2", "12.0", "0", "-1"];
const OF_SERVICE_IDS: &[&str] =
    &["0", "1", "9", "00", "9007199254740991", ".", ".0", "e", "E1", "e-1", "-", "+", " ", "1e15"];

#[test]
fn service_id() {
    check!().with_iterations(CASES).with_max_len(40).for_each(|bytes: &[u8]| {
        for text in texts(bytes, SERVICE_IDS, OF_SERVICE_IDS) {
            let Ok(text) = std::str::from_utf8(&text) else { continue };
            let highest = (1 << 53) - 1;
            let digits = oracle::digits(text).filter(|id| (1..=highest).contains(id));
            assert_eq!(ServiceId::parse(text).ok().map(ServiceId::get), digits, "{text:?}");
            let number = oracle::whole_number(text).filter(|id| (1..=highest).contains(id));
            assert_eq!(ServiceId::parse_number(text).ok().map(ServiceId::get), number, "{text:?}");
        }
    });
}

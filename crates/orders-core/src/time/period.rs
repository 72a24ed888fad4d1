//! Lengths of time: the window of the rule and the edit lock. Reads `3h` and `PT3H`.

use std::fmt;

use crate::text::{read_from_text, serialize_as_text};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A length of time from 1 millisecond to 366 days, exact to the millisecond. A day is 24 hours.
///
/// ```
/// use orders_core::Period;
///
/// let window = Period::parse("3h")?;
/// assert_eq!(window, Period::parse("PT3H")?);
/// assert_eq!(window.to_string(), "PT3H");
/// assert_eq!(window.in_words(), "3 hours");
/// # Ok::<(), orders_core::time::PeriodError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(i64);

/// An error which can be returned when parsing a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// Neither `3h` nor `PT3H`.
    #[error("must be a duration such as 3h, 1h30m, 250ms or PT3H")]
    Malformed,
    /// Shorter than a millisecond or longer than 366 days.
    #[error("must be between 1 millisecond and 366 days")]
    OutOfRange,
}

impl Period {
    /// The longest period: 366 days.
    pub const MAX: Self = Self(366 * DAY);
    /// A day of 24 hours.
    pub const DAY: Self = Self(DAY);
    /// Three hours: the default window.
    pub(crate) const THREE_HOURS: Self = Self(3 * HOUR);

    /// Creates a period from milliseconds, if it is in range.
    #[must_use]
    pub fn from_millis(millis: i64) -> Option<Self> {
        (1..=Self::MAX.0).contains(&millis).then_some(Self(millis))
    }

    /// The length in milliseconds.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Parses `1d12h30m15s250ms` (any of the parts, each once, in this order), or an ISO 8601
    /// duration of days, hours, minutes and seconds (`P1DT12H`, `PT0.25S`).
    ///
    /// # Errors
    /// - [`PeriodError::Malformed`] if the text is neither form.
    /// - [`PeriodError::OutOfRange`] if it is shorter than 1 ms or longer than 366 days.
    pub fn parse(text: &str) -> Result<Self, PeriodError> {
        let millis = match text.strip_prefix(['P', 'p']) {
            Some(iso) => parse_iso(&iso.to_ascii_uppercase()),
            None => sum(text, &[("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", 1)]),
        };
        Self::from_millis(millis.ok_or(PeriodError::Malformed)?).ok_or(PeriodError::OutOfRange)
    }

    /// The length in words: `3 hours`, `1 day 1 minute`, `59.999 seconds`.
    #[must_use]
    pub fn in_words(self) -> String {
        in_words(self.0)
    }
}

read_from_text!(Period, PeriodError, Period::parse);
serialize_as_text!(Period);

/// A length of `millis` milliseconds in English words; its sign does not matter.
pub(crate) fn in_words(millis: i64) -> String {
    let [days, hours, minutes, seconds, rest] = parts(millis.abs());
    let mut words = Vec::new();
    for (number, unit) in [(days, "day"), (hours, "hour"), (minutes, "minute")] {
        match number {
            0 => {}
            1 => words.push(format!("1 {unit}")),
            _ => words.push(format!("{number} {unit}s")),
        }
    }
    match (seconds, rest) {
        (0, 0) => {}
        (1, 0) => words.push("1 second".to_owned()),
        _ => words.push(format!("{} seconds", decimal(seconds, rest))),
    }
    if words.is_empty() { "0 seconds".to_owned() } else { words.join(" ") }
}

/// Days, hours, minutes, seconds and milliseconds.
fn parts(millis: i64) -> [i64; 5] {
    [
        millis / DAY,
        millis % DAY / HOUR,
        millis % HOUR / MINUTE,
        millis % MINUTE / SECOND,
        millis % SECOND,
    ]
}

/// Seconds with as many decimals as they need.
fn decimal(seconds: i64, millis: i64) -> String {
    format!("{seconds}.{millis:03}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn parse_iso(text: &str) -> Option<i64> {
    let (date, time) = match text.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (text, ""),
    };
    let (whole, fraction) =
        match time.strip_suffix('S').and_then(|rest| rest.split_once(['.', ','])) {
            Some((whole, fraction)) => (format!("{whole}S"), thousandths(fraction)?),
            None => (time.to_owned(), 0),
        };
    let units = [("H", HOUR), ("M", MINUTE), ("S", SECOND)];
    match (date, whole.as_str()) {
        ("", time) => sum(time, &units)?.checked_add(fraction),
        (date, "") => sum(date, &[("D", DAY)]),
        (date, time) => {
            sum(date, &[("D", DAY)])?.checked_add(sum(time, &units)?)?.checked_add(fraction)
        }
    }
}

/// The first three digits after the decimal sign, as milliseconds.
fn thousandths(digits: &str) -> Option<i64> {
    let only_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let padded = format!("{digits:0<3}");
    only_digits.then(|| padded.get(..3)?.parse().ok()).flatten()
}

/// The sum of numbers with units, each unit at most once and in the order given.
fn sum(mut text: &str, units: &[(&str, i64)]) -> Option<i64> {
    if text.is_empty() {
        return None;
    }
    let mut total: i64 = 0;
    let mut units = units.iter();
    while !text.is_empty() {
        let (digits, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
        let (unit, after) =
            rest.split_at(rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len()));
        let (_, millis) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(digits.parse::<i64>().ok()?.checked_mul(*millis)?)?;
        text = after;
    }
    Some(total)
}

impl fmt::Display for Period {
    /// An ISO 8601 duration: `PT3H`, `P1DT30M`, `PT0.001S`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [days, hours, minutes, seconds, millis] = parts(self.0);
        f.write_str("P")?;
        if days > 0 {
            write!(f, "{days}D")?;
        }
        if self.0 % DAY > 0 {
            f.write_str("T")?;
        }
        for (number, unit) in [(hours, 'H'), (minutes, 'M')] {
            if number > 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        if seconds > 0 || millis > 0 {
            write!(f, "{}S", decimal(seconds, millis))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notations_are_read_and_shown_as_iso_8601() {
        for (text, iso, words) in [
            ("3h", "PT3H", "3 hours"),
            ("PT3H", "PT3H", "3 hours"),
            ("180m", "PT3H", "3 hours"),
            ("1h30m", "PT1H30M", "1 hour 30 minutes"),
            ("366d", "P366D", "366 days"),
            ("1d1s", "P1DT1S", "1 day 1 second"),
            ("P1DT12H", "P1DT12H", "1 day 12 hours"),
            ("pt0.25s", "PT0.25S", "0.25 seconds"),
            ("1ms", "PT0.001S", "0.001 seconds"),
            ("PT59.999S", "PT59.999S", "59.999 seconds"),
        ] {
            let period = Period::parse(text).unwrap();
            assert_eq!((period.to_string().as_str(), period.in_words().as_str()), (iso, words));
            assert_eq!(Period::parse(iso), Ok(period), "{iso} is read again");
        }
    }

    #[test]
    fn what_is_no_period_is_refused() {
        for text in
            ["", "3", "h", "3 h", "-3h", "3x", "P", "PT", "P3", "PT3", "3h3h", "1m1h", "P1M"]
        {
            assert_eq!(Period::parse(text), Err(PeriodError::Malformed), "{text:?}");
        }
        for text in ["0h", "PT0S", "0ms", "367d", "366d1ms"] {
            assert_eq!(Period::parse(text), Err(PeriodError::OutOfRange), "{text:?}");
        }
    }
}

//! Timestamps: UTC, to the millisecond, years 0001 to 9999. Reads and writes RFC 3339. Knows no clock.

use std::fmt;

use chrono::{DateTime, Datelike, Timelike};

use crate::text::{read_from_text, serialize_as_text};
use crate::time::Period;

/// A point in time in UTC, exact to the millisecond, within the years 0001 to 9999.
///
/// ```
/// use orders_core::Timestamp;
///
/// let asked = Timestamp::parse("2022-11-01T12:11:11.1119+01:00")?;
/// assert_eq!(asked.to_string(), "2022-11-01T11:11:11.111Z");
/// # Ok::<(), orders_core::time::TimestampError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// An error which can be returned when parsing a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// The text is not an RFC 3339 date-time with an offset, or names a date that does not exist.
    #[error(
        "must be an existing date and time as RFC 3339 writes it, with Z or an offset, such as 2022-11-01T11:11:11.111Z"
    )]
    NotRfc3339,
    /// The text ends without `Z` or a numeric offset.
    #[error("must end with Z or an offset such as +01:00, so that it names one instant")]
    NoOffset,
    /// Second 60: a leap second has no place on the scale of UTC milliseconds.
    #[error("must not name a leap second (second 60)")]
    LeapSecond,
    /// The time lies outside the years 0001 to 9999 in UTC.
    #[error("must lie within the years 0001 to 9999 in UTC")]
    OutOfRange,
}

impl Timestamp {
    /// The first timestamp: `0001-01-01T00:00:00.000Z`.
    pub const MIN: Self = Self(-62_135_596_800_000);
    /// The last timestamp: `9999-12-31T23:59:59.999Z`.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// Creates a timestamp from milliseconds since 1970-01-01T00:00:00Z, if it is in range.
    #[must_use]
    pub fn from_millis(millis: i64) -> Option<Self> {
        (Self::MIN.0..=Self::MAX.0).contains(&millis).then_some(Self(millis))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z; negative before.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Parses an RFC 3339 date-time (section 5.6). `T` and `Z` may have either case, `-00:00` is UTC,
    /// and digits finer than a millisecond are cut off.
    ///
    /// # Errors
    /// - [`TimestampError::NotRfc3339`] if the text is no date-time, or the date does not exist.
    /// - [`TimestampError::NoOffset`] if only the offset is missing.
    /// - [`TimestampError::LeapSecond`] for second 60.
    /// - [`TimestampError::OutOfRange`] outside the years 0001 to 9999.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        // chrono accepts a blank for the T and a Unicode minus sign. RFC 3339 does not.
        let bytes = text.as_bytes();
        if !text.is_ascii() || !matches!(bytes.get(10), Some(b'T' | b't')) {
            return Err(TimestampError::NotRfc3339);
        }
        let second_60 = text
            .split_at_checked(17)
            .and_then(|(minute, rest)| rest.strip_prefix("60").map(|offset| (minute, offset)));
        if let Some((minute, offset)) = second_60 {
            let without_leap = DateTime::parse_from_rfc3339(&format!("{minute}59{offset}"));
            let error =
                without_leap.map_or(TimestampError::NotRfc3339, |_| TimestampError::LeapSecond);
            return Err(error);
        }
        let Ok(parsed) = DateTime::parse_from_rfc3339(text) else {
            let with_offset = DateTime::parse_from_rfc3339(&format!("{text}Z"));
            return Err(if with_offset.is_ok() {
                TimestampError::NoOffset
            } else {
                TimestampError::NotRfc3339
            });
        };
        // Rounds down, also before 1970.
        Self::from_millis(parsed.timestamp_millis()).ok_or(TimestampError::OutOfRange)
    }

    /// Creates a timestamp from milliseconds since 1970-01-01T00:00:00Z, clamped to the range.
    pub(crate) fn saturating_from_millis(millis: i64) -> Self {
        Self(millis.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Adds a period. Returns `None` past the year 9999.
    #[must_use]
    pub fn checked_add(self, period: Period) -> Option<Self> {
        Self::from_millis(self.0 + period.as_millis())
    }

    /// Subtracts a period. Returns `None` before the year 1.
    #[must_use]
    pub fn checked_sub(self, period: Period) -> Option<Self> {
        Self::from_millis(self.0 - period.as_millis())
    }

    /// Adds a period. Returns [`Self::MAX`] past the year 9999.
    #[must_use]
    pub fn saturating_add(self, period: Period) -> Self {
        self.checked_add(period).unwrap_or(Self::MAX)
    }

    /// Subtracts a period. Returns [`Self::MIN`] before the year 1.
    #[must_use]
    pub fn saturating_sub(self, period: Period) -> Self {
        self.checked_sub(period).unwrap_or(Self::MIN)
    }

    /// Milliseconds from `other` to `self`; negative if `self` is earlier.
    #[must_use]
    pub fn millis_since(self, other: Self) -> i64 {
        self.0 - other.0
    }

    /// The millisecond after, if there is one.
    pub(crate) fn next(self) -> Option<Self> {
        Self::from_millis(self.0 + 1)
    }

    /// The millisecond before, if there is one.
    pub(crate) fn previous(self) -> Option<Self> {
        Self::from_millis(self.0 - 1)
    }
}

read_from_text!(Timestamp, TimestampError, Timestamp::parse);
serialize_as_text!(Timestamp);

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with three decimals and `Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In range by construction, so the fallback is never used.
        let at = DateTime::from_timestamp_millis(self.0).unwrap_or_default();
        // By hand: ten times as fast as a format, and lists consist of timestamps.
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (place, number) in [
            (0..4, at.year().unsigned_abs()),
            (5..7, at.month()),
            (8..10, at.day()),
            (11..13, at.hour()),
            (14..16, at.minute()),
            (17..19, at.second()),
            (20..23, at.nanosecond() / 1_000_000),
        ] {
            write_digits(text.get_mut(place).unwrap_or_default(), number);
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// Fills a field with the last digits of a number.
fn write_digits(field: &mut [u8], mut number: u32) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, TimestampError> {
        Timestamp::parse(text).map(|at| at.to_string())
    }

    #[test]
    fn every_spelling_of_rfc_3339_is_read() {
        for (text, utc) in [
            ("2022-11-01T11:11:11.111Z", "2022-11-01T11:11:11.111Z"),
            ("2022-11-01t11:11:11.111z", "2022-11-01T11:11:11.111Z"),
            ("2022-11-01T11:11:11Z", "2022-11-01T11:11:11.000Z"),
            ("2022-11-01T11:11:11.1Z", "2022-11-01T11:11:11.100Z"),
            ("2022-11-01T11:11:11.9999999999999Z", "2022-11-01T11:11:11.999Z"),
            ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
            ("2022-11-01T11:11:11-00:00", "2022-11-01T11:11:11.000Z"),
            ("2022-11-01T11:11:11+05:45", "2022-11-01T05:26:11.000Z"),
            ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"),
            ("0000-12-31T23:30:00-00:30", "0001-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(utc), "{text}");
        }
    }

    #[test]
    fn what_is_no_instant_is_refused_with_its_reason() {
        use TimestampError::{LeapSecond, NoOffset, NotRfc3339, OutOfRange};
        for (text, error) in [
            ("2022-11-01T11:11:11.111", NoOffset),
            ("2022-11-01 11:11:11Z", NotRfc3339),
            ("2022-11-01T11:11:11 Z", NotRfc3339),
            ("2022-11-01T11:11:11\u{2212}01:00", NotRfc3339),
            ("2022-11-01T11:11:11+0100", NotRfc3339),
            ("2022-11-01T11:11:11+24:00", NotRfc3339),
            ("2022-11-01T11:11:11.Z", NotRfc3339),
            ("2022-11-01T11:11:11,5Z", NotRfc3339),
            ("2022-11-01T11:11Z", NotRfc3339),
            ("2022-02-30T11:11:11Z", NotRfc3339),
            ("2023-02-29T11:11:11Z", NotRfc3339),
            ("2022-11-01T24:00:00Z", NotRfc3339),
            ("2022-11-01", NotRfc3339),
            ("1667301071", NotRfc3339),
            ("+2022-11-01T11:11:11Z", NotRfc3339),
            (" 2022-11-01T11:11:11Z", NotRfc3339),
            ("", NotRfc3339),
            ("2016-12-31T23:59:60Z", LeapSecond),
            ("2016-12-31T23:59:60 bananas", NotRfc3339),
            ("0000-12-31T23:59:59Z", OutOfRange),
            ("0001-01-01T00:00:00+00:01", OutOfRange),
            ("9999-12-31T23:59:59-00:01", OutOfRange),
        ] {
            assert_eq!(shown(text), Err(error), "{text}");
        }
    }
}

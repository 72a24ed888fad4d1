//! Fees: an integer of hundredths, never rounded, never a float.

use std::fmt;

use crate::text::{Decimal, read_from_text};

/// A fee from 0 to 999 999 999 999.99, exact to the hundredth.
///
/// ```
/// use orders_core::Fee;
///
/// assert_eq!(Fee::parse("1e2")?.to_string(), "100");
/// assert_eq!(Fee::parse("99.50")?.to_string(), "99.5");
/// assert!(Fee::parse("0.001").is_err());
/// # Ok::<(), orders_core::order::FeeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fee(i64);

/// An error which can be returned when parsing a fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FeeError {
    /// Not a JSON number (RFC 8259, section 6).
    #[error("must be a number, or a string that holds a number as JSON writes it")]
    NotANumber,
    /// More than two decimals; trailing zeros do not count.
    #[error("must have at most two decimals")]
    TooFine,
    /// Below 0 or above 999 999 999 999.99.
    #[error("must be between 0 and 999999999999.99")]
    OutOfRange,
}

impl Fee {
    const MAX: i64 = 99_999_999_999_999;

    /// Creates a fee from hundredths, if it is in range.
    #[must_use]
    pub fn from_hundredths(hundredths: i64) -> Option<Self> {
        (0..=Self::MAX).contains(&hundredths).then_some(Self(hundredths))
    }

    /// The fee in hundredths.
    #[must_use]
    pub fn as_hundredths(self) -> i64 {
        self.0
    }

    /// Parses a number in any spelling that JSON allows, exactly.
    ///
    /// # Errors
    /// - [`FeeError::NotANumber`] if the text is not a JSON number.
    /// - [`FeeError::TooFine`] if it has more than two decimals.
    /// - [`FeeError::OutOfRange`] if it is negative or too large.
    pub fn parse(text: &str) -> Result<Self, FeeError> {
        let number = Decimal::parse(text).ok_or(FeeError::NotANumber)?;
        if number.digits.is_empty() {
            return Ok(Self(0));
        }
        if number.negative {
            return Err(FeeError::OutOfRange);
        }
        // The value in hundredths is digits × 10^shift.
        let shift = number.exponent.saturating_add(2);
        if shift < 0 {
            return Err(FeeError::TooFine);
        }
        number.scaled(shift).and_then(Self::from_hundredths).ok_or(FeeError::OutOfRange)
    }
}

read_from_text!(Fee, FeeError, Fee::parse);

impl fmt::Display for Fee {
    /// The fewest digits: `100`, `99.5`, `0.1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, hundredths) = (self.0 / 100, self.0 % 100);
        match hundredths {
            0 => write!(f, "{whole}"),
            tenths if tenths % 10 == 0 => write!(f, "{whole}.{}", tenths / 10),
            hundredths => write!(f, "{whole}.{hundredths:02}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_spelling_of_a_json_number_is_read_exactly() {
        for (text, shown) in [
            ("100", "100"),
            ("1e2", "100"),
            ("1E+2", "100"),
            ("0.1e3", "100"),
            ("10000e-2", "100"),
            ("100.00", "100"),
            ("100.000000", "100"),
            ("99.5", "99.5"),
            ("99.50", "99.5"),
            ("0.1", "0.1"),
            ("0.01", "0.01"),
            ("1e-2", "0.01"),
            ("10e-3", "0.01"),
            ("0", "0"),
            ("-0", "0"),
            ("-0.0e5", "0"),
            ("0e999999999999999999999", "0"),
            ("999999999999.99", "999999999999.99"),
            ("0.99999999999999e12", "999999999999.99"),
        ] {
            assert_eq!(Fee::parse(text).map(|fee| fee.to_string()).as_deref(), Ok(shown), "{text}");
        }
    }

    #[test]
    fn what_is_no_fee_is_refused_with_its_reason() {
        use FeeError::{NotANumber, OutOfRange, TooFine};
        for (text, error) in [
            ("1.005", TooFine),
            ("0.001", TooFine),
            ("1e-3", TooFine),
            ("1e-999999999999999999999", TooFine),
            ("-1", OutOfRange),
            ("-0.001", OutOfRange),
            ("1000000000000", OutOfRange),
            ("999999999999.991", TooFine),
            ("1e12", OutOfRange),
            ("1e999999999999999999999", OutOfRange),
            ("99999999999999999999999999", OutOfRange),
            ("", NotANumber),
            ("+1", NotANumber),
            ("01", NotANumber),
            ("1.", NotANumber),
            (".5", NotANumber),
            ("1e", NotANumber),
            ("1e+", NotANumber),
            ("1 ", NotANumber),
            ("1,5", NotANumber),
            ("0x10", NotANumber),
            ("NaN", NotANumber),
            ("Infinity", NotANumber),
            ("١", NotANumber),
        ] {
            assert_eq!(Fee::parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_fee_shown_is_read_as_the_same_fee(hundredths in 0..=Fee::MAX) {
            let fee = Fee::from_hundredths(hundredths).unwrap();
            prop_assert_eq!(Fee::parse(&fee.to_string()), Ok(fee));
        }
    }
}

//! Fees: hundredths in an integer, never rounded, never a float.

use std::fmt;

/// A fee from 0 to 999 999 999 999.99, exact to the hundredth.
///
/// ```
/// use orders_core::Fee;
///
/// assert_eq!(Fee::parse("1e2")?.to_string(), "100");
/// assert_eq!(Fee::parse("99.50")?.to_string(), "99.5");
/// assert!(Fee::parse("0.001").is_err());
/// # Ok::<(), orders_core::FeeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fee(i64);

/// Why a text is not a fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FeeError {
    /// Not a number as JSON (RFC 8259, section 6) writes it.
    #[error("must be a number, or a string that holds a number as JSON writes it")]
    NotANumber,
    /// More than two decimals that count.
    #[error("must have at most two decimals")]
    TooFine,
    /// Below 0 or above 999 999 999 999.99.
    #[error("must be between 0 and 999999999999.99")]
    OutOfRange,
}

impl Fee {
    const MAX: i64 = 99_999_999_999_999;

    /// Makes a fee of so many hundredths, if it is in range.
    #[must_use]
    pub fn from_hundredths(hundredths: i64) -> Option<Self> {
        (0..=Self::MAX).contains(&hundredths).then_some(Self(hundredths))
    }

    /// The fee in hundredths.
    #[must_use]
    pub fn as_hundredths(self) -> i64 {
        self.0
    }

    /// Reads a number in any spelling that JSON allows, exactly.
    ///
    /// # Errors
    /// [`FeeError`], by what is wrong with the text.
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

/// A JSON number taken apart: digits × 10^exponent, the digits without zeros at either end.
pub(crate) struct Decimal {
    pub(crate) negative: bool,
    /// Empty for zero.
    pub(crate) digits: String,
    pub(crate) exponent: i64,
}

impl Decimal {
    /// Takes a JSON number apart; `None` if the text is not one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, power) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, Some(power)),
            None => (unsigned, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if are_digits(fraction) => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        if !are_digits(whole) || (whole.len() > 1 && whole.starts_with('0')) {
            return None;
        }
        let power = power.map_or(Some(0), read_power)?;
        let all = format!("{whole}{fraction}");
        let significant = all.trim_end_matches('0');
        let dropped = i64::try_from(all.len() - significant.len()).ok()?;
        let decimals = i64::try_from(fraction.len()).ok()?;
        Some(Self {
            negative,
            digits: significant.trim_start_matches('0').to_owned(),
            exponent: power.saturating_sub(decimals).saturating_add(dropped),
        })
    }

    /// digits × 10^shift, if that fits. `shift` is 0 or more.
    pub(crate) fn scaled(&self, shift: i64) -> Option<i64> {
        let factor = 10_i64.checked_pow(u32::try_from(shift).ok()?)?;
        self.digits.parse::<i64>().ok()?.checked_mul(factor)
    }
}

/// An exponent; one too large for 64 bits counts as the largest, which is out of range anyway.
fn read_power(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if !are_digits(digits) {
        return None;
    }
    let size = digits.parse().unwrap_or(i64::MAX);
    Some(if negative { -size } else { size })
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

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

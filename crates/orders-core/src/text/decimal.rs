//! JSON numbers, taken apart exactly.

/// A JSON number taken apart: digits × 10^exponent, the digits without zeros at either end.
pub(crate) struct Decimal {
    pub(crate) negative: bool,
    /// Empty for zero.
    pub(crate) digits: String,
    pub(crate) exponent: i64,
}

impl Decimal {
    /// Parses a JSON number; `None` if the text is not one.
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

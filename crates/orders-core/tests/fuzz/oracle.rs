//! The same readings once more, as plainly as they can be said: character by character from the
//! grammars of RFC 3339, RFC 8259 and ISO 8601, dates by counting days, amounts by moving a point.

use orders_core::Timestamp;
use orders_core::order::FeeError;
use orders_core::time::{PeriodError, TimestampError};

/// Takes so many digits off the front of a text.
fn take_digits(text: &mut &str, count: usize) -> Option<i64> {
    let (digits, rest) = text.split_at_checked(count)?;
    let number =
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    *text = rest;
    Some(number)
}

fn take_one(text: &mut &str, among: &[char]) -> Option<char> {
    let first = text.chars().next().filter(|c| among.contains(c))?;
    *text = &text[first.len_utf8()..];
    Some(first)
}

fn is_leap_year(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap_year(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first day of a year.
fn days_to_year(year: i64) -> i64 {
    let before = year - 1;
    365 * year + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400)
        - (365 * 1970 + 492 - 19 + 4)
}

/// Milliseconds since 1970, and the second that is named, of a text by the grammar of RFC 3339.
fn rfc_3339(mut text: &str) -> Option<(i64, i64)> {
    let text = &mut text;
    let year = take_digits(text, 4)?;
    take_one(text, &['-'])?;
    let month = take_digits(text, 2).filter(|month| (1..=12).contains(month))?;
    take_one(text, &['-'])?;
    let days = days_of_month(year, month);
    let day = take_digits(text, 2).filter(|day| (1..=days).contains(day))?;
    take_one(text, &['T', 't'])?;
    let hour = take_digits(text, 2).filter(|hour| *hour <= 23)?;
    take_one(text, &[':'])?;
    let minute = take_digits(text, 2).filter(|minute| *minute <= 59)?;
    take_one(text, &[':'])?;
    let second = take_digits(text, 2).filter(|second| *second <= 60)?;
    let mut millis = 0;
    if take_one(text, &['.']).is_some() {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let fraction = text.get(..end).filter(|fraction| !fraction.is_empty())?;
        millis = format!("{fraction}00")[..3].parse().ok()?;
        *text = &text[end..];
    }
    let offset = match take_one(text, &['Z', 'z', '+', '-'])? {
        sign @ ('+' | '-') => {
            let hours = take_digits(text, 2).filter(|hours| *hours <= 23)?;
            take_one(text, &[':'])?;
            let minutes = take_digits(text, 2).filter(|minutes| *minutes <= 59)?;
            (hours * 60 + minutes) * if sign == '-' { -1 } else { 1 }
        }
        _ => 0,
    };
    let whole_months: i64 = (1..month).map(|month| days_of_month(year, month)).sum();
    let day_number = days_to_year(year) + whole_months + day - 1;
    let minutes = (day_number * 24 + hour) * 60 + minute - offset;
    text.is_empty().then_some(((minutes * 60 + second.min(59)) * 1000 + millis, second))
}

pub(crate) fn datetime(text: &str) -> Result<i64, TimestampError> {
    match rfc_3339(text) {
        Some((_, 60)) => Err(TimestampError::LeapSecond),
        Some((millis, _)) => {
            let range = Timestamp::MIN.as_millis()..=Timestamp::MAX.as_millis();
            range.contains(&millis).then_some(millis).ok_or(TimestampError::OutOfRange)
        }
        None if rfc_3339(&format!("{text}Z")).is_some_and(|(_, second)| second < 60) => {
            Err(TimestampError::NoOffset)
        }
        None => Err(TimestampError::NotRfc3339),
    }
}

/// An instant as it is shown, found by counting years, months and days.
pub(crate) fn show_datetime(millis: i64) -> String {
    let (days, of_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let mut year = 1970 + days.div_euclid(366);
    while days_to_year(year + 1) <= days {
        year += 1;
    }
    while days_to_year(year) > days {
        year -= 1;
    }
    let (mut month, mut day) = (1, days - days_to_year(year));
    while day >= days_of_month(year, month) {
        day -= days_of_month(year, month);
        month += 1;
    }
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, rest) = (of_day / 1000 % 60, of_day % 1000);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{rest:03}Z", day + 1)
}

/// A JSON number: whether it is negative, its digits without zeros at either end, and how many of
/// them stand before the point.
fn json_number(text: &str) -> Option<(bool, String, i64)> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let end = unsigned.find(['e', 'E']).unwrap_or(unsigned.len());
    let (mantissa, power) = unsigned.split_at(end);
    let mut power = power.chars().skip(1).peekable();
    let negative_power = power.next_if(|c| matches!(c, '+' | '-')) == Some('-');
    let power: String = power.collect();
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if end < unsigned.len() && !are_digits(&power) {
        return None;
    }
    let power: i64 = match power.trim_start_matches('0') {
        "" => 0,
        // More than any text here is long.
        long if long.len() > 6 => 1_000_000,
        short => short.parse().ok()?,
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    if !are_digits(whole) || !are_digits(fraction) || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let digits = digits.trim_matches('0').to_owned();
    let point = i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()?;
    Some((text.starts_with('-'), digits, point + if negative_power { -power } else { power }))
}

/// The digits before the point, then so many behind it; zeros where there are none.
fn up_to(digits: &str, point: i64, behind: i64) -> Option<i64> {
    let count = usize::try_from(point + behind).ok()?;
    let all: String = digits.chars().chain(std::iter::repeat('0')).take(count).collect();
    if all.is_empty() { Some(0) } else { all.parse().ok() }
}

pub(crate) fn fee(text: &str) -> Result<i64, FeeError> {
    let (negative, digits, point) = json_number(text).ok_or(FeeError::NotANumber)?;
    let length = i64::try_from(digits.len()).unwrap();
    match (digits.as_str(), negative) {
        ("", _) => Ok(0),
        (_, true) => Err(FeeError::OutOfRange),
        _ if length - point > 2 => Err(FeeError::TooFine),
        _ if point > 12 => Err(FeeError::OutOfRange),
        _ => up_to(&digits, point, 2).ok_or(FeeError::OutOfRange),
    }
}

/// The value of a JSON number that is whole, from 1 on.
pub(crate) fn whole_number(text: &str) -> Option<i64> {
    let (negative, digits, point) = json_number(text)?;
    let whole = point >= i64::try_from(digits.len()).ok()? && point <= 18;
    (whole && !negative).then(|| up_to(&digits, point, 0)).flatten()
}

/// The value of decimal digits without leading zeros.
pub(crate) fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    (plain && text.len() <= 18 && !text.starts_with('0')).then(|| text.parse().ok()).flatten()
}

/// Takes a number with a unit off the front of a text, if that is what stands there.
fn take_part(text: &mut &str, unit: &str, millis: i64) -> Result<Option<i64>, ()> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let letters = rest.find(|c: char| c.is_ascii_digit() || c == 'T').unwrap_or(rest.len());
    if number.is_empty() || &rest[..letters] != unit {
        return Ok(None);
    }
    *text = &rest[letters..];
    let value = number.parse::<i64>().ok().and_then(|number| number.checked_mul(millis));
    value.map(Some).ok_or(())
}

fn duration(text: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let mut total = 0_i64;
    if let Some(iso) = text.strip_prefix(['P', 'p']) {
        let iso = iso.to_ascii_uppercase();
        let mut rest = iso.as_str();
        let mut parts = 0;
        let mut add = |part: Option<i64>| -> Option<()> {
            parts += usize::from(part.is_some());
            total = total.checked_add(part.unwrap_or(0))?;
            Some(())
        };
        add(take_part(&mut rest, "D", 86_400_000).ok()?)?;
        if let Some(time) = rest.strip_prefix('T') {
            // The point is only allowed in the last part, so that it can be taken off first.
            let (whole, millis) =
                match time.strip_suffix('S').and_then(|t| t.split_once(['.', ','])) {
                    Some((whole, fraction)) => {
                        let digits =
                            !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
                        let millis =
                            digits.then(|| format!("{fraction}00")[..3].parse().ok()).flatten()?;
                        (format!("{whole}S"), millis)
                    }
                    None => (time.to_owned(), 0),
                };
            rest = &whole;
            for (unit, millis) in [("H", 3_600_000), ("M", 60_000), ("S", 1000)] {
                add(take_part(&mut rest, unit, millis).ok()?)?;
            }
            let with_time = !time.is_empty() && rest.is_empty();
            return if with_time { total.checked_add(millis) } else { None };
        }
        return (parts > 0 && rest.is_empty()).then_some(total);
    }
    let mut rest = text;
    for (unit, millis) in UNITS {
        total = total.checked_add(take_part(&mut rest, unit, millis).ok()?.unwrap_or(0))?;
    }
    (!text.is_empty() && rest.is_empty()).then_some(total)
}

pub(crate) fn period(text: &str) -> Result<i64, PeriodError> {
    let millis = duration(text).ok_or(PeriodError::Malformed)?;
    let most = 366 * 86_400_000;
    (1..=most).contains(&millis).then_some(millis).ok_or(PeriodError::OutOfRange)
}

/// What words such as `1 day 2 hours 3.5 seconds` say, in milliseconds.
pub(crate) fn period_in_words(words: &str) -> i64 {
    let words: Vec<&str> = words.split(' ').collect();
    let part = |pair: &[&str]| {
        let (whole, fraction) = pair[0].split_once('.').unwrap_or((pair[0], "0"));
        let number: i64 = whole.parse().unwrap();
        assert_eq!(pair[1].ends_with('s'), pair[0] != "1", "{pair:?}");
        let unit = match pair[1].trim_end_matches('s') {
            "day" => 86_400_000,
            "hour" => 3_600_000,
            "minute" => 60_000,
            "second" => 1000,
            other => unreachable!("{other}"),
        };
        number * unit + format!("{fraction:0<3}").parse::<i64>().unwrap()
    };
    words.chunks(2).map(part).sum()
}

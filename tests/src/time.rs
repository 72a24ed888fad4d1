//! Instants as the contract writes them, by a calendar of their own: an oracle that shares no code
//! with what it checks.

/// A minute in milliseconds.
pub const MINUTE: i64 = 60_000;
/// An hour in milliseconds.
pub const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Writes epoch milliseconds as `2022-11-01T11:11:11.111Z`.
#[must_use]
pub fn at(millis: i64) -> String {
    let (days, rest) = (millis.div_euclid(DAY), millis.rem_euclid(DAY));
    let (year, month, day) = date_of(days);
    let (hour, minute, second) = (rest / HOUR, rest / MINUTE % 60, rest / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1000)
}

/// Parses what [`at`] writes, and nothing else: the format of every time in a response.
///
/// # Panics
/// If the text is in any other form.
#[must_use]
pub fn millis_of(text: &str) -> i64 {
    let number = |from: usize, to: usize| -> i64 {
        text.get(from..to).and_then(|digits| digits.parse().ok()).unwrap_or_default()
    };
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let time = number(11, 13) * HOUR + number(14, 16) * MINUTE + number(17, 19) * 1000;
    let millis = days_of(year, month, day) * DAY + time + number(20, 23);
    assert_eq!(at(millis), text, "an instant is answered in UTC with three decimals and Z");
    millis
}

/// Checks that all are at least `window` milliseconds from one another.
///
/// # Panics
/// If two are closer.
pub fn assert_spaced(mut instants: Vec<i64>, window: i64) {
    instants.sort_unstable();
    for pair in instants.windows(2) {
        if let [earlier, later] = pair {
            assert!(later - earlier >= window, "{} and {} are too close", at(*earlier), at(*later));
        }
    }
}

/// Days since 1970-01-01, counted in years that begin in March, so that a leap day comes last.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

fn date_of(days: i64) -> (i64, i64, i64) {
    // Never later than the true year, and few years too early.
    let mut year = (days - 366).div_euclid(366) + 1970 - days.abs() / 100_000 - 1;
    while days_of(year + 1, 1, 1) <= days {
        year += 1;
    }
    let month = (1..=12).rev().find(|month| days_of(year, *month, 1) <= days).unwrap_or(1);
    (year, month, days - days_of(year, month, 1) + 1)
}

/// The library that gives a process another time.
///
/// # Panics
/// If it is not installed.
#[must_use]
pub fn libfaketime() -> String {
    let file = crate::installation::libfaketime().expect("libfaketime is installed");
    file.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::{DAY, HOUR, at, millis_of};

    #[test]
    fn instants_are_written_and_read() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (1_667_301_071_111, "2022-11-01T11:11:11.111Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(at(millis), text);
            assert_eq!(millis_of(text), millis);
        }
        for day in -50_000..50_000 {
            assert_eq!(millis_of(&at(day * DAY + HOUR)), day * DAY + HOUR);
        }
    }
}

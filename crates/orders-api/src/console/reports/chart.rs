//! Bar charts.

/// A bar chart.
pub(super) struct Chart {
    pub(super) title: String,
    /// A note on the numbers. Empty for none.
    pub(super) note: &'static str,
    /// The value of the longest bar.
    pub(super) most: String,
    /// The heading of the names of the bars.
    pub(super) what: &'static str,
    /// Whether the bars are horizontal, for long names.
    pub(super) is_horizontal: bool,
    pub(super) bars: Vec<Bar>,
}

/// A bar. Lengths and places are attributes of a drawing.
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) value: String,
    /// Whether there is room for its name below it.
    pub(super) is_named: bool,
    pub(super) at: String,
    pub(super) middle: String,
    pub(super) room: String,
    pub(super) top: String,
    pub(super) length: String,
}

/// The value of a bar.
#[derive(Default, Clone)]
pub(super) struct Value {
    number: i128,
    text: String,
}

impl Value {
    pub(super) fn count(number: i64) -> Self {
        Self { number: number.into(), text: number.to_string() }
    }

    /// A sum of money in hundredths.
    pub(super) fn fees(hundredths: i128) -> Self {
        Self { number: hundredths, text: in_units(hundredths) }
    }
}

impl Chart {
    /// A chart of vertical bars.
    pub(super) fn new(title: String, what: &'static str, values: Vec<(String, Value)>) -> Self {
        let longest = values.iter().map(|(_, value)| value).max_by_key(|value| value.number);
        let longest = longest.cloned().unwrap_or_default();
        let most = longest.number.max(1);
        let number = i128::try_from(values.len()).unwrap_or(1).max(1);
        // As many names as fit beside each other.
        let step = values.len().div_ceil(8).max(1);
        let bar = |(at, (name, value)): (usize, (String, Value))| {
            let place = i128::try_from(at).unwrap_or(0);
            let length = value.number * 9_000 / most;
            Bar {
                name,
                value: value.text,
                is_named: at % step == 0,
                at: percent(place * 10_000 / number + 1_500 / number),
                middle: percent(place * 10_000 / number + 5_000 / number),
                room: percent(7_000 / number),
                top: percent(10_000 - length),
                length: percent(length),
            }
        };
        Self {
            title,
            note: "",
            most: longest.text,
            what,
            is_horizontal: false,
            bars: values.into_iter().enumerate().map(bar).collect(),
        }
    }
}

/// Hundredths as a sum of money: `1 234.50`.
pub(super) fn in_units(hundredths: i128) -> String {
    let units = (hundredths / 100).to_string();
    let mut grouped = String::new();
    for (at, digit) in units.chars().enumerate() {
        if at > 0 && (units.len() - at).is_multiple_of(3) {
            grouped.push('\u{a0}');
        }
        grouped.push(digit);
    }
    format!("{grouped}.{:02}", hundredths % 100)
}

/// Hundredths of a percent, as an attribute of a drawing.
fn percent(parts: i128) -> String {
    format!("{}.{:02}%", parts / 100, parts % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_for_people() {
        for (hundredths, text) in [
            (0, "0.00"),
            (5, "0.05"),
            (99_999, "999.99"),
            (123_450, "1\u{a0}234.50"),
            (9_999_999_999_999_900, "99\u{a0}999\u{a0}999\u{a0}999\u{a0}999.00"),
        ] {
            assert_eq!(in_units(hundredths), text);
        }
    }
}

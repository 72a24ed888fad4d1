//! The canonical text of a JSON value: equal for values that say the same.

use std::fmt::Write;

use super::Json;

impl Json<'_> {
    /// Writes the value without blanks, its members by name, and its numbers without an exponent's or
    /// a zero's choice of spelling. Members that are `null` are left out unless `keeps_null`.
    pub(crate) fn canonical(&self, keeps_null: bool) -> String {
        let mut text = String::new();
        self.write(&mut text, keeps_null);
        text
    }

    fn write(&self, out: &mut String, keeps_null: bool) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(spelling) => out.push_str(&canonical_number(spelling)),
            Self::Text(text) => write_text(out, text),
            Self::Array(items) => {
                out.push('[');
                for item in items {
                    item.write(out, keeps_null);
                    out.push(',');
                }
                out.push(']');
            }
            Self::Object(members) => {
                let is_kept = |value: &Self| keeps_null || !matches!(value, Self::Null);
                let mut kept: Vec<_> = members.iter().filter(|(_, value)| is_kept(value)).collect();
                kept.sort_by_key(|(name, _)| name);
                out.push('{');
                for (name, value) in kept {
                    write_text(out, name);
                    out.push(':');
                    value.write(out, keeps_null);
                    out.push(',');
                }
                out.push('}');
            }
        }
    }
}

/// Writes a string so that its end cannot be mistaken.
fn write_text(out: &mut String, text: &str) {
    // Writing to a `String` does not fail.
    write!(out, "{text:?}").unwrap_or_default();
}

/// Returns a number as its significant digits and a power of ten: `0.10` and `1e-1` are `1e-1`.
fn canonical_number(spelling: &str) -> String {
    let (mantissa, exponent) = spelling.split_once(['e', 'E']).unwrap_or((spelling, "0"));
    let (sign, digits) = mantissa.strip_prefix('-').map_or(("", mantissa), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return "0".to_owned();
    }
    let zeros = all.len() - all.trim_end_matches('0').len();
    let moved = i64::try_from(zeros).ok().zip(i64::try_from(fraction.len()).ok());
    let power =
        exponent.parse::<i64>().ok().zip(moved).and_then(|(exponent, (zeros, places))| {
            exponent.checked_add(zeros)?.checked_sub(places)
        });
    // An exponent beyond 64 bits keeps its spelling.
    power.map_or_else(|| spelling.to_owned(), |power| format!("{sign}{significant}e{power}"))
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    fn canonical(text: &str) -> String {
        parse(text.as_bytes()).unwrap().canonical(false)
    }

    #[test]
    fn values_that_say_the_same_have_one_text() {
        for group in [
            &["1", "1.0", "10e-1", "1E0", "0.1e+1", "1.000"][..],
            &["0", "-0", "0.00", "0e7", "-0.0E-9"],
            &["100", "1e2", "100.0", "0.001e5"],
            &["-12.5", "-125e-1", "-12.50"],
            &[r#"{"a":1,"b":[true,null]}"#, " { \"b\" : [ true ,null],\n\"\\u0061\":1.0 } "],
            &[r#"{"a":1}"#, r#"{"a":1,"b":null}"#],
            &[r#""é\n""#, r#""\u00e9\u000A""#],
        ] {
            let texts: Vec<String> = group.iter().map(|text| canonical(text)).collect();
            assert!(texts.iter().all(|text| *text == texts[0]), "{group:?}: {texts:?}");
        }
    }

    #[test]
    fn values_that_say_something_else_have_other_texts() {
        let different = [
            "1",
            "-1",
            "10",
            "0.1",
            "1.01",
            "101",
            "9007199254740993",
            "9007199254740992",
            "\"1\"",
            "null",
            "true",
            "\"true\"",
            "[]",
            "{}",
            "[1]",
            "[1,1]",
            "[[1],1]",
            "[null]",
            "1e400",
            "1e99999999999999999999",
            "1e99999999999999999998",
            r#"{"a":1}"#,
            r#"{"b":1}"#,
            r#"{"a":"1"}"#,
            r#"{"a":{"a":1}}"#,
            r#"{"a":1,"b":1}"#,
            r#"["a\",\"b"]"#,
            r#"["a","b"]"#,
        ];
        for (position, one) in different.iter().enumerate() {
            for other in &different[position + 1..] {
                assert_ne!(canonical(one), canonical(other), "{one} {other}");
            }
        }
        let patch = |text: &str| parse(text.as_bytes()).unwrap().canonical(true);
        assert_ne!(patch("{\"a\":null}"), patch("{}"));
    }
}

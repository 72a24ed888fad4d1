//! Strict JSON: numbers keep their spelling, duplicate members are rejected. Knows no schema.

mod canonical;

use std::borrow::Cow;
use std::collections::HashSet;

use json_event_parser::{JsonEvent, SliceJsonParser};

/// How deep arrays and objects may be nested.
const DEPTH: usize = 127;

/// A JSON value (RFC 8259).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    /// In its original spelling.
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Members<'a>),
}

/// The members of an object, in their order. Names are unique.
pub(crate) type Members<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// Why bytes are not accepted as JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct JsonError {
    text: String,
    /// The line and the column, from 1.
    place: Option<(u64, u64)>,
}

impl JsonError {
    fn new(text: String) -> Self {
        Self { text, place: None }
    }

    /// Returns the line and the column of the error, from 1, if it has one place.
    pub(crate) fn place(&self) -> Option<(u64, u64)> {
        self.place
    }
}

/// Parses one JSON value.
pub(crate) fn parse(bytes: &[u8]) -> Result<Json<'_>, JsonError> {
    let refuse = |why: &str| Err(JsonError::new(why.to_owned()));
    if bytes.is_empty() {
        return refuse("The body is empty.");
    }
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return refuse("The body starts with a byte order mark.");
    }
    if std::str::from_utf8(bytes).is_err() {
        return refuse("The body is not UTF-8.");
    }
    let mut parser = SliceJsonParser::new(bytes);
    let first = next(&mut parser)?;
    let value = value(&mut parser, first, 0)?;
    if next(&mut parser)? == JsonEvent::Eof {
        Ok(value)
    } else {
        refuse("The body has trailing data after its JSON value.")
    }
}

fn next<'a>(parser: &mut SliceJsonParser<'a>) -> Result<JsonEvent<'a>, JsonError> {
    parser.parse_next().map_err(|error| {
        let at = error.location().start;
        let (line, column) = (at.line + 1, at.column + 1);
        let what = error.message().trim_end_matches('.');
        let text = format!("Malformed JSON at line {line}, column {column}: {what}.");
        JsonError { text, place: Some((line, column)) }
    })
}

fn value<'a>(
    parser: &mut SliceJsonParser<'a>,
    event: JsonEvent<'a>,
    depth: usize,
) -> Result<Json<'a>, JsonError> {
    Ok(match event {
        JsonEvent::Null => Json::Null,
        JsonEvent::Boolean(value) => Json::Bool(value),
        JsonEvent::Number(text) => Json::Number(text),
        JsonEvent::String(text) => Json::Text(text),
        JsonEvent::StartArray | JsonEvent::StartObject if depth >= DEPTH => {
            return Err(JsonError::new(format!("The body is nested deeper than {DEPTH} levels.")));
        }
        JsonEvent::StartArray => Json::Array(array(parser, depth + 1)?),
        JsonEvent::StartObject => Json::Object(object(parser, depth + 1)?),
        JsonEvent::EndArray | JsonEvent::EndObject | JsonEvent::ObjectKey(_) | JsonEvent::Eof => {
            return Err(JsonError::new("The body ends within its JSON value.".to_owned()));
        }
    })
}

fn array<'a>(parser: &mut SliceJsonParser<'a>, depth: usize) -> Result<Vec<Json<'a>>, JsonError> {
    let mut items = Vec::new();
    loop {
        let event = next(parser)?;
        if event == JsonEvent::EndArray {
            return Ok(items);
        }
        items.push(value(parser, event, depth)?);
    }
}

fn object<'a>(parser: &mut SliceJsonParser<'a>, depth: usize) -> Result<Members<'a>, JsonError> {
    let mut members = Members::new();
    while let JsonEvent::ObjectKey(name) = next(parser)? {
        let event = next(parser)?;
        members.push((name, value(parser, event, depth)?));
    }
    let mut seen = HashSet::new();
    match members.iter().find(|(name, _)| !seen.insert(name)) {
        Some((name, _)) => {
            let name: String = name.chars().take(64).collect();
            Err(JsonError::new(format!("The body has the duplicate member {name:?} in an object.")))
        }
        None => Ok(members),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_spelling() {
        for number in ["1e2", "-0", "0.10", "1E+400", "123456789012345678901234567890"] {
            assert_eq!(parse(number.as_bytes()), Ok(Json::Number(number.into())));
        }
    }

    #[test]
    fn json_that_rfc_8259_does_not_allow_is_rejected() {
        for bytes in [
            &b""[..],
            b" ",
            b"{",
            b"[",
            b"[1",
            b"[1,",
            b"[1,]",
            b"{\"a\"",
            b"{\"a\":",
            b"{\"a\":1,}",
            b"{a:1}",
            b"{'a':1}",
            b"{\"a\" 1}",
            b"[1 2]",
            b"{} {}",
            b"{}x",
            b"nul",
            b"True",
            b"NaN",
            b"Infinity",
            b"01",
            b"-",
            b"+1",
            b".5",
            b"1.",
            b"1e",
            b"1e+",
            b"0x1",
            b"\"",
            b"\"\\x\"",
            b"\"\\u12\"",
            b"\"\\ud800\"",
            b"\"\\udc00x\"",
            b"\"a\nb\"",
            b"\"a\tb\"",
            b"\"\x00\"",
            b"// c\n1",
            b"/* c */1",
            b"\xEF\xBB\xBF{}",
            b"\xFF",
            b"\"\xC3\"",
            b"\"\xED\xA0\x80\"",
        ] {
            assert!(parse(bytes).is_err(), "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn duplicate_members_are_rejected_also_nested_and_escaped() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"x":[{"a":1,"b":2,"a":3}]}"#, r#"{"a":1,"\u0061":2}"#]
        {
            let error = parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), "The body has the duplicate member \"a\" in an object.");
        }
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(127).as_bytes()).is_ok());
        for depth in [128, 100_000] {
            assert!(parse(nested(depth).as_bytes()).is_err());
        }
    }
}

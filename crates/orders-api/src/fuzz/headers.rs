//! Cursors, idempotency keys and entity tags.

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::test::TestRequest;
use bolero::check;
use orders_core::decide::Versions;

use super::CASES;
use super::texts::texts;
use crate::http::cursor::ListKey;
use crate::http::{headers, idempotency};

#[test]
fn cursor() {
    check!().with_iterations(CASES).with_max_len(96).for_each(|bytes: &[u8]| {
        let (list, other) = (ListKey::new("/orders"), ListKey::new("/services"));
        let place = String::from_utf8_lossy(bytes);
        let cursor = list.write(&place);
        assert_eq!(list.read(&cursor).as_deref(), Some(&*place));
        assert_eq!(other.read(&cursor), None);
        // An accepted cursor is exactly what the list itself writes.
        for text in texts(bytes, &[&cursor, "", "AAAA"], &["A", "_", "-", "=", "+", "/", "%", "9"])
        {
            let Ok(text) = std::str::from_utf8(&text) else { continue };
            if let Some(place) = list.read(text) {
                assert_eq!(list.write(&place), text);
            }
        }
        let mut changed = cursor.into_bytes();
        let at = usize::from(bytes.first().copied().unwrap_or_default()) % changed.len();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(list.read(std::str::from_utf8(&changed).unwrap()), None);
    });
}

const KEYS: &[&str] =
    &["6f1e1b2a", "\"6f1e1b2a\"", "\"a\\\"b\\\\c\"", " bare ", "\"open", "\"a\"b", "\"\""];
const OF_KEYS: &[&str] =
    &["\"", "\\", "\\\"", "\\\\", "a", "~", " ", "\t", "é", "\u{7f}", "'", ";"];

/// Parses a header: a string of RFC 9651, or bare.
fn key_of(text: &str) -> Option<String> {
    let text = text.trim();
    let content = if text.starts_with('"') {
        let inner = text.strip_prefix('"')?.strip_suffix('"')?;
        let mut content = String::new();
        let mut escaped = false;
        for character in inner.chars() {
            match (escaped, character) {
                (true, '"' | '\\') => content.push(character),
                (true, _) | (false, '"') => return None,
                (false, '\\') => {}
                (false, _) => content.push(character),
            }
            escaped = !escaped && character == '\\';
        }
        if escaped {
            return None;
        }
        content
    } else {
        text.to_owned()
    };
    let visible = content.chars().all(|c| ('!'..='~').contains(&c));
    (visible && (1..=255).contains(&content.len())).then_some(content)
}

#[test]
fn idempotency_key() {
    check!().with_iterations(CASES).with_max_len(280).for_each(|bytes: &[u8]| {
        for text in texts(bytes, KEYS, OF_KEYS) {
            let Ok(value) = HeaderValue::from_bytes(&text) else { continue };
            let name = HeaderName::from_static("idempotency-key");
            let request = TestRequest::default().insert_header((name, value.clone()));
            let read = idempotency::key(&request.to_http_request());
            let read = read.ok().flatten().map(|key| key.as_str().to_owned());
            let expected = value.to_str().ok().and_then(key_of);
            assert_eq!(read, expected, "{value:?}");
            // The quoted form is the same key.
            if let Some(key) = read {
                let quoted = format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
                let request = TestRequest::default().insert_header(("idempotency-key", quoted));
                let again = idempotency::key(&request.to_http_request()).unwrap().unwrap();
                assert_eq!(again.as_str(), key);
            }
        }
    });
}

const TAGS: &[&str] =
    &["\"3\"", "*", "W/\"3\", \"x\", \"03\"", "\"1\",\"2\" , \"18446744073709551615\""];
const OF_TAGS: &[&str] = &[
    "\"",
    "W/",
    "w/",
    ",",
    " ",
    "\t",
    "3",
    "03",
    "*",
    "\"3\"",
    "\"x\"",
    "é",
    "\"18446744073709551616\"",
];

#[test]
fn entity_tags() {
    check!().with_iterations(CASES).with_max_len(64).for_each(|bytes: &[u8]| {
        for text in texts(bytes, TAGS, OF_TAGS) {
            let Ok(value) = HeaderValue::from_bytes(&text) else { continue };
            let with = |name: HeaderName| {
                TestRequest::default().insert_header((name, value.clone())).to_http_request()
            };
            let read = headers::versions(&with(header::IF_MATCH));
            if let Ok(Some(Versions::Among(versions))) = &read {
                for version in versions {
                    // Only the spelling that the service itself writes is a version.
                    let tag = headers::etag(*version);
                    assert!(value.to_str().unwrap().contains(&tag), "{value:?}");
                }
            }
            let known = headers::has_version(&with(header::IF_NONE_MATCH), 3);
            assert_eq!(known.is_ok(), read.is_ok(), "{value:?}");
            let star = value.to_str().is_ok_and(|text| text.trim() == "*");
            let named = value.to_str().is_ok_and(|text| text.contains("\"3\""));
            assert!(!known.unwrap_or(false) || star || named, "{value:?}");
        }
    });
}

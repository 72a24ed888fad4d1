//! Idempotency: tells a repeated request from a new one. Stores no responses.

use std::sync::Arc;

use super::event::Actor;
use crate::text::{ParseError, text_value};
use crate::time::Period;

/// An idempotency key: 1 to 255 visible ASCII characters, chosen by the caller.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(Arc<str>);

text_value!(IdempotencyKey, |text| {
    let visible = str::bytes(text).all(|byte| byte.is_ascii_graphic());
    if visible && (1..=255).contains(&text.len()) {
        return Ok(text);
    }
    Err(ParseError("must be 1 to 255 visible ASCII characters"))
});

/// An idempotency key of one caller. Two callers may use the same key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnKey {
    /// The caller.
    pub caller: Actor,
    /// The key.
    pub key: IdempotencyKey,
}

/// Identifies the content of a request: two requests are the same if and only if their fingerprints
/// are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(Arc<str>);

impl Fingerprint {
    /// Creates a fingerprint from a text that was computed from the whole request.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Makes a command safe to send again: it runs once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotentRequest {
    /// The key that identifies the command.
    pub key: OwnKey,
    /// The content that the key belongs to.
    pub fingerprint: Fingerprint,
}

/// How a command relates to earlier ones with its idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// The key is new.
    No,
    /// The same command was run before. The stored response is sent again.
    Same,
    /// Another command was run under the key.
    Other,
}

impl IdempotentRequest {
    /// How long a response is stored.
    pub const KEPT_FOR: Period = Period::DAY;

    /// Compares the command with what is stored under the key.
    #[must_use]
    pub fn compare(&self, kept: Option<&Fingerprint>) -> Replay {
        match kept {
            None => Replay::No,
            Some(kept) if *kept == self.fingerprint => Replay::Same,
            Some(_) => Replay::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_ascii_of_a_bounded_length() {
        let longest = "k".repeat(255);
        for text in ["a", "!~", "6f1e1b2a-…".trim_end_matches('…'), &longest] {
            assert_eq!(IdempotencyKey::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "a b", "a\tb", "é", "a\u{7f}", &"k".repeat(256)] {
            assert!(IdempotencyKey::parse(text).is_err(), "{text:?}");
        }
    }
}

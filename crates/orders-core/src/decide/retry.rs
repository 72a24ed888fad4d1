//! Safe retries: what tells a request that is sent again from a new one. How answers are kept is
//! not known here.

use std::fmt;
use std::sync::Arc;

use super::event::Actor;
use crate::text::{read_from_text, serialize_as_text};
use crate::time::Period;

/// An idempotency key: 1 to 255 visible ASCII characters, chosen by the caller.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(Arc<str>);

/// The text given is not an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 255 visible ASCII characters")]
pub struct IdempotencyKeyError;

impl IdempotencyKey {
    /// Checks a key.
    ///
    /// # Errors
    /// [`IdempotencyKeyError`] if the text is not one.
    pub fn parse(text: &str) -> Result<Self, IdempotencyKeyError> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible || !(1..=255).contains(&text.len()) {
            return Err(IdempotencyKeyError);
        }
        Ok(Self(text.into()))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

read_from_text!(IdempotencyKey, IdempotencyKeyError, IdempotencyKey::parse);
serialize_as_text!(IdempotencyKey);

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An idempotency key and whose it is: the same key of two callers is two keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnKey {
    /// Who chose it.
    pub caller: Actor,
    /// The key.
    pub key: IdempotencyKey,
}

/// What stands for a request as a whole: two requests are the same if and only if theirs are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(Arc<str>);

impl Fingerprint {
    /// Takes a text that the caller has computed from the whole request.
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

/// What lets a caller send a command again without its being done again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// The key by which it is known again.
    pub key: OwnKey,
    /// What the key stands for.
    pub fingerprint: Fingerprint,
}

/// How a command with an idempotency key stands to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Nothing was done under its key yet.
    No,
    /// It was done before: the answer of then is to be given again.
    Same,
    /// Something else was done under its key.
    Other,
}

impl Retry {
    /// How long an answer is kept to be given again.
    pub const KEPT_FOR: Period = Period::DAY;

    /// Judges by what stands under the key, if anything does.
    #[must_use]
    pub fn judge(&self, kept: Option<&Fingerprint>) -> Repeat {
        match kept {
            None => Repeat::No,
            Some(kept) if *kept == self.fingerprint => Repeat::Same,
            Some(_) => Repeat::Other,
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
            assert_eq!(IdempotencyKey::parse(text), Err(IdempotencyKeyError), "{text:?}");
        }
    }
}

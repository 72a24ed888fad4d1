//! Ids of orders.

use std::fmt;
use std::sync::Arc;

use crate::text::{read_from_text, serialize_as_text};

/// An order's id: 1 to 64 characters of `A-Z a-z 0-9 . _ ~ -`, and not `.`, `..` or `batch`.
///
/// A URL never escapes these characters (RFC 3986, section 2.3). The three words have another
/// meaning in a path. Ids are compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(Arc<str>);

/// An error which can be returned when parsing an order's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 characters of A-Z a-z 0-9 . _ ~ - and not ., .. or batch")]
pub struct OrderIdError;

impl OrderId {
    /// Parses an id.
    ///
    /// # Errors
    /// [`OrderIdError`] if the text is too long or empty, has another character, or is one of the
    /// three words.
    pub fn parse(text: &str) -> Result<Self, OrderIdError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
        if !fits || matches!(text, "." | ".." | "batch") {
            return Err(OrderIdError);
        }
        Ok(Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for OrderId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

read_from_text!(OrderId, OrderIdError, OrderId::parse);
serialize_as_text!(OrderId);

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_only_characters_that_a_path_never_escapes() {
        for text in ["a", "223", "0123", "A-Z.a_z~9", "...", "Batch", &"x".repeat(64)] {
            assert!(OrderId::parse(text).is_ok(), "{text}");
        }
        for text in ["", ".", "..", "batch", "a b", "a/b", "a%2F", "é", "a\0", &"x".repeat(65)] {
            assert_eq!(OrderId::parse(text), Err(OrderIdError), "{text}");
        }
    }
}

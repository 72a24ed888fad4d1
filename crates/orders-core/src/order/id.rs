//! Ids of orders.

use std::sync::Arc;

use crate::text::{ParseError, text_value};

/// An order's id: 1 to 64 characters of `A-Z a-z 0-9 . _ ~ -`, and not `.`, `..` or `batch`.
///
/// A URL never escapes these characters (RFC 3986, section 2.3). The three words have another
/// meaning in a path. Ids are compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(Arc<str>);

text_value!(OrderId, |text| {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
    let fits = (1..=64).contains(&str::len(text)) && text.bytes().all(allowed);
    if fits && !matches!(text, "." | ".." | "batch") {
        return Ok(text);
    }
    Err(ParseError("must be 1 to 64 characters of A-Z a-z 0-9 . _ ~ - and not ., .. or batch"))
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_only_characters_that_a_path_never_escapes() {
        for text in ["a", "223", "0123", "A-Z.a_z~9", "...", "Batch", &"x".repeat(64)] {
            assert!(OrderId::parse(text).is_ok(), "{text}");
        }
        for text in ["", ".", "..", "batch", "a b", "a/b", "a%2F", "é", "a\0", &"x".repeat(65)] {
            assert!(OrderId::parse(text).is_err(), "{text}");
        }
    }
}

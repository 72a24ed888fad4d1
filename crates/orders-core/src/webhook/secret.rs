//! Signing secrets of webhooks. Unlike a key's secret, they are stored, because signing needs them.

use std::fmt;
use std::sync::Arc;

/// A signing secret: 24 to 64 bytes (Standard Webhooks). `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Arc<[u8]>);

impl SigningSecret {
    /// Creates a secret, if there are 24 to 64 bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (24..=64).contains(&bytes.len()).then(|| Self(bytes.into()))
    }

    /// The bytes, to sign, to store, or to show once.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_24_to_64_bytes_and_is_not_shown() {
        for (length, fits) in [(0, false), (23, false), (24, true), (64, true), (65, false)] {
            assert_eq!(SigningSecret::new(vec![0; length]).is_some(), fits, "{length}");
        }
        let shown = format!("{:?}", SigningSecret::new(vec![77; 32]).unwrap());
        assert!(!shown.contains("77"), "{shown}");
    }
}

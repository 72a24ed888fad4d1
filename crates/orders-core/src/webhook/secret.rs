//! What signs the deliveries to a webhook. Unlike a key's, it has to be known to be used.

use std::fmt;
use std::sync::Arc;

/// The bytes of a secret that signs: 24 to 64 of them (Standard Webhooks). Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Arc<[u8]>);

impl SigningSecret {
    /// Takes the bytes of a secret, if there are 24 to 64.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (24..=64).contains(&bytes.len()).then(|| Self(bytes.into()))
    }

    /// The bytes, to sign with, to be stored, or to be shown once.
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

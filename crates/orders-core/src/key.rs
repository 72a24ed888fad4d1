//! API keys: who may do what, and how a key lives. Its secrets are known here by what stands for
//! them, never themselves.

mod change;

use std::fmt;

use crate::decide::Actor;
use crate::text::{read_from_text, serialize_as_text};
use crate::time::Instant;

pub use change::{KeyChange, KeyCommand, KeyRefusal, decide_key};

/// What a key may do. Each role may do all that those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads.
    Reader,
    /// Changes orders.
    Writer,
    /// Changes services and keys.
    Admin,
}

impl Role {
    /// All of them, the weakest first.
    pub const ALL: [Self; 3] = [Self::Reader, Self::Writer, Self::Admin];

    /// Whether this role may do what `needed` may.
    #[must_use]
    pub fn includes(self, needed: Self) -> bool {
        self >= needed
    }

    /// Reads `reader`, `writer` or `admin`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// `reader`, `writer` or `admin`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Admin => "admin",
        }
    }
}

/// The text given is not a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be reader, writer or admin")]
pub struct RoleError;

read_from_text!(Role, RoleError, |text| Role::parse(text).ok_or(RoleError));
serialize_as_text!(Role);

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A key's identity, which it keeps when its secret is replaced: `key_` and 16 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(std::sync::Arc<str>);

/// The text given is not the id of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be key_ and 16 hexadecimal digits")]
pub struct KeyIdError;

impl KeyId {
    /// Makes an id of random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 8]) -> Self {
        Self(format!("key_{:016x}", u64::from_be_bytes(bytes)).into())
    }

    /// Checks an id.
    ///
    /// # Errors
    /// [`KeyIdError`] if the text is not one.
    pub fn parse(text: &str) -> Result<Self, KeyIdError> {
        let digits = text.strip_prefix("key_").ok_or(KeyIdError)?;
        let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() != 16 || !digits.bytes().all(hexadecimal) {
            return Err(KeyIdError);
        }
        Ok(Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its holder, as the history of orders names it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::new(&self.0)
    }
}

read_from_text!(KeyId, KeyIdError, KeyId::parse);
serialize_as_text!(KeyId);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a key is for: 1 to 200 characters after trimming, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

/// Why a text is not a key's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 200 characters, blanks at its ends not counted, and no control characters")]
pub struct KeyNameError;

impl KeyName {
    /// Trims and checks a name.
    ///
    /// # Errors
    /// [`KeyNameError`] if the text is not one.
    pub fn parse(text: &str) -> Result<Self, KeyNameError> {
        let name = text.trim();
        if name.chars().any(char::is_control) || !(1..=200).contains(&name.chars().count()) {
            return Err(KeyNameError);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name, trimmed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

read_from_text!(KeyName, KeyNameError, KeyName::parse);
serialize_as_text!(KeyName);

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What stands for a secret: its SHA-256. The secret has 256 random bits, so that no slow hash is
/// needed to keep it from being guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretHash(pub [u8; 32]);

/// A key. It outlives its revocation, so that its traces can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its identity.
    pub id: KeyId,
    /// What it is for.
    pub name: KeyName,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: Instant,
    /// From when on it is of no use; `None` for never.
    pub expires_at: Option<Instant>,
    /// When it was last used, to the minute or so; `None` if it never was.
    pub last_used_at: Option<Instant>,
    /// When it was revoked; `None` if it was not.
    pub revoked_at: Option<Instant>,
}

impl Key {
    /// Whether it is of use at a time.
    #[must_use]
    pub fn is_active(&self, now: Instant) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// One of a key's secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secret {
    /// What stands for it.
    pub hash: SecretHash,
    /// From when on it is of no use, because another has replaced it; `None` for the newest.
    pub until: Option<Instant>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_may_do_what_those_before_it_may() {
        for (place, role) in Role::ALL.into_iter().enumerate() {
            for (other, needed) in Role::ALL.into_iter().enumerate() {
                assert_eq!(role.includes(needed), other <= place, "{role} for {needed}");
            }
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("Admin"), None);
    }

    #[test]
    fn an_id_is_read_only_as_it_is_made() {
        let id = KeyId::from_random([0, 1, 2, 3, 4, 5, 6, 255]);
        assert_eq!(id.as_str(), "key_00010203040506ff");
        assert_eq!(KeyId::parse(id.as_str()), Ok(id));
        for odd in
            ["", "key_", "key_00010203040506FF", "key_00010203040506f", "00010203040506ff0000"]
        {
            assert_eq!(KeyId::parse(odd), Err(KeyIdError), "{odd}");
        }
    }
}

//! API keys: their roles, and how they change. Knows only the hashes of their secrets.

mod change;

use std::fmt;

use crate::decide::Actor;
use crate::text::{read_from_text, serialize_as_text};
use crate::time::Timestamp;

pub use change::{KeyChange, KeyCommand, KeyRefusal, decide_key};

/// What a key may do. Each role includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// May read.
    Reader,
    /// May also change orders.
    Writer,
    /// May also change services, the policy, keys and webhooks.
    Admin,
}

impl Role {
    /// All roles, the weakest first.
    pub const ALL: [Self; 3] = [Self::Reader, Self::Writer, Self::Admin];

    /// Returns `true` if this role may do everything that `needed` may.
    #[must_use]
    pub fn includes(self, needed: Self) -> bool {
        self >= needed
    }

    /// Parses `reader`, `writer` or `admin`.
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

/// An error which can be returned when parsing a role.
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

/// A key's id, which stays when its secret is rotated: `key_` and 16 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(std::sync::Arc<str>);

/// An error which can be returned when parsing a key's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be key_ and 16 hexadecimal digits")]
pub struct KeyIdError;

impl KeyId {
    /// Creates an id from random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 8]) -> Self {
        Self(format!("key_{:016x}", u64::from_be_bytes(bytes)).into())
    }

    /// Parses an id.
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

    /// The actor that the history of orders names for this key.
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

/// A key's name: 1 to 200 characters after trimming, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

/// An error which can be returned when parsing a key's name.
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

/// The SHA-256 of a secret. A secret has 256 random bits, so it needs no slow hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretHash(pub [u8; 32]);

/// A key. A revoked key stays, so that its changes keep their author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    /// Its name.
    pub name: KeyName,
    /// Its role.
    pub role: Role,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it expires; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to about a minute; `None` for never.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked; `None` for never.
    pub revoked_at: Option<Timestamp>,
}

impl Key {
    /// Returns `true` if it is valid at a time.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// One of a key's secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secret {
    /// Its hash.
    pub hash: SecretHash,
    /// When it expires, because another replaced it; `None` for the newest.
    pub until: Option<Timestamp>,
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

//! API keys: who may do what, and how a key lives. Its secrets are known here by what stands for
//! them, never themselves.

use std::fmt;

use crate::{Actor, Instant, Period};

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

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a key is for: 1 to 200 characters after trimming, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// What stands for a secret: its SHA-256. The secret has 256 random bits, so that no slow hash is
/// needed to keep it from being guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// A change to the keys that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyCommand {
    /// Makes a key.
    Create {
        /// A random id.
        id: KeyId,
        /// What it is for.
        name: KeyName,
        /// What it may do.
        role: Role,
        /// How long it is of use; `None` for ever.
        expires_in: Option<Period>,
        /// What stands for its secret.
        hash: SecretHash,
    },
    /// Ends a key.
    Revoke(KeyId),
    /// Gives a key another secret.
    Rotate {
        /// Which key.
        id: KeyId,
        /// How long the secret of before is still of use; `None` if it ends at once.
        overlap: Option<Period>,
        /// How long the key is of use from now on; `None` if that stays as it is.
        expires_in: Option<Period>,
        /// What stands for the new secret.
        hash: SecretHash,
    },
}

impl KeyCommand {
    /// The key that it is about.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        match self {
            Self::Create { id, .. } | Self::Rotate { id, .. } | Self::Revoke(id) => id,
        }
    }
}

/// What happened to the keys, and what must be stored for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChange {
    /// A new key with its secret.
    Created(Key, SecretHash),
    /// The key is of no use any more.
    Revoked(Key),
    /// The key has a new secret.
    Rotated {
        /// As it is now.
        key: Key,
        /// The new secret.
        hash: SecretHash,
        /// Until when the one of before is of use. Those before that end at once.
        former_until: Instant,
    },
}

impl KeyChange {
    /// The key as it is now.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Created(key, _) | Self::Revoked(key) | Self::Rotated { key, .. } => key,
        }
    }
}

/// Why a change to the keys is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// There is no such key.
    #[error("there is no key {0}")]
    NotFound(KeyId),
    /// It was revoked, for ever.
    #[error("key {0} was revoked")]
    Revoked(KeyId),
    /// It has expired, so its holder is no longer known by it.
    #[error("key {0} has expired")]
    Expired(KeyId),
}

/// Judges one change to the keys; `named` is the key that it is about, if there is one.
///
/// # Errors
/// [`KeyRefusal`], by what forbids the change.
pub fn decide_key(
    named: Option<&Key>,
    command: &KeyCommand,
    now: Instant,
) -> Result<KeyChange, KeyRefusal> {
    let end = |period: Option<Period>| period.map(|period| now.saturating_add(period));
    let alive = |id: &KeyId| match named {
        None => Err(KeyRefusal::NotFound(id.clone())),
        Some(key) if key.revoked_at.is_some() => Err(KeyRefusal::Revoked(id.clone())),
        Some(key) => Ok(key.clone()),
    };
    match command {
        KeyCommand::Create { id, name, role, expires_in, hash } => {
            let key = Key {
                id: id.clone(),
                name: name.clone(),
                role: *role,
                created_at: now,
                expires_at: end(*expires_in),
                last_used_at: None,
                revoked_at: None,
            };
            Ok(KeyChange::Created(key, *hash))
        }
        KeyCommand::Revoke(id) => {
            Ok(KeyChange::Revoked(Key { revoked_at: Some(now), ..alive(id)? }))
        }
        KeyCommand::Rotate { id, overlap, expires_in, hash } => {
            let key = alive(id)?;
            if !key.is_active(now) {
                return Err(KeyRefusal::Expired(id.clone()));
            }
            let expires_at = end(*expires_in).or(key.expires_at);
            let former_until = end(*overlap).unwrap_or(now);
            // A secret outlives neither the overlap nor the end that its key had.
            let former_until = key.expires_at.map_or(former_until, |at| at.min(former_until));
            Ok(KeyChange::Rotated { key: Key { expires_at, ..key }, hash: *hash, former_until })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Instant {
        Instant::from_millis(millis).unwrap()
    }

    fn period(text: &str) -> Period {
        Period::parse(text).unwrap()
    }

    fn some_key(expires_in: Option<Period>) -> Key {
        let command = KeyCommand::Create {
            id: KeyId::from_random([7; 8]),
            name: KeyName::parse("billing").unwrap(),
            role: Role::Writer,
            expires_in,
            hash: SecretHash([1; 32]),
        };
        decide_key(None, &command, at(1_000)).unwrap().key().clone()
    }

    fn rotate(id: &KeyId, overlap: Option<&str>, expires_in: Option<&str>) -> KeyCommand {
        KeyCommand::Rotate {
            id: id.clone(),
            overlap: overlap.map(period),
            expires_in: expires_in.map(period),
            hash: SecretHash([2; 32]),
        }
    }

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

    #[test]
    fn a_key_is_of_use_until_it_expires_or_is_revoked() {
        let key = some_key(Some(period("1s")));
        assert!(key.is_active(at(1_999)) && !key.is_active(at(2_000)));
        let ever = some_key(None);
        assert!(ever.is_active(Instant::MAX));
        let revoke = KeyCommand::Revoke(ever.id.clone());
        let revoked = decide_key(Some(&ever), &revoke, at(5_000)).unwrap().key().clone();
        assert!(!revoked.is_active(at(5_000)));
        let refusal = KeyRefusal::Revoked(ever.id.clone());
        assert_eq!(decide_key(Some(&revoked), &revoke, at(6_000)), Err(refusal));
        assert_eq!(decide_key(None, &revoke, at(6_000)), Err(KeyRefusal::NotFound(ever.id)));
    }

    #[test]
    fn the_secret_of_before_lives_for_the_overlap_and_no_longer_than_its_key() {
        let key = some_key(Some(period("1h")));
        let until = |overlap, expires_in| match decide_key(
            Some(&key),
            &rotate(&key.id, overlap, expires_in),
            at(2_000),
        ) {
            Ok(KeyChange::Rotated { former_until, key, .. }) => {
                (former_until.as_millis(), key.expires_at.unwrap().as_millis())
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(until(None, None), (2_000, 3_601_000));
        assert_eq!(until(Some("1m"), None), (62_000, 3_601_000));
        assert_eq!(until(Some("2h"), Some("1d")), (3_601_000, 86_402_000));
        let late = decide_key(Some(&key), &rotate(&key.id, None, None), at(3_601_000));
        assert_eq!(late, Err(KeyRefusal::Expired(key.id.clone())));
    }
}

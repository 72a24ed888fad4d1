//! How keys change: made, rotated with an overlap, revoked.

use super::{Key, KeyId, KeyName, Role, SecretHash};
use crate::time::{Instant, Period};

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

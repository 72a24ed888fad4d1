//! How keys change: created, rotated with an overlap, revoked.

use super::{Key, KeyId, KeyName, Role, SecretHash};
use crate::time::{Period, Timestamp};

/// A request to change the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyCommand {
    /// Creates a key.
    Create {
        /// A random id.
        id: KeyId,
        /// Its name.
        name: KeyName,
        /// Its role.
        role: Role,
        /// How long it is valid; `None` for ever.
        expires_in: Option<Period>,
        /// The hash of its secret.
        hash: SecretHash,
    },
    /// Revokes a key.
    Revoke(KeyId),
    /// Replaces a key's secret.
    Rotate {
        /// Which key.
        id: KeyId,
        /// How long the previous secret stays valid; `None` if it ends at once.
        overlap: Option<Period>,
        /// How long the key is valid from now on; `None` leaves its end unchanged.
        expires_in: Option<Period>,
        /// The hash of the new secret.
        hash: SecretHash,
    },
}

impl KeyCommand {
    /// The id of the key.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        match self {
            Self::Create { id, .. } | Self::Rotate { id, .. } | Self::Revoke(id) => id,
        }
    }
}

/// A change to the keys to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChange {
    /// A new key with its secret.
    Created(Key, SecretHash),
    /// The key was revoked.
    Revoked(Key),
    /// The key's secret was replaced.
    Rotated {
        /// The key.
        key: Key,
        /// The hash of the new secret.
        hash: SecretHash,
        /// When the previous secret expires. Older ones end at once.
        previous_until: Timestamp,
    },
}

impl KeyChange {
    /// The key after the change.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Created(key, _) | Self::Revoked(key) | Self::Rotated { key, .. } => key,
        }
    }
}

/// Why a change to the keys is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// There is no such key.
    #[error("there is no key {0}")]
    NotFound(KeyId),
    /// It was revoked.
    #[error("key {0} was revoked")]
    Revoked(KeyId),
    /// It has expired.
    #[error("key {0} has expired")]
    Expired(KeyId),
}

/// Decides one change to the keys. `named` is the key with the command's id, if there is one.
///
/// # Errors
/// [`KeyRefusal`] if the change is rejected.
pub fn decide_key(
    named: Option<&Key>,
    command: &KeyCommand,
    now: Timestamp,
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
            let previous_until = end(*overlap).unwrap_or(now);
            // The previous secret is valid neither after the overlap nor after its key's end.
            let previous_until = key.expires_at.map_or(previous_until, |at| at.min(previous_until));
            Ok(KeyChange::Rotated { key: Key { expires_at, ..key }, hash: *hash, previous_until })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
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
        assert!(ever.is_active(Timestamp::MAX));
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
            Ok(KeyChange::Rotated { previous_until, key, .. }) => {
                (previous_until.as_millis(), key.expires_at.unwrap().as_millis())
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

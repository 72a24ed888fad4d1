//! API keys: their roles, and how they change. Knows only the hashes of their secrets.

mod change;

use crate::text::{ParseError, named_values, random_id, text_value};
use crate::time::Timestamp;

pub use change::{KeyChange, KeyCommand, KeyRefusal, decide_key};

/// What a key may do. Each role includes those before it: `role >= needed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// May read.
    Reader,
    /// May also change orders.
    Writer,
    /// May also change services, the policy, keys and webhooks.
    Admin,
}

named_values!(
    Role,
    "must be reader, writer or admin",
    [Reader = "reader", Writer = "writer", Admin = "admin"]
);

/// A key's id, which stays when its secret is rotated: `key_` and 16 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(std::sync::Arc<str>);

random_id!(KeyId, "key_");

/// A key's name: 1 to 200 characters after trimming, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

text_value!(KeyName, |text| {
    let name = str::trim(text);
    if name.chars().any(char::is_control) || !(1..=200).contains(&name.chars().count()) {
        return Err(ParseError(
            "must have 1 to 200 characters, blanks at its ends not counted, and no control characters",
        ));
    }
    Ok(name)
});

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
                assert_eq!(role >= needed, other <= place, "{role} for {needed}");
            }
            assert_eq!(Role::parse(role.as_str()), Ok(role));
        }
        assert!(Role::parse("Admin").is_err());
    }

    #[test]
    fn an_id_is_read_only_as_it_is_made() {
        let id = KeyId::from_random([0, 1, 2, 3, 4, 5, 6, 255]);
        assert_eq!(id.as_str(), "key_00010203040506ff");
        assert_eq!(KeyId::parse(id.as_str()), Ok(id));
        for odd in
            ["", "key_", "key_00010203040506FF", "key_00010203040506f", "00010203040506ff0000"]
        {
            assert!(KeyId::parse(odd).is_err(), "{odd}");
        }
    }
}

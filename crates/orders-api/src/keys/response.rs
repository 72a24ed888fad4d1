//! Responses of `/keys`.

use orders_core::Timestamp;
use orders_core::key::{Key, KeyChange};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::openapi::shape;
use crate::http::shown::Shown;
use crate::keys;

/// A key in a response, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Key)]
pub(crate) struct KeyView<'a> {
    #[schema(schema_with = keys::shape::key_id)]
    id: &'a str,
    #[schema(schema_with = shape::name)]
    name: &'a str,
    #[schema(schema_with = keys::shape::role)]
    role: &'static str,
    #[schema(schema_with = shape::instant)]
    created_at: Shown<Timestamp>,
    #[schema(schema_with = shape::instant_or_null, required)]
    expires_at: Option<Shown<Timestamp>>,
    /// Accurate to about a minute.
    #[schema(schema_with = shape::instant_or_null, required)]
    last_used_at: Option<Shown<Timestamp>>,
    #[schema(schema_with = shape::instant_or_null, required)]
    revoked_at: Option<Shown<Timestamp>>,
}

impl<'a> KeyView<'a> {
    pub(crate) fn new(key: &'a Key) -> Self {
        Self {
            id: key.id.as_str(),
            name: key.name.as_str(),
            role: key.role.as_str(),
            created_at: Shown(key.created_at),
            expires_at: key.expires_at.map(Shown),
            last_used_at: key.last_used_at.map(Shown),
            revoked_at: key.revoked_at.map(Shown),
        }
    }
}

/// A created key with its secret, which is shown only once.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKey)]
pub(crate) struct NewKeyView<'a> {
    #[schema(schema_with = keys::shape::key_id)]
    id: &'a str,
    #[schema(schema_with = shape::name)]
    name: &'a str,
    #[schema(schema_with = keys::shape::role)]
    role: &'static str,
    /// The key that clients send. It is shown only once.
    #[schema(schema_with = keys::shape::key_text)]
    key: &'a str,
    #[schema(schema_with = shape::instant)]
    created_at: Shown<Timestamp>,
    #[schema(schema_with = shape::instant_or_null, required)]
    expires_at: Option<Shown<Timestamp>>,
    #[schema(schema_with = shape::instant_or_null, required)]
    last_used_at: Option<Shown<Timestamp>>,
    #[schema(schema_with = shape::instant_or_null, required)]
    revoked_at: Option<Shown<Timestamp>>,
}

impl<'a> NewKeyView<'a> {
    pub(crate) fn new(key: &'a Key, text: &'a str) -> Self {
        let KeyView { id, name, role, created_at, expires_at, last_used_at, revoked_at } =
            KeyView::new(key);
        Self { id, name, role, key: text, created_at, expires_at, last_used_at, revoked_at }
    }
}

/// A rotated key with its new secret, which is shown only once.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RotatedKey)]
pub(crate) struct RotatedKeyView<'a> {
    #[schema(schema_with = keys::shape::key_id)]
    id: &'a str,
    #[schema(schema_with = shape::name)]
    name: &'a str,
    #[schema(schema_with = keys::shape::role)]
    role: &'static str,
    /// The new key that clients send. It is shown only once.
    #[schema(schema_with = keys::shape::key_text)]
    key: &'a str,
    /// Until when the previous key stays valid.
    #[schema(schema_with = shape::instant)]
    #[serde(rename = "former_key_expires_at")]
    previous_key_expires_at: Shown<Timestamp>,
    #[schema(schema_with = shape::instant)]
    created_at: Shown<Timestamp>,
    #[schema(schema_with = shape::instant_or_null, required)]
    expires_at: Option<Shown<Timestamp>>,
    #[schema(schema_with = shape::instant_or_null, required)]
    last_used_at: Option<Shown<Timestamp>>,
    #[schema(schema_with = shape::instant_or_null, required)]
    revoked_at: Option<Shown<Timestamp>>,
}

impl<'a> RotatedKeyView<'a> {
    /// Returns `None` for a change that is no rotation.
    pub(crate) fn new(change: &'a KeyChange, text: &'a str) -> Option<Self> {
        let KeyChange::Rotated { key, previous_until, .. } = change else { return None };
        let KeyView { id, name, role, created_at, expires_at, last_used_at, revoked_at } =
            KeyView::new(key);
        let previous_key_expires_at = Shown(*previous_until);
        Some(Self {
            id,
            name,
            role,
            key: text,
            previous_key_expires_at,
            created_at,
            expires_at,
            last_used_at,
            revoked_at,
        })
    }
}

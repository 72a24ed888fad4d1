//! Reads of API keys. `change.rs` changes them, `cache.rs` caches them in each process.

mod cache;
mod change;
mod session_change;
pub(crate) mod sessions;

use diesel::prelude::*;
use orders_core::Timestamp;
use orders_core::key::{Key, KeyId, KeyName, Role, Secret, SecretHash};

use crate::StoreError;
use crate::database::connection::AnyConnection;
use crate::database::read_pool::ReadPool;
use crate::database::rows;
use crate::database::schema::{api_key_secrets, api_keys};

pub(crate) use cache::{KeyCache, flush_uses, watch};
pub use cache::{KeyEntry, KeyTable};
pub use change::RequireKeys;
pub use session_change::{EndSession, RotateSessionSecret, SignIn};

/// A row of `api_keys`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = api_keys)]
struct KeyRow {
    id: String,
    name: String,
    role: String,
    created_at_ms: i64,
    expires_at_ms: Option<i64>,
    last_used_ms: Option<i64>,
    revoked_at_ms: Option<i64>,
}

impl KeyRow {
    fn from_key(key: &Key) -> Self {
        Self {
            id: key.id.as_str().to_owned(),
            name: key.name.as_str().to_owned(),
            role: key.role.as_str().to_owned(),
            created_at_ms: key.created_at.as_millis(),
            expires_at_ms: key.expires_at.map(Timestamp::as_millis),
            last_used_ms: key.last_used_at.map(Timestamp::as_millis),
            revoked_at_ms: key.revoked_at.map(Timestamp::as_millis),
        }
    }

    fn into_key(self) -> Result<Key, StoreError> {
        let corrupt = || StoreError::Corrupt(format!("key {:?}", self.id));
        Ok(Key {
            id: KeyId::parse(&self.id).ok().ok_or_else(corrupt)?,
            name: KeyName::parse(&self.name).ok().ok_or_else(corrupt)?,
            role: Role::parse(&self.role).ok().ok_or_else(corrupt)?,
            created_at: rows::timestamp(self.created_at_ms)?,
            expires_at: self.expires_at_ms.map(rows::timestamp).transpose()?,
            last_used_at: self.last_used_ms.map(rows::timestamp).transpose()?,
            revoked_at: self.revoked_at_ms.map(rows::timestamp).transpose()?,
        })
    }
}

/// A row of `api_key_secrets`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = api_key_secrets)]
struct SecretRow {
    hash: Vec<u8>,
    key_id: String,
    until_ms: Option<i64>,
}

impl SecretRow {
    fn into_secret(self) -> Result<(KeyId, Secret), StoreError> {
        let corrupt = || StoreError::Corrupt(format!("a secret of key {:?}", self.key_id));
        let id = KeyId::parse(&self.key_id).ok().ok_or_else(corrupt)?;
        let hash = SecretHash(self.hash.as_slice().try_into().ok().ok_or_else(corrupt)?);
        Ok((id, Secret { hash, until: self.until_ms.map(rows::timestamp).transpose()? }))
    }
}

impl ReadPool {
    /// Finds a key. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_key(&self, id: &KeyId) -> Result<Option<Key>, StoreError> {
        self.read(|connection| find(connection, id))
    }

    /// Lists at most `limit` keys after a position (creation time and id), oldest first. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_keys(
        &self,
        after: Option<&(Timestamp, KeyId)>,
        limit: usize,
    ) -> Result<Vec<Key>, StoreError> {
        self.read(|connection| list(connection, after, limit))
    }
}

pub(crate) fn find(connection: &mut AnyConnection, id: &KeyId) -> Result<Option<Key>, StoreError> {
    let row: Option<KeyRow> = api_keys::table
        .find(id.as_str())
        .select(KeyRow::as_select())
        .first(connection)
        .optional()
        .map_err(|error| StoreError::from_read(&error))?;
    row.map(KeyRow::into_key).transpose()
}

/// Lists at most `limit` keys after `after`, oldest first.
pub(crate) fn list(
    connection: &mut AnyConnection,
    after: Option<&(Timestamp, KeyId)>,
    limit: usize,
) -> Result<Vec<Key>, StoreError> {
    let mut page = api_keys::table
        .order((api_keys::created_at_ms.asc(), api_keys::id.asc()))
        .select(KeyRow::as_select())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .into_boxed();
    if let Some((created_at, id)) = after {
        let at = created_at.as_millis();
        let later = api_keys::created_at_ms.eq(at).and(api_keys::id.gt(id.as_str()));
        page = page.filter(api_keys::created_at_ms.gt(at).or(later));
    }
    let rows: Vec<KeyRow> = page.load(connection).map_err(|error| StoreError::from_read(&error))?;
    rows.into_iter().map(KeyRow::into_key).collect()
}

/// Lists the secrets of all keys, each with the key's id.
fn list_secrets(connection: &mut AnyConnection) -> Result<Vec<(KeyId, Secret)>, StoreError> {
    let rows: Vec<SecretRow> = api_key_secrets::table
        .select(SecretRow::as_select())
        .load(connection)
        .map_err(|error| StoreError::from_read(&error))?;
    rows.into_iter().map(SecretRow::into_secret).collect()
}

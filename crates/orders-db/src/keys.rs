//! API keys: found, listed and changed. `cache.rs` has what each process keeps of them in memory.

mod cache;
pub(crate) mod sessions;

use std::convert::Infallible;

use diesel::prelude::*;
use orders_core::{
    Instant, Key, KeyChange, KeyCommand, KeyId, KeyName, KeyRefusal, Role, Secret, SecretHash,
    decide_key,
};

use crate::connection::AnyConnection;
use crate::database::error::Trouble;
use crate::rows;
use crate::schema::{api_key_secrets, api_key_state, api_keys};
use crate::write::change::Change;
use crate::{StoreError, clock};

pub(crate) use cache::{KeyCache, flush_uses, watch};
pub use cache::{KeyEntry, KeyTable};

/// A row of `api_keys`.
#[derive(Debug, Clone, Queryable, Selectable)]
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
    fn into_key(self) -> Result<Key, StoreError> {
        let corrupt = || StoreError::Corrupt(format!("key {:?}", self.id));
        Ok(Key {
            id: KeyId::parse(&self.id).ok().ok_or_else(corrupt)?,
            name: KeyName::parse(&self.name).ok().ok_or_else(corrupt)?,
            role: Role::parse(&self.role).ok_or_else(corrupt)?,
            created_at: rows::instant(self.created_at_ms)?,
            expires_at: self.expires_at_ms.map(rows::instant).transpose()?,
            last_used_at: self.last_used_ms.map(rows::instant).transpose()?,
            revoked_at: self.revoked_at_ms.map(rows::instant).transpose()?,
        })
    }
}

pub(crate) fn find(connection: &mut AnyConnection, id: &KeyId) -> Result<Option<Key>, StoreError> {
    let row: Option<KeyRow> = api_keys::table
        .find(id.as_str())
        .select(KeyRow::as_select())
        .first(connection)
        .optional()
        .map_err(|error| StoreError::of_read(&error))?;
    row.map(KeyRow::into_key).transpose()
}

/// Lists at most `limit` keys after `after`, oldest first.
pub(crate) fn list(
    connection: &mut AnyConnection,
    after: Option<&(Instant, KeyId)>,
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
    let rows: Vec<KeyRow> = page.load(connection).map_err(|error| StoreError::of_read(&error))?;
    rows.into_iter().map(KeyRow::into_key).collect()
}

impl Change for KeyCommand {
    /// The key that the command names, and the time.
    type Snapshot = (Option<Key>, Instant);
    type Accepted = KeyChange;
    type Refusal = KeyRefusal;

    fn load(&self, connection: &mut AnyConnection) -> Result<Self::Snapshot, Trouble> {
        Ok((find(connection, self.id())?, clock::now(connection)?))
    }

    fn decide(&self, (named, now): &Self::Snapshot) -> Result<KeyChange, KeyRefusal> {
        decide_key(named.as_ref(), self, *now)
    }

    fn store(
        connection: &mut AnyConnection,
        _: &Self::Snapshot,
        change: &KeyChange,
    ) -> Result<(), Trouble> {
        store(connection, change).map_err(|error| Trouble::of(&error))
    }

    fn is_done(
        connection: &mut AnyConnection,
        change: &KeyChange,
    ) -> Result<Option<bool>, Trouble> {
        Ok(Some(match change {
            KeyChange::Created(_, hash) | KeyChange::Rotated { hash, .. } => {
                let secret = api_key_secrets::table.find(hash.0.as_slice());
                let found: Option<String> = secret
                    .select(api_key_secrets::key_id)
                    .first(connection)
                    .optional()
                    .map_err(|error| Trouble::of(&error))?;
                found.is_some()
            }
            KeyChange::Revoked(key) => {
                find(connection, &key.id)?.is_some_and(|found| found.revoked_at == key.revoked_at)
            }
        }))
    }
}

/// Makes authentication required from now on, as the first key does.
#[derive(Debug, Clone, Copy)]
pub struct RequireKeys;

impl Change for RequireKeys {
    type Snapshot = ();
    type Accepted = ();
    type Refusal = Infallible;

    fn load(&self, _: &mut AnyConnection) -> Result<(), Trouble> {
        Ok(())
    }

    fn decide(&self, (): &()) -> Result<(), Infallible> {
        Ok(())
    }

    fn store(connection: &mut AnyConnection, (): &(), (): &()) -> Result<(), Trouble> {
        diesel::update(api_key_state::table.filter(api_key_state::required.eq(0)))
            .set((
                api_key_state::required.eq(1),
                api_key_state::version.eq(api_key_state::version + 1),
            ))
            .execute(connection)
            .map(drop)
            .map_err(|error| Trouble::of(&error))
    }

    fn is_done(connection: &mut AnyConnection, (): &()) -> Result<Option<bool>, Trouble> {
        let required: Result<i32, _> =
            api_key_state::table.select(api_key_state::required).first(connection);
        required.map(|required| Some(required != 0)).map_err(|error| Trouble::of(&error))
    }
}

fn store(connection: &mut AnyConnection, change: &KeyChange) -> QueryResult<()> {
    let key = change.key();
    let own_secrets = || api_key_secrets::table.filter(api_key_secrets::key_id.eq(key.id.as_str()));
    match change {
        KeyChange::Created(key, hash) => {
            diesel::insert_into(api_keys::table)
                .values((
                    api_keys::id.eq(key.id.as_str()),
                    api_keys::name.eq(key.name.as_str()),
                    api_keys::role.eq(key.role.as_str()),
                    api_keys::created_at_ms.eq(key.created_at.as_millis()),
                    api_keys::expires_at_ms.eq(key.expires_at.map(Instant::as_millis)),
                ))
                .execute(connection)?;
            add_secret(connection, key, *hash)?;
        }
        KeyChange::Revoked(key) => {
            let revoked_at = key.revoked_at.map(Instant::as_millis);
            diesel::update(api_keys::table.find(key.id.as_str()))
                .set(api_keys::revoked_at_ms.eq(revoked_at))
                .execute(connection)?;
            diesel::delete(own_secrets()).execute(connection)?;
        }
        KeyChange::Rotated { key, hash, former_until } => {
            diesel::delete(own_secrets().filter(api_key_secrets::until_ms.is_not_null()))
                .execute(connection)?;
            diesel::update(own_secrets())
                .set(api_key_secrets::until_ms.eq(former_until.as_millis()))
                .execute(connection)?;
            diesel::update(api_keys::table.find(key.id.as_str()))
                .set(api_keys::expires_at_ms.eq(key.expires_at.map(Instant::as_millis)))
                .execute(connection)?;
            add_secret(connection, key, *hash)?;
        }
    }
    diesel::update(api_key_state::table)
        .set((api_key_state::version.eq(api_key_state::version + 1), api_key_state::required.eq(1)))
        .execute(connection)
        .map(drop)
}

fn add_secret(connection: &mut AnyConnection, key: &Key, hash: SecretHash) -> QueryResult<()> {
    diesel::insert_into(api_key_secrets::table)
        .values((
            api_key_secrets::hash.eq(hash.0.as_slice()),
            api_key_secrets::key_id.eq(key.id.as_str()),
        ))
        .execute(connection)
        .map(drop)
}

/// Lists the secrets of all keys, each with the key's id.
fn list_secrets(connection: &mut AnyConnection) -> Result<Vec<(KeyId, Secret)>, StoreError> {
    let rows: Vec<(Vec<u8>, String, Option<i64>)> = api_key_secrets::table
        .select((api_key_secrets::hash, api_key_secrets::key_id, api_key_secrets::until_ms))
        .load(connection)
        .map_err(|error| StoreError::of_read(&error))?;
    let secret = |(hash, key_id, until_ms): (Vec<u8>, String, Option<i64>)| {
        let corrupt = || StoreError::Corrupt(format!("a secret of key {key_id:?}"));
        let hash = SecretHash(hash.try_into().ok().ok_or_else(corrupt)?);
        let until = until_ms.map(rows::instant).transpose()?;
        Ok((KeyId::parse(&key_id).ok().ok_or_else(corrupt)?, Secret { hash, until }))
    };
    rows.into_iter().map(secret).collect()
}

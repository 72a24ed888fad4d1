//! Changes to API keys.

use std::convert::Infallible;

use diesel::prelude::*;
use orders_core::Timestamp;
use orders_core::key::{Key, KeyChange, KeyCommand, KeyRefusal, SecretHash, decide_key};

use super::{KeyRow, SecretRow, find};
use crate::database::clock;
use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::database::schema::{api_key_secrets, api_key_state, api_keys};
use crate::write::audit::{AuditAction, AuditRecord};
use crate::write::change::Change;

impl Change for KeyCommand {
    /// The key that the command names, and the time.
    type Snapshot = (Option<Key>, Timestamp);
    type Accepted = KeyChange;
    type Refusal = KeyRefusal;

    fn load(&self, connection: &mut AnyConnection) -> Result<Self::Snapshot, DbError> {
        Ok((find(connection, self.id())?, clock::now(connection)?))
    }

    fn decide(&self, (named, now): &Self::Snapshot) -> Result<KeyChange, KeyRefusal> {
        decide_key(named.as_ref(), self, *now)
    }

    fn store(
        connection: &mut AnyConnection,
        _: &Self::Snapshot,
        change: &KeyChange,
    ) -> Result<(), DbError> {
        store(connection, change).map_err(|error| DbError::from_diesel(&error))
    }

    fn audit(change: &KeyChange) -> Option<AuditRecord> {
        let action = match change {
            KeyChange::Created(..) => AuditAction::KeyCreated,
            KeyChange::Rotated { .. } => AuditAction::KeyRotated,
            KeyChange::Revoked(_) => AuditAction::KeyRevoked,
        };
        Some(AuditRecord::new(action, &change.key().id))
    }

    fn is_done(
        connection: &mut AnyConnection,
        change: &KeyChange,
    ) -> Result<Option<bool>, DbError> {
        Ok(Some(match change {
            KeyChange::Created(_, hash) | KeyChange::Rotated { hash, .. } => {
                let secret = api_key_secrets::table.find(hash.0.as_slice());
                let found: Option<String> = secret
                    .select(api_key_secrets::key_id)
                    .first(connection)
                    .optional()
                    .map_err(|error| DbError::from_diesel(&error))?;
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

    fn load(&self, _: &mut AnyConnection) -> Result<(), DbError> {
        Ok(())
    }

    fn decide(&self, (): &()) -> Result<(), Infallible> {
        Ok(())
    }

    fn store(connection: &mut AnyConnection, (): &(), (): &()) -> Result<(), DbError> {
        diesel::update(api_key_state::table.filter(api_key_state::required.eq(0)))
            .set((
                api_key_state::required.eq(1),
                api_key_state::version.eq(api_key_state::version + 1),
            ))
            .execute(connection)
            .map(drop)
            .map_err(|error| DbError::from_diesel(&error))
    }

    fn audit((): &()) -> Option<AuditRecord> {
        Some(AuditRecord::without_target(AuditAction::KeysRequired))
    }

    fn is_done(connection: &mut AnyConnection, (): &()) -> Result<Option<bool>, DbError> {
        let required: Result<i32, _> =
            api_key_state::table.select(api_key_state::required).first(connection);
        required.map(|required| Some(required != 0)).map_err(|error| DbError::from_diesel(&error))
    }
}

fn store(connection: &mut AnyConnection, change: &KeyChange) -> QueryResult<()> {
    let key = change.key();
    let own_secrets = || api_key_secrets::table.filter(api_key_secrets::key_id.eq(key.id.as_str()));
    match change {
        KeyChange::Created(key, hash) => {
            diesel::insert_into(api_keys::table)
                .values(KeyRow::from_key(key))
                .execute(connection)?;
            add_secret(connection, key, *hash)?;
        }
        KeyChange::Revoked(key) => {
            let revoked_at = key.revoked_at.map(Timestamp::as_millis);
            diesel::update(api_keys::table.find(key.id.as_str()))
                .set(api_keys::revoked_at_ms.eq(revoked_at))
                .execute(connection)?;
            diesel::delete(own_secrets()).execute(connection)?;
        }
        KeyChange::Rotated { key, hash, previous_until } => {
            diesel::delete(own_secrets().filter(api_key_secrets::until_ms.is_not_null()))
                .execute(connection)?;
            diesel::update(own_secrets())
                .set(api_key_secrets::until_ms.eq(previous_until.as_millis()))
                .execute(connection)?;
            diesel::update(api_keys::table.find(key.id.as_str()))
                .set(api_keys::expires_at_ms.eq(key.expires_at.map(Timestamp::as_millis)))
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
    let key_id = key.id.as_str().to_owned();
    let secret = SecretRow { hash: hash.0.to_vec(), key_id, until_ms: None };
    diesel::insert_into(api_key_secrets::table).values(secret).execute(connection).map(drop)
}

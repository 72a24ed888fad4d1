//! Answers kept under idempotency keys, in the transaction that did what they tell of, to be given
//! again to whoever asks again.

use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use orders_core::{Changes, Fingerprint, Instant, Needs, OwnKey, Repeat, Retry};

use crate::apply::{self, Writes};
use crate::clock::{POSTGRES_NOW, sqlite_now};
use crate::connection::{AnyConnection, Manager};
use crate::database::error::Trouble;
use crate::schema::idempotency_keys;
use crate::{StoreError, snapshot};

/// An answer as it was given: all of it that a caller relies on.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = idempotency_keys)]
pub struct KeptAnswer {
    /// The HTTP status, 200 to 299.
    pub status: i16,
    /// The header `Location`.
    pub location: Option<String>,
    /// The header `ETag`.
    pub etag: Option<String>,
    /// The body; empty where there was none, or where it showed a secret.
    pub body: Vec<u8>,
}

impl KeptAnswer {
    /// Whether the answer showed a secret, which was not kept: only then is there no body, where 204
    /// does not say that there never was one.
    #[must_use]
    pub fn hides_a_secret(&self) -> bool {
        self.status != 204 && self.body.is_empty()
    }
}

/// Renders what was done, before it is committed; `None` where there is nothing to keep.
pub type Render<T> = Arc<dyn Fn(&T) -> Option<KeptAnswer> + Send + Sync>;

/// What is answered to somebody who may ask again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered<T> {
    /// It was judged now.
    Now(T),
    /// It was done before, and answered like this.
    Again(KeptAnswer),
    /// Something else was done under its key.
    KeyReused,
}

/// An answer that is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewAnswer {
    pub(crate) key: OwnKey,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) answer: KeptAnswer,
    pub(crate) expires: Instant,
}

impl NewAnswer {
    pub(crate) fn new(retry: &Retry, answer: KeptAnswer, now: Instant) -> Self {
        Self {
            key: retry.key.clone(),
            fingerprint: retry.fingerprint.clone(),
            answer,
            expires: now.saturating_add(Retry::KEPT_FOR),
        }
    }
}

/// Does one thing, unless it was done before under its idempotency key, and keeps what is to be
/// answered: in a transaction that holds the lock.
pub(crate) fn once<C, R>(
    connection: &mut AnyConnection,
    retry: &Retry,
    render: &Render<Result<C, R>>,
    judge: impl FnOnce(&mut AnyConnection) -> Result<Result<C, R>, Trouble>,
) -> Result<Answered<Result<C, R>>, Trouble> {
    let needs = Needs { keys: [retry.key.clone()].into(), ..Needs::default() };
    let loaded = snapshot::load(connection, &needs, None)?;
    match retry.judge(loaded.snapshot.key(&retry.key).flatten()) {
        Repeat::No => {}
        Repeat::Same => return find(connection, &retry.key).map(Answered::Again),
        Repeat::Other => return Ok(Answered::KeyReused),
    }
    let verdict = judge(connection)?;
    let kept = verdict.is_ok().then(|| render(&verdict)).flatten();
    let kept = kept.map(|answer| NewAnswer::new(retry, answer, loaded.now));
    let nothing_else = Changes::default();
    let writes = Writes::of(&loaded.policy, &nothing_else, kept.as_slice());
    apply::apply(connection, &writes)?;
    Ok(Answered::Now(verdict))
}

/// The answer under a key that is known to be kept.
pub(crate) fn find(connection: &mut AnyConnection, key: &OwnKey) -> Result<KeptAnswer, Trouble> {
    idempotency_keys::table
        .find((key.caller.as_str(), key.key.as_str()))
        .select(KeptAnswer::as_select())
        .get_result(connection)
        .map_err(|error| Trouble::of(&error))
}

/// Whether just this answer is kept: not one that somebody has asked for since.
pub(crate) fn is_kept(connection: &mut AnyConnection, new: &NewAnswer) -> QueryResult<bool> {
    let found: Option<(String, i64)> = idempotency_keys::table
        .find((new.key.caller.as_str(), new.key.key.as_str()))
        .select((idempotency_keys::fingerprint, idempotency_keys::expires_ms))
        .get_result(connection)
        .optional()?;
    Ok(found.is_some_and(|(fingerprint, expires_ms)| {
        fingerprint == new.fingerprint.as_str() && expires_ms == new.expires.as_millis()
    }))
}

/// How many answers are thrown away at once: so few that no write waits long for it.
const PURGED_AT_ONCE: i64 = 100;
/// How long the writers are left alone between two such purges.
const PURGE_PAUSE: Duration = Duration::from_millis(50);

/// Throws away the answers whose time is over, until there are none or `goes_on` says no.
pub(crate) fn purge(
    manager: &Manager,
    goes_on: impl Fn(Duration) -> bool,
) -> Result<(), StoreError> {
    let mut connection = manager.open()?;
    loop {
        let purged = purge_some(&mut connection)?;
        if purged > 0 {
            log::debug!("threw away {purged} answers that were kept for a day");
        }
        if i64::try_from(purged).unwrap_or(i64::MAX) < PURGED_AT_ONCE || !goes_on(PURGE_PAUSE) {
            return Ok(());
        }
    }
}

fn purge_some(connection: &mut AnyConnection) -> Result<usize, Trouble> {
    match connection {
        // SKIP LOCKED leaves alone what a write has in hand.
        AnyConnection::Postgres(connection) => diesel::sql_query(format!(
            "DELETE FROM idempotency_keys k USING (\
                SELECT caller, key FROM idempotency_keys WHERE expires_ms <= {POSTGRES_NOW} \
                ORDER BY expires_ms LIMIT {PURGED_AT_ONCE} FOR UPDATE SKIP LOCKED\
             ) old WHERE k.caller = old.caller AND k.key = old.key"
        ))
        .execute(connection),
        AnyConnection::Sqlite(connection) => diesel::sql_query(format!(
            "DELETE FROM idempotency_keys WHERE rowid IN (\
                SELECT rowid FROM idempotency_keys WHERE expires_ms <= ? \
                ORDER BY expires_ms LIMIT {PURGED_AT_ONCE})"
        ))
        .bind::<BigInt, _>(sqlite_now()?.as_millis())
        .execute(connection),
    }
    .map_err(|error| Trouble::of(&error))
}

//! The idempotency store: responses that are stored in the transaction of the request that they
//! answer, and returned when the request is retried.

use std::sync::Arc;

use diesel::prelude::*;
use orders_core::Needs;
use orders_core::decide::{Changes, IdempotentRequest, OwnKey, Replay};

use crate::database::connection::AnyConnection;
use crate::database::error::Trouble;
use crate::database::rows::StoredResponse;
use crate::database::schema::idempotency_keys;
use crate::database::tables::NewResponse;
use crate::write::load;
use crate::write::store_rows::{Writes, apply};

/// Renders the response to store, before the commit; `None` to store nothing.
pub type RenderResponse<T> = Arc<dyn Fn(&T) -> Option<StoredResponse> + Send + Sync>;

/// The answer to a request that may be a retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered<T> {
    /// The request was decided now.
    Now(T),
    /// The request was decided before, with this response.
    Again(StoredResponse),
    /// The idempotency key belongs to a different request.
    KeyReused,
}

/// Decides a request, unless it was decided before under its idempotency key, and stores the
/// response. Runs in a transaction that holds the lock.
pub(crate) fn once<C, R>(
    connection: &mut AnyConnection,
    retry: &IdempotentRequest,
    render: &RenderResponse<Result<C, R>>,
    judge: impl FnOnce(&mut AnyConnection) -> Result<Result<C, R>, Trouble>,
) -> Result<Answered<Result<C, R>>, Trouble> {
    let needs = Needs { keys: [retry.key.clone()].into(), ..Needs::default() };
    let loaded = load::load(connection, &needs, None)?;
    match retry.judge(loaded.snapshot.key(&retry.key).flatten()) {
        Replay::No => {}
        Replay::Same => return find(connection, &retry.key).map(Answered::Again),
        Replay::Other => return Ok(Answered::KeyReused),
    }
    let verdict = judge(connection)?;
    let kept = verdict.is_ok().then(|| render(&verdict)).flatten();
    let kept = kept.map(|answer| NewResponse::new(retry, answer, loaded.now));
    let nothing_else = Changes::default();
    let writes = Writes::of(&loaded.policy, &nothing_else, kept.as_slice());
    apply(connection, &writes)?;
    Ok(Answered::Now(verdict))
}

/// Finds the response under a key that is known to have one.
pub(crate) fn find(
    connection: &mut AnyConnection,
    key: &OwnKey,
) -> Result<StoredResponse, Trouble> {
    idempotency_keys::table
        .find((key.caller.as_str(), key.key.as_str()))
        .select(StoredResponse::as_select())
        .get_result(connection)
        .map_err(|error| Trouble::of(&error))
}

/// Whether exactly this response is stored, and not a later one under the same key.
pub(crate) fn is_kept(connection: &mut AnyConnection, new: &NewResponse) -> QueryResult<bool> {
    let found: Option<(String, i64)> = idempotency_keys::table
        .find((new.key.caller.as_str(), new.key.key.as_str()))
        .select((idempotency_keys::fingerprint, idempotency_keys::expires_ms))
        .get_result(connection)
        .optional()?;
    Ok(found.is_some_and(|(fingerprint, expires_ms)| {
        fingerprint == new.fingerprint.as_str() && expires_ms == new.expires.as_millis()
    }))
}

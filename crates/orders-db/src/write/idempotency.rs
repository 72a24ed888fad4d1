//! The idempotency store: a response is stored in the transaction of its request, and returned when
//! the request is retried.

use std::sync::Arc;

use diesel::prelude::*;
use orders_core::Needs;
use orders_core::decide::{Changes, IdempotentRequest, OwnKey, Replay};

use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::database::rows::StoredResponse;
use crate::database::schema::idempotency_keys;
use crate::database::tables::NewResponse;
use crate::write::load;
use crate::write::store_rows::{Writes, apply};

/// Renders the response to store, before the commit; `None` to store nothing.
pub type RenderResponse<T> = Arc<dyn Fn(&T) -> Option<StoredResponse> + Send + Sync>;

/// The answer to a request that may be a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered<T> {
    /// The request was decided now.
    Now(T),
    /// The request was decided before. This is the stored response.
    Again(StoredResponse),
    /// The idempotency key belongs to a different request.
    KeyReused,
}

/// Decides a request, unless it was decided before under its idempotency key, and stores the
/// response. Runs in a transaction that holds the lock.
pub(crate) fn once<C, R>(
    connection: &mut AnyConnection,
    request: &IdempotentRequest,
    render: &RenderResponse<Result<C, R>>,
    decide: impl FnOnce(&mut AnyConnection) -> Result<Result<C, R>, DbError>,
) -> Result<Answered<Result<C, R>>, DbError> {
    let needs = Needs { keys: [request.key.clone()].into(), ..Needs::default() };
    let loaded = load::load(connection, &needs, None)?;
    match request.compare(loaded.snapshot.key(&request.key).flatten()) {
        Replay::No => {}
        Replay::Same => return find(connection, &request.key).map(Answered::Again),
        Replay::Other => return Ok(Answered::KeyReused),
    }
    let result = decide(connection)?;
    let response = result.is_ok().then(|| render(&result)).flatten();
    let response = response.map(|response| NewResponse::new(request, response, loaded.now));
    let nothing_else = Changes::default();
    let writes = Writes::new(&loaded.policy, &nothing_else, response.as_slice());
    apply(connection, &writes)?;
    Ok(Answered::Now(result))
}

/// Finds the response under a key that is known to have one.
pub(crate) fn find(
    connection: &mut AnyConnection,
    key: &OwnKey,
) -> Result<StoredResponse, DbError> {
    idempotency_keys::table
        .find((key.caller.as_str(), key.key.as_str()))
        .select(StoredResponse::as_select())
        .get_result(connection)
        .map_err(|error| DbError::from_diesel(&error))
}

/// Returns `true` if exactly this response is stored, not a later one under the same key.
pub(crate) fn is_stored(connection: &mut AnyConnection, new: &NewResponse) -> QueryResult<bool> {
    let found: Option<(String, i64)> = idempotency_keys::table
        .find((new.key.caller.as_str(), new.key.key.as_str()))
        .select((idempotency_keys::fingerprint, idempotency_keys::expires_ms))
        .get_result(connection)
        .optional()?;
    Ok(found.is_some_and(|(fingerprint, expires_ms)| {
        fingerprint == new.fingerprint.as_str() && expires_ms == new.expires.as_millis()
    }))
}

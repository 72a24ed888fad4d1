//! Handlers of API keys: parse, call, render. And the commands that do the same without HTTP.

pub(crate) mod commands;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use orders_core::{KeyChange, KeyCommand, KeyId};
use orders_db::StoredResponse;

use crate::app::App;
use crate::auth::{self, MadeKey};
use crate::body::Body;
use crate::cursor::ListKey;
use crate::problem::{Code, Problem};
use crate::wire::{self, KeyBody, KeyView, NewKeyView, RotateBody, RotatedKeyView};
use crate::{headers, lists, query, retries};

/// `GET /keys`
pub(crate) async fn list(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let query = query::page(&request)?;
    let key = ListKey::new("keys");
    let after = lists::after(&key, query.cursor.as_deref(), |place| {
        lists::read_place(&place, KeyId::parse)
    })?;
    headers::accepts_json(&request)?;
    // One more than asked for tells whether there is another page.
    let limit = query.limit;
    let mut keys = app.ask(move |store| store.list_keys(after.as_ref(), limit + 1)).await?;
    let place = |last: &orders_core::Key| lists::write_place(last.created_at, &last.id);
    let next = lists::cut(&mut keys, limit).map(|last| key.write(&place(last)));
    Ok(lists::answer(&request, keys.iter().map(KeyView::of).collect(), next))
}

/// `POST /keys`
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    query::none(&request)?;
    let key = retries::key(&request)?;
    let body = Body::small(&request, payload, headers::sends_json).await?;
    let KeyBody { name, role, expires_in } = body.read(Code::InvalidKey, wire::read_key)?;
    let retry = retries::retry(&request, key, body.bytes());
    let MadeKey { id, hash, text } = make(None)?;
    let command = KeyCommand::Create { id, name, role, expires_in, hash };
    let render = |change: &KeyChange| {
        let shown = retries::answer(StatusCode::CREATED, &NewKeyView::of(change.key(), &text))?;
        Ok(StoredResponse { location: Some(path_of(change.key().id.as_str())), ..shown })
    };
    Ok(app.change_key(command, retry, render).await?.into_secret_response())
}

/// `GET /keys/{id}`
pub(crate) async fn find(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    headers::accepts_json(&request)?;
    let asked = id.clone();
    match app.ask(move |store| store.find_key(&asked)).await? {
        Some(key) => Ok(HttpResponse::Ok().json(KeyView::of(&key))),
        None => Err(Problem::new(Code::NotFound, format!("There is no key {id}."))),
    }
}

/// `DELETE /keys/{id}`
pub(crate) async fn delete(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    let retry = retries::retry(&request, retries::key(&request)?, &[]);
    let sent = app.change_key(KeyCommand::Revoke(id), retry, to_keep).await?;
    Ok(sent.into_response())
}

/// `POST /keys/{id}/rotate`
pub(crate) async fn rotate(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    let key = retries::key(&request)?;
    let body = Body::small(&request, payload, headers::sends_json).await?;
    let RotateBody { overlap, expires_in } =
        body.read_if_any(Code::InvalidKey, wire::read_rotation)?;
    let retry = retries::retry(&request, key, body.bytes());
    let MadeKey { id, hash, text } = make(Some(id))?;
    let command = KeyCommand::Rotate { id, overlap, expires_in, hash };
    let render = |change: &KeyChange| {
        let shown = RotatedKeyView::of(change, &text);
        let shown = shown.ok_or_else(|| Problem::unexpected("a rotation made no new secret"))?;
        retries::answer(StatusCode::OK, &shown)
    };
    Ok(app.change_key(command, retry, render).await?.into_secret_response())
}

pub(crate) fn make(id: Option<KeyId>) -> Result<MadeKey, Problem> {
    auth::make_key(id).map_err(|error| Problem::unexpected(error.to_string()))
}

/// What is kept of an answer: all but a body, which would show a secret.
#[expect(clippy::unnecessary_wraps, reason = "what renders for other changes may fail")]
pub(crate) fn to_keep(change: &KeyChange) -> Result<StoredResponse, Problem> {
    Ok(match change {
        KeyChange::Created(key, _) => StoredResponse {
            location: Some(path_of(key.id.as_str())),
            ..retries::empty(StatusCode::CREATED)
        },
        KeyChange::Rotated { .. } => retries::empty(StatusCode::OK),
        KeyChange::Revoked(_) => retries::empty(StatusCode::NO_CONTENT),
    })
}

fn path_of(id: &str) -> String {
    format!("/keys/{id}")
}

/// The id in the path. One that no key can have is not found.
pub(crate) fn path_id(request: &HttpRequest) -> Result<KeyId, Problem> {
    let text = request.match_info().get("id").unwrap_or_default();
    KeyId::parse(text).map_err(|_impossible| Problem::new(Code::NotFound, "There is no such key."))
}

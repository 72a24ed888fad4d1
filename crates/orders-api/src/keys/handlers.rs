//! Handlers of `/keys`: parse, call, render.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use orders_core::key::{KeyChange, KeyCommand, KeyId};
use orders_db::StoredResponse;

use crate::http::change_request::{ChangeRequest, Rules};
use crate::http::cursor::ListKey;
use crate::http::page::ListRequest;
use crate::http::problem::{Code, Problem};
use crate::http::{headers, idempotency, page, query, request_context};
use crate::keys::request::{KeyBody, RotateBody};
use crate::keys::response::{KeyView, NewKeyView, RotatedKeyView};
use crate::security;
use crate::security::MadeKey;
use crate::store_client::StoreClient;

const KEY: Rules = Rules::json(Code::InvalidKey);

/// `GET /keys`
pub(crate) async fn list(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let page = query::page(&request)?;
    let place = |place: &str| page::read_place(place, KeyId::parse);
    let mut list = ListRequest::read(&request, ListKey::new("/keys"), &page, place)?;
    let (after, rows) = (list.after.take(), list.rows());
    let mut keys = store.run_blocking(move |store| store.list_keys(after.as_ref(), rows)).await?;
    let next = list.cut(&mut keys, |last| page::write_place(last.created_at, &last.id));
    Ok(page::answer(&request, keys.iter().map(KeyView::new).collect(), next))
}

/// `POST /keys`
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let ChangeRequest { body: KeyBody { name, role, expires_in }, retry, .. } =
        ChangeRequest::read(&request, payload, KEY, crate::keys::request::read_key).await?;
    let MadeKey { id, hash, text } = make(None)?;
    let command = KeyCommand::Create { id, name, role, expires_in, hash };
    let render = |change: &KeyChange| {
        let shown =
            idempotency::answer(StatusCode::CREATED, &NewKeyView::new(change.key(), &text))?;
        Ok(StoredResponse { location: Some(path_of(change.key().id.as_str())), ..shown })
    };
    let changed =
        store.change_key(request_context::author(&request), command, retry, to_keep).await?;
    Ok(changed.respond(render)?.into_secret_response())
}

/// `GET /keys/{id}`
pub(crate) async fn find(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    headers::accepts_json(&request)?;
    let asked = id.clone();
    match store.run_blocking(move |store| store.find_key(&asked)).await? {
        Some(key) => Ok(HttpResponse::Ok().json(KeyView::new(&key))),
        None => Err(Problem::new(Code::NotFound, format!("Key {id} does not exist."))),
    }
}

/// `DELETE /keys/{id}`
pub(crate) async fn delete(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    let retry = ChangeRequest::without_body(&request)?.retry;
    let changed = store
        .change_key(request_context::author(&request), KeyCommand::Revoke(id), retry, to_keep)
        .await?;
    Ok(changed.respond(|_| Ok(idempotency::empty(StatusCode::NO_CONTENT)))?.into_response())
}

/// `POST /keys/{id}/rotate`
pub(crate) async fn rotate(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    let ChangeRequest { body: RotateBody { overlap, expires_in }, retry, .. } =
        ChangeRequest::read_optional(&request, payload, KEY, crate::keys::request::read_rotation)
            .await?;
    let MadeKey { id, hash, text } = make(Some(id))?;
    let command = KeyCommand::Rotate { id, overlap, expires_in, hash };
    let render = |change: &KeyChange| {
        let shown = RotatedKeyView::new(change, &text);
        let shown = shown.ok_or_else(|| Problem::unexpected("a rotation has no new secret"))?;
        idempotency::answer(StatusCode::OK, &shown)
    };
    let changed =
        store.change_key(request_context::author(&request), command, retry, to_keep).await?;
    Ok(changed.respond(render)?.into_secret_response())
}

pub(crate) fn make(id: Option<KeyId>) -> Result<MadeKey, Problem> {
    security::make_key(id).map_err(|error| Problem::unexpected(error.to_string()))
}

/// Renders the response to store for a change: without a body, which would show a secret.
#[expect(clippy::unnecessary_wraps, reason = "the store client expects an option")]
pub(crate) fn to_keep(change: &KeyChange) -> Option<StoredResponse> {
    Some(match change {
        KeyChange::Created(key, _) => StoredResponse {
            location: Some(path_of(key.id.as_str())),
            ..idempotency::empty(StatusCode::CREATED)
        },
        KeyChange::Rotated { .. } => idempotency::empty(StatusCode::OK),
        KeyChange::Revoked(_) => idempotency::empty(StatusCode::NO_CONTENT),
    })
}

fn path_of(id: &str) -> String {
    format!("/keys/{id}")
}

/// Parses the id in the path. An invalid id is not found.
pub(crate) fn path_id(request: &HttpRequest) -> Result<KeyId, Problem> {
    let text = request.match_info().get("id").unwrap_or_default();
    KeyId::parse(text)
        .map_err(|_impossible| Problem::new(Code::NotFound, "This key does not exist."))
}

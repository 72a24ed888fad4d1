//! Handlers of webhooks: parse, call, render. Who delivers is in `dispatch.rs` and what it uses.

mod delays;
mod deliver;
mod dispatch;
mod guard;
mod record;
mod send;
mod sign;

use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use orders_core::{SigningSecret, Webhook, WebhookChange, WebhookCommand, WebhookId};
use orders_db::StoredResponse;
use uuid::Uuid;

use crate::app::App;
use crate::body::Body;
use crate::cursor::ListKey;
use crate::problem::{Code, FieldError, Problem};
use crate::wire::{
    self, DeliveryView, NewWebhookView, RotatedWebhookView, TestEventView, TestedView,
    WebhookRotateBody, WebhookView,
};
use crate::{headers, lists, query, retries};

pub(crate) use delays::Delays;
pub(crate) use dispatch::{DeliveryOptions, Tester, Trials, channel, start};
pub(crate) use guard::Guard;
use guard::TargetError;
pub(crate) use send::Sent;
use sign::Message;
pub(crate) use sign::secret_text;

/// `GET /webhooks`
pub(crate) async fn list(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let query = query::page(&request)?;
    let key = ListKey::new("webhooks");
    let after = lists::after(&key, query.cursor.as_deref(), |place| {
        lists::read_place(&place, WebhookId::parse)
    })?;
    headers::accepts_json(&request)?;
    // One more than asked for tells whether there is another page.
    let limit = query.limit;
    let mut webhooks = app.ask(move |store| store.list_webhooks(after.as_ref(), limit + 1)).await?;
    let place = |last: &Webhook| lists::write_place(last.created_at, &last.id);
    let next = lists::cut(&mut webhooks, limit).map(|last| key.write(&place(last)));
    Ok(lists::answer(&request, webhooks.iter().map(WebhookView::of).collect(), next))
}

/// `POST /webhooks`
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    query::none(&request)?;
    let key = retries::key(&request)?;
    headers::accepts_json(&request)?;
    let body = Body::small(&request, payload, headers::sends_json).await?;
    let content = body.read(Code::InvalidWebhook, wire::read_webhook)?;
    check_url(&app, &content.url)?;
    let retry = retries::retry(&request, key, body.bytes());
    let secret = make_secret()?;
    let command = WebhookCommand::Create { id: make_id()?, content, secret: secret.clone() };
    let render = |change: &WebhookChange| {
        let WebhookChange::Created(webhook, _) = change else { return Err(another_change()) };
        let shown = NewWebhookView::of(webhook, secret_text(&secret));
        let shown = retries::answer(StatusCode::CREATED, &shown)?;
        Ok(StoredResponse { location: Some(path_of(&webhook.id)), ..shown })
    };
    Ok(app.change(command, retry, to_keep, render).await?.into_secret_response())
}

/// `GET /webhooks/{id}`
pub(crate) async fn find(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    headers::accepts_json(&request)?;
    Ok(HttpResponse::Ok().json(WebhookView::of(&find_webhook(&app, &id).await?)))
}

pub(crate) async fn find_webhook(app: &App, id: &WebhookId) -> Result<Webhook, Problem> {
    let asked = id.clone();
    let found = app.ask(move |store| store.find_webhook(&asked)).await?;
    found.ok_or_else(|| Problem::new(Code::NotFound, format!("There is no webhook {id}.")))
}

/// `PATCH /webhooks/{id}`
pub(crate) async fn patch(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    let key = retries::key(&request)?;
    headers::accepts_json(&request)?;
    let body = Body::small(&request, payload, headers::sends_merge_patch).await?;
    let patch = body.read(Code::InvalidWebhook, wire::read_webhook_patch)?;
    if let Some(url) = &patch.url {
        check_url(&app, url)?;
    }
    let retry = retries::retry(&request, key, body.bytes());
    let command = WebhookCommand::Change { id, patch };
    Ok(app.change(command, retry, to_keep, to_keep).await?.into_response())
}

/// `DELETE /webhooks/{id}`
pub(crate) async fn delete(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    let retry = retries::retry(&request, retries::key(&request)?, &[]);
    let sent = app.change(WebhookCommand::Delete(id), retry, to_keep, to_keep).await?;
    Ok(sent.into_response())
}

/// `POST /webhooks/{id}/rotate`
pub(crate) async fn rotate(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    let key = retries::key(&request)?;
    headers::accepts_json(&request)?;
    let body = Body::small(&request, payload, headers::sends_json).await?;
    let WebhookRotateBody { overlap } =
        body.read_if_any(Code::InvalidWebhook, wire::read_webhook_rotation)?;
    let retry = retries::retry(&request, key, body.bytes());
    let secret = make_secret()?;
    let command = WebhookCommand::Rotate { id, secret: secret.clone(), overlap };
    let render = |change: &WebhookChange| {
        let WebhookChange::Rotated { webhook, former_until, .. } = change else {
            return Err(another_change());
        };
        let shown = RotatedWebhookView::of(webhook, secret_text(&secret), *former_until);
        retries::answer(StatusCode::OK, &shown)
    };
    Ok(app.change(command, retry, to_keep, render).await?.into_secret_response())
}

/// `POST /webhooks/{id}/replay`
pub(crate) async fn replay(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    let key = retries::key(&request)?;
    headers::accepts_json(&request)?;
    let body = Body::small(&request, payload, headers::sends_json).await?;
    let after = body.read(Code::InvalidWebhook, wire::read_replay)?;
    let retry = retries::retry(&request, key, body.bytes());
    let command = WebhookCommand::Replay { id, after };
    Ok(app.change(command, retry, to_keep, to_keep).await?.into_response())
}

/// `GET /webhooks/{id}/deliveries`
pub(crate) async fn deliveries(
    request: HttpRequest,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    let query = query::deliveries(&request)?;
    let status = query.status.map_or("", orders_db::DeliveryStatus::as_str);
    let key = ListKey::new(&format!("deliveries {id} {status}"));
    let cursor = query.page.cursor.as_deref();
    let before: Option<u64> = lists::after(&key, cursor, |place| place.parse().ok())?;
    headers::accepts_json(&request)?;
    find_webhook(&app, &id).await?;
    let (limit, status, asked) = (query.page.limit, query.status, id.clone());
    let listed = app.ask(move |store| store.list_deliveries(&asked, status, before, limit + 1));
    let mut listed = listed.await?;
    let next = lists::cut(&mut listed, limit).map(|last| key.write(&last.id.to_string()));
    let views = listed.iter().map(|delivery| DeliveryView::of(&id, delivery)).collect();
    Ok(lists::answer(&request, views, next))
}

/// `POST /webhooks/{id}/test`
pub(crate) async fn test(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    headers::accepts_json(&request)?;
    Ok(HttpResponse::Ok().json(TestedView::of(&try_out(&app, &id).await?)))
}

/// Sends an event that is none to a webhook, and waits for what becomes of it.
pub(crate) async fn try_out(app: &App, id: &WebhookId) -> Result<Sent, Problem> {
    let webhook = find_webhook(app, id).await?;
    let (secrets, now) = app.ask(move |store| store.find_signing_secrets(&webhook.id)).await?;
    let test = Uuid::now_v7().simple().to_string();
    let event = TestEventView::of(id, &test, now);
    let body =
        serde_json::to_vec(&event).map_err(|error| Problem::unexpected(error.to_string()))?;
    let message = Message { id: format!("msg_{test}"), body: Bytes::from(body), secrets };
    app.tester.test(webhook.content.url, message, now).await.ok_or_else(|| {
        Problem::new(
            Code::Overloaded,
            "Too many tests are under way, or the server is about to end.",
        )
        .with_header(header::RETRY_AFTER, "5")
    })
}

/// Refuses a URL to which nothing would be delivered.
fn check_url(app: &App, url: &str) -> Result<(), Problem> {
    let Some((code, why)) = url_fault(app, url) else { return Ok(()) };
    let error = FieldError { pointer: "/url".to_owned(), detail: why.to_owned() };
    Err(Problem::of_fields(code, vec![error]))
}

/// Why nothing would be delivered to a URL, if it would not.
pub(crate) fn url_fault(app: &App, url: &str) -> Option<(Code, &'static str)> {
    match app.guard.read(url) {
        Ok(_) => None,
        Err(TargetError::Invalid(why)) => Some((Code::InvalidWebhook, why)),
        Err(TargetError::Refused(why)) => Some((Code::WebhookUrlRefused, why)),
    }
}

pub(crate) fn make_id() -> Result<WebhookId, Problem> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| Problem::unexpected(error.to_string()))?;
    Ok(WebhookId::from_random(random))
}

pub(crate) fn make_secret() -> Result<SigningSecret, Problem> {
    sign::make_secret().map_err(|error| Problem::unexpected(error.to_string()))
}

/// What is kept of an answer, and is all of it where it shows no secret.
pub(crate) fn to_keep(change: &WebhookChange) -> Result<StoredResponse, Problem> {
    Ok(match change {
        WebhookChange::Created(webhook, _) => StoredResponse {
            location: Some(path_of(&webhook.id)),
            ..retries::empty(StatusCode::CREATED)
        },
        WebhookChange::Changed(webhook)
        | WebhookChange::Replayed(webhook)
        | WebhookChange::Unchanged(webhook) => {
            retries::answer(StatusCode::OK, &WebhookView::of(webhook))?
        }
        WebhookChange::Rotated { .. } => retries::empty(StatusCode::OK),
        WebhookChange::Deleted(_) => retries::empty(StatusCode::NO_CONTENT),
    })
}

fn another_change() -> Problem {
    Problem::unexpected("another change than the one asked for")
}

fn path_of(id: &WebhookId) -> String {
    format!("/webhooks/{id}")
}

/// The id in the path. One that no webhook can have is not found.
pub(crate) fn path_id(request: &HttpRequest) -> Result<WebhookId, Problem> {
    let text = request.match_info().get("id").unwrap_or_default();
    WebhookId::parse(text)
        .map_err(|_impossible| Problem::new(Code::NotFound, "There is no such webhook."))
}

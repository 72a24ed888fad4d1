//! Handlers of `/webhooks`. Delivery is in `delivery/`.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use orders_core::decide::IdempotentRequest;
use orders_core::webhook::{
    DeliveryStatus, SigningSecret, Webhook, WebhookChange, WebhookCommand, WebhookId,
};
use orders_db::StoredResponse;
use uuid::Uuid;

use super::delivery::{self, Message, SendResult, SsrfGuard, TargetError, TestSender, secret_text};
use super::request::{self, WebhookRotateBody};
use super::response::{
    DeliveryView, NewWebhookView, RotatedWebhookView, TestEventView, TestedView, WebhookView,
};
use crate::http::body::Body;
use crate::http::change_request::{ChangeRequest, Rules};
use crate::http::cursor::ListKey;
use crate::http::page::ListRequest;
use crate::http::problem::{Code, FieldError, Problem};
use crate::http::{headers, idempotency, page, query, request_context};
use crate::store_client::StoreClient;

const WEBHOOK: Rules = Rules::json(Code::InvalidWebhook);
const WEBHOOK_PATCH: Rules = Rules::merge_patch(Code::InvalidWebhook);

/// `GET /webhooks`
pub(crate) async fn list(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let page = query::page(&request)?;
    let place = |place: &str| page::read_place(place, WebhookId::parse);
    let mut list = ListRequest::read(&request, ListKey::new("/webhooks"), &page, place)?;
    let (after, rows) = (list.after.take(), list.rows());
    let mut webhooks =
        store.run_blocking(move |store| store.list_webhooks(after.as_ref(), rows)).await?;
    let next = list.cut(&mut webhooks, |last| page::write_place(last.created_at, &last.id));
    Ok(page::answer(&request, webhooks.iter().map(WebhookView::new).collect(), next))
}

/// `POST /webhooks`
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
    guard: Data<SsrfGuard>,
) -> Result<HttpResponse, Problem> {
    let read = |body: &Body| {
        let content = body.read(Code::InvalidWebhook, request::read_webhook)?;
        check_url(**guard, &content.url).map(|()| content)
    };
    let ChangeRequest { body: content, retry, .. } =
        ChangeRequest::read_with(&request, payload, WEBHOOK, read).await?;
    let secret = create_secret()?;
    let command = WebhookCommand::Create { id: create_id()?, content, secret: secret.clone() };
    let render = |change: &WebhookChange| {
        let WebhookChange::Created(webhook, _) = change else { return Err(unexpected_change()) };
        let shown = NewWebhookView::new(webhook, secret_text(&secret));
        let shown = idempotency::answer(StatusCode::CREATED, &shown)?;
        Ok(StoredResponse { location: Some(path_of(&webhook.id)), ..shown })
    };
    let changed = store.change(request_context::author(&request), command, retry, to_keep).await?;
    Ok(changed.respond(render)?.into_secret_response())
}

/// `GET /webhooks/{id}`
pub(crate) async fn find(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    headers::accepts_json(&request)?;
    Ok(HttpResponse::Ok().json(WebhookView::new(&find_webhook(&store, &id).await?)))
}

pub(crate) async fn find_webhook(store: &StoreClient, id: &WebhookId) -> Result<Webhook, Problem> {
    let asked = id.clone();
    let found = store.run_blocking(move |store| store.find_webhook(&asked)).await?;
    found.ok_or_else(|| Problem::new(Code::NotFound, format!("Webhook {id} does not exist.")))
}

/// `PATCH /webhooks/{id}`
pub(crate) async fn patch(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
    guard: Data<SsrfGuard>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    let read = |body: &Body| {
        let patch = body.read(Code::InvalidWebhook, request::read_webhook_patch)?;
        patch.url.as_deref().map_or(Ok(()), |url| check_url(**guard, url)).map(|()| patch)
    };
    let ChangeRequest { body: patch, retry, .. } =
        ChangeRequest::read_with(&request, payload, WEBHOOK_PATCH, read).await?;
    let command = WebhookCommand::Change { id, patch };
    Ok(change(&request, &store, command, retry).await?.into_response())
}

/// `DELETE /webhooks/{id}`
pub(crate) async fn delete(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    let retry = ChangeRequest::without_body(&request)?.retry;
    Ok(change(&request, &store, WebhookCommand::Delete(id), retry).await?.into_response())
}

/// `POST /webhooks/{id}/rotate`
pub(crate) async fn rotate(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    let ChangeRequest { body: WebhookRotateBody { overlap }, retry, .. } =
        ChangeRequest::read_optional(&request, payload, WEBHOOK, request::read_webhook_rotation)
            .await?;
    let secret = create_secret()?;
    let command = WebhookCommand::Rotate { id, secret: secret.clone(), overlap };
    let render = |change: &WebhookChange| {
        let WebhookChange::Rotated { webhook, previous_until, .. } = change else {
            return Err(unexpected_change());
        };
        let shown = RotatedWebhookView::new(webhook, secret_text(&secret), *previous_until);
        idempotency::answer(StatusCode::OK, &shown)
    };
    let changed = store.change(request_context::author(&request), command, retry, to_keep).await?;
    Ok(changed.respond(render)?.into_secret_response())
}

/// `POST /webhooks/{id}/replay`
pub(crate) async fn replay(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    let ChangeRequest { body: after, retry, .. } =
        ChangeRequest::read(&request, payload, WEBHOOK, request::read_replay).await?;
    let command = WebhookCommand::Replay { id, after };
    Ok(change(&request, &store, command, retry).await?.into_response())
}

/// `GET /webhooks/{id}/deliveries`
pub(crate) async fn deliveries(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    let query = super::query::deliveries(&request)?;
    let status = query.status.map(DeliveryStatus::as_str);
    let key = ListKey::new(format_args!("/webhooks/{id}/deliveries")).with("status", status);
    let list = ListRequest::read(&request, key, &query.page, |place| place.parse::<u64>().ok())?;
    find_webhook(&store, &id).await?;
    let (status, before, rows, asked) = (query.status, list.after, list.rows(), id.clone());
    let listed =
        store.run_blocking(move |store| store.list_deliveries(&asked, status, before, rows));
    let mut listed = listed.await?;
    let next = list.cut(&mut listed, |last| last.id.to_string());
    let data = listed.iter().map(|delivery| DeliveryView::new(&id, delivery)).collect();
    Ok(page::answer(&request, data, next))
}

/// `POST /webhooks/{id}/test`
pub(crate) async fn test(
    request: HttpRequest,
    store: Data<StoreClient>,
    tests: Data<TestSender>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    headers::accepts_json(&request)?;
    Ok(HttpResponse::Ok().json(TestedView::new(&send_test(&store, &tests, &id).await?)))
}

/// Sends a test event to a webhook and waits for the result.
pub(crate) async fn send_test(
    store: &StoreClient,
    tests: &TestSender,
    id: &WebhookId,
) -> Result<SendResult, Problem> {
    let webhook = find_webhook(store, id).await?;
    let (secrets, now) =
        store.run_blocking(move |store| store.find_signing_secrets(&webhook.id)).await?;
    let test = Uuid::now_v7().simple().to_string();
    let event = TestEventView::new(id, &test, now);
    let body =
        serde_json::to_vec(&event).map_err(|error| Problem::unexpected(error.to_string()))?;
    let message = Message { id: format!("msg_{test}"), body: Bytes::from(body), secrets };
    tests.send(webhook.content.url, message, now).await.ok_or_else(|| {
        Problem::new(
            Code::Overloaded,
            "Too many test deliveries are in progress, or the server is shutting down.",
        )
        .with_header(header::RETRY_AFTER, "5")
    })
}

/// Rejects a URL to which nothing would be delivered.
fn check_url(guard: SsrfGuard, url: &str) -> Result<(), Problem> {
    let Some((code, why)) = url_fault(guard, url) else { return Ok(()) };
    let error = FieldError { pointer: "/url".to_owned(), detail: why.to_owned() };
    Err(Problem::of_fields(code, vec![error]))
}

/// Returns why nothing would be delivered to a URL, if so.
pub(crate) fn url_fault(guard: SsrfGuard, url: &str) -> Option<(Code, &'static str)> {
    match guard.parse(url) {
        Ok(_) => None,
        Err(TargetError::Invalid(why)) => Some((Code::InvalidWebhook, why)),
        Err(TargetError::Refused(why)) => Some((Code::WebhookUrlRefused, why)),
    }
}

pub(crate) fn create_id() -> Result<WebhookId, Problem> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| Problem::unexpected(error.to_string()))?;
    Ok(WebhookId::from_random(random))
}

pub(crate) fn create_secret() -> Result<SigningSecret, Problem> {
    delivery::create_secret().map_err(|error| Problem::unexpected(error.to_string()))
}

/// Makes a change whose response shows no secret.
async fn change(
    request: &HttpRequest,
    store: &StoreClient,
    command: WebhookCommand,
    retry: Option<IdempotentRequest>,
) -> Result<idempotency::Sent, Problem> {
    store.change(request_context::author(request), command, retry, to_keep).await?.respond(render)
}

/// Renders the response to store for a change: without secrets.
pub(crate) fn to_keep(change: &WebhookChange) -> Option<StoredResponse> {
    render(change).ok()
}

/// Renders the response to a change, without secrets.
fn render(change: &WebhookChange) -> Result<StoredResponse, Problem> {
    Ok(match change {
        WebhookChange::Created(webhook, _) => StoredResponse {
            location: Some(path_of(&webhook.id)),
            ..idempotency::empty(StatusCode::CREATED)
        },
        WebhookChange::Changed(webhook)
        | WebhookChange::Replayed(webhook)
        | WebhookChange::Unchanged(webhook) => {
            idempotency::answer(StatusCode::OK, &WebhookView::new(webhook))?
        }
        WebhookChange::Rotated { .. } => idempotency::empty(StatusCode::OK),
        WebhookChange::Deleted(_) => idempotency::empty(StatusCode::NO_CONTENT),
    })
}

fn unexpected_change() -> Problem {
    Problem::unexpected("the change does not fit its command")
}

fn path_of(id: &WebhookId) -> String {
    format!("/webhooks/{id}")
}

/// Parses the id in the path. An invalid id is not found.
pub(crate) fn path_id(request: &HttpRequest) -> Result<WebhookId, Problem> {
    let text = request.match_info().get("id").unwrap_or_default();
    WebhookId::parse(text)
        .map_err(|_impossible| Problem::new(Code::NotFound, "This webhook does not exist."))
}

//! Handlers of `/orders`: parse, call, render.

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use orders_core::decide::IdempotentRequest;
use orders_core::{Actor, Done, NewId, Operation, Order, OrderId, Refusal};
use orders_db::StoredResponse;
use uuid::Uuid;

use super::list;
use crate::http::change_request::{ChangeRequest, Rules};
use crate::http::idempotency::Sent;
use crate::http::json::Json;
use crate::http::problem::{Code, Problem};
use crate::http::request_context;
use crate::http::{headers, idempotency};
use crate::orders::request::{OrderBody, OrderPatchBody};
use crate::orders::response::OrderView;
use crate::store_client::StoreClient;

const ORDER: Rules = Rules::json(Code::InvalidOrder);
const ORDER_PATCH: Rules = Rules::merge_patch(Code::InvalidOrder).versioned();

/// `POST /orders`
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let ChangeRequest { body: OrderBody { id, content }, retry, .. } =
        ChangeRequest::read(&request, payload, ORDER, crate::orders::request::read_order).await?;
    let id = match id {
        Some(id) => NewId::Chosen(id),
        None => NewId::Generated(made_id()?),
    };
    let operation = Operation::Create { id, content };
    Ok(change(&store, request_context::actor(&request), operation, retry).await?.into_response())
}

/// `GET /orders/{id}`
pub(crate) async fn find(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    let expand = list::expand(&request)?;
    // Checked before the read, so that a malformed header is always rejected.
    headers::versions(&request)?;
    headers::accepts_json(&request)?;
    let Some(order) = store.find_order(id.clone()).await? else {
        return Err(Problem::new(Code::NotFound, format!("Order {id} does not exist.")));
    };
    if !headers::matches_version(&request, order.version)? {
        return Err(Refusal::VersionMismatch { current: order.version }.into());
    }
    // Names change without a new version of the order, so there is no ETag.
    if expand {
        let names = store.find_service_names(std::slice::from_ref(&order)).await?;
        return Ok(HttpResponse::Ok().json(OrderView::expanded(&order, &names)));
    }
    let is_known = headers::has_version(&request, order.version)?;
    let status = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::ETAG, headers::etag(order.version)))
        .insert_header(headers::NO_TRANSFORM);
    Ok(if is_known { response.finish() } else { response.json(OrderView::new(&order)) })
}

/// `PUT /orders/{id}`
pub(crate) async fn replace(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    let read = |json: &Json<'_>| crate::orders::request::read_replacement(&id, json);
    let ChangeRequest { body: content, if_match, retry } =
        ChangeRequest::read(&request, payload, ORDER.versioned(), read).await?;
    let operation = Operation::Update { id, if_match, patch: content.into() };
    Ok(change(&store, request_context::actor(&request), operation, retry).await?.into_response())
}

/// `PATCH /orders/{id}`
pub(crate) async fn patch(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    let read = |json: &Json<'_>| crate::orders::request::read_order_patch(&id, json);
    let ChangeRequest { body: OrderPatchBody(patch), if_match, retry } =
        ChangeRequest::read(&request, payload, ORDER_PATCH, read).await?;
    let operation = Operation::Update { id, if_match, patch };
    Ok(change(&store, request_context::actor(&request), operation, retry).await?.into_response())
}

/// `DELETE /orders/{id}`
pub(crate) async fn delete(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    let ChangeRequest { if_match, retry, .. } = ChangeRequest::of_version(&request)?;
    let operation = Operation::Delete { id, if_match };
    Ok(change(&store, request_context::actor(&request), operation, retry).await?.into_response())
}

/// `POST /orders/{id}/restore`
pub(crate) async fn restore(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    let retry = ChangeRequest::without_body(&request)?.retry;
    headers::accepts_json(&request)?;
    let operation = Operation::Restore { id };
    Ok(change(&store, request_context::actor(&request), operation, retry).await?.into_response())
}

/// Parses the id in the path. An invalid id is not found.
pub(crate) fn path_id(request: &HttpRequest) -> Result<OrderId, Problem> {
    let text = request.match_info().get("id").unwrap_or_default();
    OrderId::parse(text)
        .map_err(|_impossible| Problem::new(Code::NotFound, "This order does not exist."))
}

/// Generates an id. UUIDs of version 7 sort by time, so new rows are adjacent in the index.
pub(crate) fn made_id() -> Result<OrderId, Problem> {
    OrderId::parse(&Uuid::now_v7().to_string())
        .map_err(|error| Problem::unexpected(error.to_string()))
}

/// Performs an operation and renders its result.
pub(crate) async fn change(
    store: &StoreClient,
    actor: Actor,
    operation: Operation,
    retry: Option<IdempotentRequest>,
) -> Result<Sent, Problem> {
    let changed = store.change_order(actor, operation, retry, |done| render(done).ok()).await?;
    changed.respond(render)
}

/// Renders the response to a change.
fn render(done: &Done) -> Result<StoredResponse, Problem> {
    match done {
        Done::Created(order) => {
            let location = Some(format!("/orders/{}", order.id));
            Ok(StoredResponse { location, ..show(StatusCode::CREATED, order)? })
        }
        Done::Updated(order) | Done::Unchanged(order) | Done::Restored(order) => {
            show(StatusCode::OK, order)
        }
        Done::Deleted(_) => Ok(idempotency::empty(StatusCode::NO_CONTENT)),
    }
}

fn show(status: StatusCode, order: &Order) -> Result<StoredResponse, Problem> {
    let etag = Some(headers::etag(order.version));
    Ok(StoredResponse { etag, ..idempotency::answer(status, &OrderView::new(order))? })
}

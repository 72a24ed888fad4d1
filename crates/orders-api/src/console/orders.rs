//! Orders in the console: each form is a command like any other, validated by the same rule, for the
//! version that the page showed.

mod history;
mod page;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{NaiveDate, NaiveTime, TimeDelta};
use orders_core::decide::{IdempotentRequest, Versions};
use orders_core::{Done, NewId, Operation, OrderId, Refusal, Timestamp};
use orders_db::StoredResponse;

use super::form::Form;
use super::layout;
use super::order_form::OrderForm;
use super::zone::Zone;
use crate::http::idempotency;
use crate::http::problem::Problem;
use crate::http::request_context;
use crate::orders;
use crate::store_client::StoreClient;
use crate::store_client::{ChangeError, Changed};

use page::{show_new, show_order};

/// `GET /console/new-order`
pub(crate) async fn new(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let zone = Zone::from_request(&request);
    let mut at = None;
    for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
        at = match name.as_ref() {
            "at" => Timestamp::parse(&value).ok(),
            "date" => NaiveDate::parse_from_str(&value, "%Y-%m-%d")
                .ok()
                .and_then(|date| zone.instant(date.and_time(NaiveTime::MIN + TimeDelta::hours(9)))),
            _ => at,
        };
    }
    show_new(&request, &store, StatusCode::OK, OrderForm::new(zone, at)).await
}

/// `POST /console/new-order`
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let form = Form::read(&request, payload).await?;
    let (mut order_form, content) = OrderForm::read(&form, Zone::from_request(&request));
    let Some(content) = content else {
        return show_new(&request, &store, StatusCode::UNPROCESSABLE_ENTITY, order_form).await;
    };
    let retry = order_form.retry(&request, &content);
    let operation = Operation::Create { id: NewId::Generated(orders::made_id()?), content };
    match store
        .change_order(request_context::actor(&request), operation, retry, |done| Some(stored(done)))
        .await
    {
        Ok(changed) => Ok(layout::go_to(&created_page(changed)?)),
        Err(error) => {
            let status = order_form.record_rejection(error)?;
            show_new(&request, &store, status, order_form).await
        }
    }
}

/// The stored response to a form, which leads its sender to the order.
fn stored(done: &Done) -> StoredResponse {
    let location = match done {
        Done::Created(order) => Some(page_of(&order.id)),
        Done::Updated(_) | Done::Unchanged(_) | Done::Restored(_) | Done::Deleted(_) => None,
    };
    StoredResponse { location, ..idempotency::empty(StatusCode::NO_CONTENT) }
}

/// The page of the order that was created, now or when the form was first sent.
fn created_page(changed: Changed<Done>) -> Result<String, Problem> {
    let location = match changed {
        Changed::Now(done) => stored(&done).location,
        Changed::Replayed(response) => response.location,
    };
    location.ok_or_else(|| Problem::unexpected("a created order has a page"))
}

fn page_of(id: &OrderId) -> String {
    format!("/console/orders/{id}")
}

/// `GET /console/orders/{id}`
pub(crate) async fn show(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    show_order(&request, &store, StatusCode::OK, None).await
}

/// `POST /console/orders/{id}`
pub(crate) async fn update(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = orders::path_id(&request)?;
    let form = Form::read(&request, payload).await?;
    let (order_form, content) = OrderForm::read(&form, Zone::from_request(&request));
    // A form without a version matches no version.
    let version = order_form.version.unwrap_or(0);
    let Some(content) = content else {
        return show_order(&request, &store, StatusCode::UNPROCESSABLE_ENTITY, Some(order_form))
            .await;
    };
    let retry = order_form.retry(&request, &content);
    let if_match = Some(Versions::Among(vec![version]));
    let operation = Operation::Update { id, if_match, patch: content.into() };
    finish(&request, &store, operation, retry, Some(order_form)).await
}

/// `POST /console/orders/{id}/delete`
pub(crate) async fn delete(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = orders::path_id(&request)?;
    let form = Form::read(&request, payload).await?;
    let version = form.one("version").parse().unwrap_or(0);
    let if_match = Some(Versions::Among(vec![version]));
    finish(&request, &store, Operation::Delete { id, if_match }, None, None).await
}

/// `POST /console/orders/{id}/restore`
pub(crate) async fn restore(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = orders::path_id(&request)?;
    finish(&request, &store, Operation::Restore { id }, None, None).await
}

/// Performs a change and redirects to the order, or shows why it was rejected.
async fn finish(
    request: &HttpRequest,
    store: &StoreClient,
    operation: Operation,
    retry: Option<IdempotentRequest>,
    order_form: Option<OrderForm>,
) -> Result<HttpResponse, Problem> {
    let page = page_of(operation.order_id());
    let changed = store
        .change_order(request_context::actor(request), operation, retry, |done| Some(stored(done)))
        .await;
    let blank = || OrderForm { version: None, ..OrderForm::new(Zone::from_request(request), None) };
    let mut order_form = order_form.unwrap_or_else(blank);
    let status = match changed {
        // Another caller has deleted or restored the order: its page says so.
        Ok(_) | Err(ChangeError::Refused(Refusal::NotFound(_))) => {
            return Ok(layout::go_to(&page));
        }
        Err(ChangeError::Refused(Refusal::VersionMismatch { .. })) => {
            StatusCode::PRECONDITION_FAILED
        }
        Err(error) => order_form.record_rejection(error)?,
    };
    show_order(request, store, status, Some(order_form)).await
}

//! Handlers of `/services`: parse, call, render.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use orders_core::decide::IdempotentRequest;
use orders_core::service::{ServiceChange, ServiceCommand};
use orders_core::{Service, ServiceId};
use orders_db::StoredResponse;

use crate::http::change_request::{ChangeRequest, Rules};
use crate::http::cursor::ListKey;
use crate::http::idempotency::Sent;
use crate::http::json::Json;
use crate::http::page::ListRequest;
use crate::http::problem::{Code, Problem};
use crate::http::{headers, idempotency, page, query, request_context};
use crate::services::request::ServiceBody;
use crate::services::response::ServiceView;
use crate::store_client::StoreClient;

const SERVICE: Rules = Rules::json(Code::InvalidService);

/// `GET /services`
pub(crate) async fn list(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let page = query::page(&request)?;
    let place = |place: &str| ServiceId::parse(place).ok();
    let list = ListRequest::read(&request, ListKey::new("/services"), &page, place)?;
    let (after, rows) = (list.after, list.rows());
    let mut services = store.run_blocking(move |store| store.list_services(after, rows)).await?;
    let next = list.cut(&mut services, |last| last.id.to_string());
    Ok(page::answer(&request, services.iter().map(ServiceView::new).collect(), next))
}

/// `POST /services`
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let ChangeRequest { body: ServiceBody { id, name }, retry, .. } =
        ChangeRequest::read(&request, payload, SERVICE, crate::services::request::read_service)
            .await?;
    let command = ServiceCommand::Create { id, name };
    Ok(change(&request, &store, command, retry).await?.into_response())
}

/// `GET /services/{id}`
pub(crate) async fn find(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    headers::accepts_json(&request)?;
    let found = store.run_blocking(move |store| store.find_services(&[id].into())).await?;
    match found.first() {
        Some(service) => Ok(HttpResponse::Ok().json(ServiceView::new(service))),
        None => Err(Problem::new(Code::NotFound, format!("Service {id} does not exist."))),
    }
}

/// `PUT /services/{id}`
pub(crate) async fn replace(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    let read = |json: &Json<'_>| crate::services::request::read_renaming(id, json);
    let ChangeRequest { body: name, retry, .. } =
        ChangeRequest::read(&request, payload, SERVICE, read).await?;
    let command = ServiceCommand::Replace(Service { id, name });
    Ok(change(&request, &store, command, retry).await?.into_response())
}

/// `DELETE /services/{id}`
pub(crate) async fn delete(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    let retry = ChangeRequest::without_body(&request)?.retry;
    Ok(change(&request, &store, ServiceCommand::Delete(id), retry).await?.into_response())
}

/// Makes a change and renders the result.
pub(crate) async fn change(
    request: &HttpRequest,
    store: &StoreClient,
    command: ServiceCommand,
    retry: Option<IdempotentRequest>,
) -> Result<Sent, Problem> {
    let to_keep = |change: &ServiceChange| render(change).ok();
    store.change(request_context::author(request), command, retry, to_keep).await?.respond(render)
}

/// Renders the response to a change.
fn render(change: &ServiceChange) -> Result<StoredResponse, Problem> {
    match change {
        ServiceChange::Created(service) => {
            let location = Some(format!("/services/{}", service.id));
            let shown = idempotency::answer(StatusCode::CREATED, &ServiceView::new(service))?;
            Ok(StoredResponse { location, ..shown })
        }
        ServiceChange::Replaced(service) | ServiceChange::Unchanged(service) => {
            idempotency::answer(StatusCode::OK, &ServiceView::new(service))
        }
        ServiceChange::Deleted(_) => Ok(idempotency::empty(StatusCode::NO_CONTENT)),
    }
}

/// Parses the id in the path. An invalid id is not found.
pub(crate) fn path_id(request: &HttpRequest) -> Result<ServiceId, Problem> {
    let text = request.match_info().get("id").unwrap_or_default();
    ServiceId::parse(text)
        .map_err(|_impossible| Problem::new(Code::NotFound, "This service does not exist."))
}

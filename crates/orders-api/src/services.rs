//! Handlers of services: parse, call, render.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use orders_core::{Service, ServiceChange, ServiceCommand, ServiceId};
use orders_db::StoredResponse;

use crate::app::App;
use crate::body::Body;
use crate::cursor::ListKey;
use crate::problem::{Code, Problem};
use crate::wire::{self, ServiceBody, ServiceView};
use crate::{headers, lists, query, retries};

/// `GET /services`
pub(crate) async fn list(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let query = query::page(&request)?;
    let key = ListKey::new("services");
    let after = lists::after(&key, query.cursor.as_deref(), |place| ServiceId::parse(&place).ok())?;
    headers::accepts_json(&request)?;
    // One more than asked for tells whether there is another page.
    let limit = query.limit;
    let mut services = app.ask(move |store| store.list_services(after, limit + 1)).await?;
    let next = lists::cut(&mut services, limit).map(|last| key.write(&last.id.to_string()));
    Ok(lists::answer(&request, services.iter().map(ServiceView::of).collect(), next))
}

/// `POST /services`
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    query::none(&request)?;
    let key = retries::key(&request)?;
    let body = Body::small(&request, payload, headers::sends_json).await?;
    let ServiceBody { id, name } = body.read(Code::InvalidService, wire::read_service)?;
    let retry = retries::retry(&request, key, body.bytes());
    let sent = app.change(ServiceCommand::Create { id, name }, retry, render, render).await?;
    Ok(sent.into_response())
}

/// `GET /services/{id}`
pub(crate) async fn find(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    headers::accepts_json(&request)?;
    match app.ask(move |store| store.find_service(id)).await? {
        Some(service) => Ok(HttpResponse::Ok().json(ServiceView::of(&service))),
        None => Err(Problem::new(Code::NotFound, format!("There is no service {id}."))),
    }
}

/// `PUT /services/{id}`
pub(crate) async fn replace(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    let key = retries::key(&request)?;
    let body = Body::small(&request, payload, headers::sends_json).await?;
    let name = body.read(Code::InvalidService, |json| wire::read_renaming(id, json))?;
    let retry = retries::retry(&request, key, body.bytes());
    let command = ServiceCommand::Replace(Service { id, name });
    Ok(app.change(command, retry, render, render).await?.into_response())
}

/// `DELETE /services/{id}`
pub(crate) async fn delete(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    let retry = retries::retry(&request, retries::key(&request)?, &[]);
    Ok(app.change(ServiceCommand::Delete(id), retry, render, render).await?.into_response())
}

/// The answer to a change to the services.
pub(crate) fn render(change: &ServiceChange) -> Result<StoredResponse, Problem> {
    match change {
        ServiceChange::Created(service) => {
            let location = Some(format!("/services/{}", service.id));
            let shown = retries::answer(StatusCode::CREATED, &ServiceView::of(service))?;
            Ok(StoredResponse { location, ..shown })
        }
        ServiceChange::Replaced(service) | ServiceChange::Unchanged(service) => {
            retries::answer(StatusCode::OK, &ServiceView::of(service))
        }
        ServiceChange::Deleted(_) => Ok(retries::empty(StatusCode::NO_CONTENT)),
    }
}

/// The number in the path. One that no service can have is not found.
pub(crate) fn path_id(request: &HttpRequest) -> Result<ServiceId, Problem> {
    let text = request.match_info().get("id").unwrap_or_default();
    ServiceId::parse(text)
        .map_err(|_impossible| Problem::new(Code::NotFound, "There is no such service."))
}

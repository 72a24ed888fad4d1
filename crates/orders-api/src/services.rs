//! Handlers of services: parse, call, render.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use orders_core::{Retry, Service, ServiceChange, ServiceCommand, ServiceId};
use orders_db::KeptAnswer;

use crate::app::App;
use crate::change_request::{ChangeRequest, Rules};
use crate::cursor::ListKey;
use crate::json::Json;
use crate::lists::ListRequest;
use crate::problem::{Code, Problem};
use crate::retries::Sent;
use crate::wire::{self, ServiceBody, ServiceView};
use crate::{headers, lists, query, retries};

const SERVICE: Rules = Rules::json(Code::InvalidService);

/// `GET /services`
pub(crate) async fn list(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let page = query::page(&request)?;
    let place = |place: &str| ServiceId::parse(place).ok();
    let list = ListRequest::read(&request, ListKey::new("/services"), &page, place)?;
    let (after, rows) = (list.after, list.rows());
    let mut services =
        app.store.run_blocking(move |store| store.list_services(after, rows)).await?;
    let next = list.cut(&mut services, |last| last.id.to_string());
    Ok(lists::answer(&request, services.iter().map(ServiceView::of).collect(), next))
}

/// `POST /services`
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let ChangeRequest { body: ServiceBody { id, name }, retry, .. } =
        ChangeRequest::read(&request, payload, SERVICE, wire::read_service).await?;
    let command = ServiceCommand::Create { id, name };
    Ok(change(&app, command, retry).await?.into_response())
}

/// `GET /services/{id}`
pub(crate) async fn find(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    headers::accepts_json(&request)?;
    match app.store.run_blocking(move |store| store.find_service(id)).await? {
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
    let read = |json: &Json<'_>| wire::read_renaming(id, json);
    let ChangeRequest { body: name, retry, .. } =
        ChangeRequest::read(&request, payload, SERVICE, read).await?;
    let command = ServiceCommand::Replace(Service { id, name });
    Ok(change(&app, command, retry).await?.into_response())
}

/// `DELETE /services/{id}`
pub(crate) async fn delete(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    let retry = ChangeRequest::without_body(&request)?.retry;
    Ok(change(&app, ServiceCommand::Delete(id), retry).await?.into_response())
}

/// Changes the services and renders the result.
pub(crate) async fn change(
    app: &App,
    command: ServiceCommand,
    retry: Option<Retry>,
) -> Result<Sent, Problem> {
    let to_keep = |change: &ServiceChange| render(change).ok();
    retries::sent(app.store.change(command, retry, to_keep).await?, render)
}

/// The answer to a change to the services.
fn render(change: &ServiceChange) -> Result<KeptAnswer, Problem> {
    match change {
        ServiceChange::Created(service) => {
            let location = Some(format!("/services/{}", service.id));
            let shown = retries::answer(StatusCode::CREATED, &ServiceView::of(service))?;
            Ok(KeptAnswer { location, ..shown })
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

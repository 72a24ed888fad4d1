//! Handlers of services: parse, call, render.

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use orders_core::{Service, ServiceChange, ServiceCommand, ServiceId};

use crate::app::App;
use crate::cursor::ListKey;
use crate::problem::{self, Code, Problem};
use crate::wire::{self, ServiceBody, ServiceView};
use crate::{body, headers, lists, query};

/// `GET /services`
pub(crate) async fn list(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let query = query::page(&request)?;
    let key = ListKey::new("services");
    let after = match &query.cursor {
        Some(cursor) => {
            let place = key.read(cursor).and_then(|place| ServiceId::parse(&place).ok());
            Some(place.ok_or_else(lists::foreign_cursor)?)
        }
        None => None,
    };
    headers::accepts_json(&request)?;
    // One more than asked for tells whether there is another page.
    let limit = query.limit;
    let mut services = app.ask(move |store| store.list_services(after, limit + 1)).await?;
    let more = services.len() > limit;
    services.truncate(limit);
    let next = services.last().filter(|_| more).map(|last| key.write(&last.id.to_string()));
    Ok(lists::answer(&request, services.iter().map(ServiceView::of).collect(), next))
}

/// `POST /services`
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    query::none(&request)?;
    let ServiceBody { id, name } = read_body(&request, payload).await?;
    match app.change_service(ServiceCommand::Create { id, name }).await? {
        ServiceChange::Created(service)
        | ServiceChange::Replaced(service)
        | ServiceChange::Unchanged(service) => Ok(HttpResponse::Created()
            .insert_header((header::LOCATION, format!("/services/{}", service.id)))
            .json(ServiceView::of(&service))),
        ServiceChange::Deleted(_) => Ok(HttpResponse::NoContent().finish()),
    }
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
    let body = read_body(&request, payload).await?;
    problem::check_same_id(Code::InvalidService, body.id.as_ref(), &id)?;
    let service = Service { id, name: body.name };
    app.change_service(ServiceCommand::Replace(service.clone())).await?;
    Ok(HttpResponse::Ok().json(ServiceView::of(&service)))
}

/// `DELETE /services/{id}`
pub(crate) async fn delete(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    app.change_service(ServiceCommand::Delete(id)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The number in the path. One that no service can have is not found.
pub(crate) fn path_id(request: &HttpRequest) -> Result<ServiceId, Problem> {
    let text = request.match_info().get("id").unwrap_or_default();
    ServiceId::parse(text)
        .map_err(|_impossible| Problem::new(Code::NotFound, "There is no such service."))
}

async fn read_body(request: &HttpRequest, payload: Payload) -> Result<ServiceBody, Problem> {
    let (sends, code) = (headers::sends_json, Code::InvalidService);
    body::read_json(request, payload, sends, code, wire::read_service).await
}

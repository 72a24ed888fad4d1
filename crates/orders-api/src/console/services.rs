//! The page of services; admins also change them there.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use orders_core::service::{ServiceCommand, ServiceName};
use orders_core::{Service, ServiceId};

use super::form::Form;
use super::layout::{self, Layout};
use crate::http::problem::{Code, Problem};
use crate::http::request_context;
use crate::services;
use crate::store_client::StoreClient;

/// The number of services on a page.
const ROWS: usize = 500;

#[derive(Template)]
#[template(path = "console/services.html")]
struct ServicesPage {
    layout: Layout,
    rows: Vec<Service>,
    next: Option<ServiceId>,
    refusal: Option<String>,
}

/// `GET /console/services`
pub(crate) async fn show(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    render(&request, &store, StatusCode::OK, None).await
}

/// `POST /console/services`
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let form = Form::read(&request, payload).await?;
    let command = |name| ServiceCommand::Create { id: None, name };
    change(&request, &store, read_name(&form).map(command)).await
}

/// `POST /console/services/{id}`
pub(crate) async fn rename(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = services::path_id(&request)?;
    let form = Form::read(&request, payload).await?;
    let command = |name| ServiceCommand::Replace(Service { id, name });
    change(&request, &store, read_name(&form).map(command)).await
}

/// `POST /console/services/{id}/delete`
pub(crate) async fn delete(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = services::path_id(&request)?;
    change(&request, &store, Ok(ServiceCommand::Delete(id))).await
}

fn read_name(form: &Form) -> Result<ServiceName, Problem> {
    ServiceName::parse(form.one("name"))
        .map_err(|error| Problem::new(Code::InvalidService, format!("The name {error}.")))
}

async fn change(
    request: &HttpRequest,
    store: &StoreClient,
    command: Result<ServiceCommand, Problem>,
) -> Result<HttpResponse, Problem> {
    let done = match command {
        Ok(command) => {
            let changed =
                store.change(request_context::author(request), command, None, |_| None).await;
            changed.map(drop).map_err(Problem::from)
        }
        Err(problem) => Err(problem),
    };
    match done {
        Ok(()) => Ok(layout::go_to("/console/services")),
        Err(problem) if problem.status().is_client_error() => {
            let refusal = Some(problem.detail().to_owned());
            render(request, store, problem.status(), refusal).await
        }
        Err(problem) => Err(problem),
    }
}

async fn render(
    request: &HttpRequest,
    store: &StoreClient,
    status: StatusCode,
    refusal: Option<String>,
) -> Result<HttpResponse, Problem> {
    let query = form_urlencoded::parse(request.query_string().as_bytes());
    let after =
        query.filter(|(name, _)| name == "after").find_map(|(_, id)| ServiceId::parse(&id).ok());
    let mut rows = store.run_blocking(move |store| store.list_services(after, ROWS + 1)).await?;
    let more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let next = rows.last().map(|last| last.id).filter(|_| more);
    let layout = Layout::new(request, "services", "Services");
    layout::show(request, status, &ServicesPage { layout, rows, next, refusal })
}

//! The routes: which path and method leads to which handler, and what the document says of it.

mod resource;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};

use crate::problem::{self, Code, Problem};
use crate::{availability, batch, docs, history, openapi, orders, services, status, streams};

pub(crate) use resource::Resource;

/// All resources of the service. The router and the OpenAPI document are both made from this.
pub(crate) fn resources() -> Vec<Resource> {
    use openapi as of;
    let order = |request: &_| orders::path_id(request).map(drop);
    let service = |request: &_| services::path_id(request).map(drop);
    vec![
        Resource::at("/orders").on(Method::GET, orders::list, of::orders::list).on(
            Method::POST,
            orders::create,
            of::orders::create,
        ),
        Resource::at("/orders.ndjson").on(Method::GET, streams::ndjson, of::orders::ndjson),
        Resource::at("/orders.csv").on(Method::GET, streams::csv, of::orders::csv),
        Resource::at("/orders.ics").on(Method::GET, streams::calendar, of::orders::calendar),
        Resource::at("/orders/batch").on(Method::POST, batch::change, of::batch::change),
        Resource::at("/orders/{id}")
            .only_where(order)
            .on(Method::GET, orders::find, of::orders::find)
            .on(Method::PUT, orders::replace, of::orders::replace)
            .on(Method::PATCH, orders::patch, of::orders::patch)
            .on(Method::DELETE, orders::delete, of::orders::delete),
        Resource::at("/orders/{id}/history").only_where(order).on(
            Method::GET,
            history::list,
            of::history::list,
        ),
        Resource::at("/orders/{id}/restore").only_where(order).on(
            Method::POST,
            history::restore,
            of::history::restore,
        ),
        Resource::at("/services").on(Method::GET, services::list, of::services::list).on(
            Method::POST,
            services::create,
            of::services::create,
        ),
        Resource::at("/services/{id}")
            .only_where(service)
            .on(Method::GET, services::find, of::services::find)
            .on(Method::PUT, services::replace, of::services::replace)
            .on(Method::DELETE, services::delete, of::services::delete),
        Resource::at("/availability").on(Method::GET, availability::find, of::availability::find),
        Resource::at("/policy").on(Method::GET, status::policy, of::status::policy),
        Resource::at("/problems/{code}")
            .only_where(|request| problem::path_code(request).map(drop))
            .on(Method::GET, problem::find, of::docs::problem),
        Resource::at("/healthz").on(Method::GET, status::health, of::status::health),
        Resource::at("/readyz").on(Method::GET, status::readiness, of::status::readiness),
        Resource::at("/openapi.json").on(Method::GET, docs::document, of::docs::document),
        Resource::at("/docs").on(Method::GET, docs::page, of::docs::page),
        Resource::at("/docs/{file}").only_where(|request| docs::path_file(request).map(drop)).on(
            Method::GET,
            docs::file,
            of::docs::file,
        ),
    ]
}

/// Has the router answer by the table.
pub(crate) fn configure(config: &mut ServiceConfig) {
    for resource in resources() {
        config.service(resource.into_service());
    }
    config.default_service(web::to(not_found));
}

async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Problem::new(Code::NotFound, "There is nothing at this path."))
}

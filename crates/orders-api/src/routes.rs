//! The routes: which path and method leads to which handler.

use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource, Route};

use crate::problem::{self, Code, Problem};
use crate::{availability, batch, history, orders, services, status, streams};

/// All routes of the service.
pub(crate) fn configure(config: &mut ServiceConfig) {
    config
        .service(
            resource("/orders", &["GET", "HEAD", "POST"], |_| Ok(()))
                .route(web::get().to(orders::list))
                .route(web::head().to(orders::list))
                .route(web::post().to(orders::create)),
        )
        .service(
            resource("/orders.ndjson", &["GET", "HEAD"], |_| Ok(()))
                .route(web::get().to(streams::ndjson))
                .route(web::head().to(streams::ndjson)),
        )
        .service(
            resource("/orders.csv", &["GET", "HEAD"], |_| Ok(()))
                .route(web::get().to(streams::csv))
                .route(web::head().to(streams::csv)),
        )
        .service(
            resource("/orders.ics", &["GET", "HEAD"], |_| Ok(()))
                .route(web::get().to(streams::calendar))
                .route(web::head().to(streams::calendar)),
        )
        .service(
            resource("/orders/batch", &["POST"], |_| Ok(())).route(web::post().to(batch::change)),
        )
        .service(
            resource("/orders/{id}", &["GET", "HEAD", "PUT", "PATCH", "DELETE"], |request| {
                orders::path_id(request).map(drop)
            })
            .route(web::get().to(orders::find))
            .route(web::head().to(orders::find))
            .route(web::put().to(orders::replace))
            .route(web::patch().to(orders::patch))
            .route(web::delete().to(orders::delete)),
        )
        .service(
            resource("/orders/{id}/history", &["GET", "HEAD"], |request| {
                orders::path_id(request).map(drop)
            })
            .route(web::get().to(history::list))
            .route(web::head().to(history::list)),
        )
        .service(
            resource("/orders/{id}/restore", &["POST"], |request| {
                orders::path_id(request).map(drop)
            })
            .route(web::post().to(history::restore)),
        )
        .service(
            resource("/services", &["GET", "HEAD", "POST"], |_| Ok(()))
                .route(web::get().to(services::list))
                .route(web::head().to(services::list))
                .route(web::post().to(services::create)),
        )
        .service(
            resource("/services/{id}", &["GET", "HEAD", "PUT", "DELETE"], |request| {
                services::path_id(request).map(drop)
            })
            .route(web::get().to(services::find))
            .route(web::head().to(services::find))
            .route(web::put().to(services::replace))
            .route(web::delete().to(services::delete)),
        )
        .service(
            resource("/availability", &["GET", "HEAD"], |_| Ok(()))
                .route(web::get().to(availability::find))
                .route(web::head().to(availability::find)),
        )
        .service(
            resource("/policy", &["GET", "HEAD"], |_| Ok(()))
                .route(web::get().to(status::policy))
                .route(web::head().to(status::policy)),
        )
        .service(
            resource("/problems/{code}", &["GET", "HEAD"], |request| {
                problem::path_code(request).map(drop)
            })
            .route(web::get().to(problem::find))
            .route(web::head().to(problem::find)),
        )
        .service(
            resource("/healthz", &["GET", "HEAD"], |_| Ok(()))
                .route(web::get().to(status::health))
                .route(web::head().to(status::health)),
        )
        .service(
            resource("/readyz", &["GET", "HEAD"], |_| Ok(()))
                .route(web::get().to(status::readiness))
                .route(web::head().to(status::readiness)),
        )
        .default_service(web::to(not_found));
}

/// A resource that answers OPTIONS, and any method that it has not with 405. `exists` tells
/// whether the path can be one at all.
fn resource(
    path: &str,
    methods: &'static [&'static str],
    exists: fn(&HttpRequest) -> Result<(), Problem>,
) -> Resource {
    web::resource(path).default_service(other_methods(methods, exists))
}

fn other_methods(
    methods: &'static [&'static str],
    exists: fn(&HttpRequest) -> Result<(), Problem>,
) -> Route {
    web::to(move |request: HttpRequest| async move {
        exists(&request)?;
        let allow = format!("{}, OPTIONS", methods.join(", "));
        if request.method() == "OPTIONS" {
            return Ok(HttpResponse::NoContent().insert_header((header::ALLOW, allow)).finish());
        }
        let method: String = request.method().as_str().chars().take(32).collect();
        Err(Problem::new(
            Code::MethodNotAllowed,
            format!("{method} is not possible here; {allow} are."),
        )
        .with_header(header::ALLOW, allow))
    })
}

async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Problem::new(Code::NotFound, "There is nothing at this path."))
}

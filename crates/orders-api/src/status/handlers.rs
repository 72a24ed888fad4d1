//! Handlers of health and readiness.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;
use orders_db::ReadPool;
use serde::Serialize;
use utoipa::ToSchema;

use crate::events::Live;
use crate::http::problem::{Code, Problem};
use crate::store_client::StoreClient;

/// The status of the service.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Status)]
pub(crate) struct StatusView {
    #[schema(pattern = "^(ok|ready)$")]
    status: &'static str,
}

/// `GET /healthz`: whether the process is running.
pub(crate) async fn health() -> HttpResponse {
    HttpResponse::Ok().json(StatusView { status: "ok" })
}

/// `GET /readyz`: whether the database responds and the process is not shutting down.
pub(crate) async fn readiness(
    store: Data<StoreClient>,
    live: Data<Live>,
) -> Result<HttpResponse, Problem> {
    if live.is_shutting_down() {
        return Err(Problem::new(Code::Overloaded, "The service is shutting down.")
            .with_header(header::RETRY_AFTER, "1"));
    }
    store.run_blocking(ReadPool::find_policy).await?;
    Ok(HttpResponse::Ok().json(StatusView { status: "ready" }))
}

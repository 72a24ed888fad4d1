//! The peer on PostgreSQL: axum and tokio-postgres with pipelined connections, one prepared statement
//! per create, and the service's tables and constraint. Supports only the measured requests.

mod database;
mod wire;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::database::{Database, Failure};
use crate::wire::{ConflictProblem, Order, OrderAnswer, OrderBody, Page, ServiceBody};

type Shared = State<Arc<Database>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let database = Database::open(&option("--database-url")?).await?;
    let router = Router::new()
        .route("/services", post(create_service))
        .route("/orders", post(create_order).get(list_orders))
        .route("/orders/{id}", get(find_order).put(replace_order))
        .with_state(Arc::new(database));
    let listener = TcpListener::bind(option("--bind")?).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    eprintln!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, router)
        .with_graceful_shutdown(async move {
            terminate.recv().await;
        })
        .await?;
    Ok(())
}

/// The value of a command-line option.
fn option(name: &str) -> Result<String, String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).ok_or_else(|| format!("{name} is missing"))
}

async fn create_service(
    State(database): Shared,
    Json(body): Json<ServiceBody>,
) -> Result<Response, Failure> {
    database.create_service(body.id, &body.name).await?;
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

async fn create_order(
    State(database): Shared,
    Json(body): Json<OrderBody>,
) -> Result<Response, Failure> {
    let order = body.into_order(None, now_ms())?;
    database.create(&order).await?;
    let mut headers = etag(&order);
    if let Ok(location) = HeaderValue::from_str(&format!("/orders/{}", order.id)) {
        headers.insert(header::LOCATION, location);
    }
    Ok((StatusCode::CREATED, headers, Json(OrderAnswer::of(&order))).into_response())
}

async fn find_order(State(database): Shared, Path(id): Path<String>) -> Result<Response, Failure> {
    let order = database.find(&id).await?;
    Ok((etag(&order), Json(OrderAnswer::of(&order))).into_response())
}

async fn replace_order(
    State(database): Shared,
    Path(id): Path<String>,
    Json(body): Json<OrderBody>,
) -> Result<Response, Failure> {
    let order = database.replace(body.into_order(Some(id), now_ms())?).await?;
    Ok((etag(&order), Json(OrderAnswer::of(&order))).into_response())
}

#[derive(Deserialize)]
struct PageQuery {
    limit: Option<i64>,
    from: Option<DateTime<Utc>>,
}

async fn list_orders(
    State(database): Shared,
    Query(query): Query<PageQuery>,
) -> Result<Response, Failure> {
    let from_ms = query.from.map_or(i64::MIN, |from| from.timestamp_millis());
    let orders = database.page(from_ms, query.limit.unwrap_or(100).clamp(1, 1000)).await?;
    Ok(Json(Page::of(&orders)).into_response())
}

fn etag(order: &Order) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("\"{}\"", order.version));
    value.into_iter().map(|value| (header::ETAG, value)).collect()
}

fn now_ms() -> i64 {
    Utc::now().timestamp_millis()
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::Invalid(what) => (StatusCode::UNPROCESSABLE_ENTITY, what).into_response(),
            Self::NotFound => StatusCode::NOT_FOUND.into_response(),
            Self::Exists => StatusCode::CONFLICT.into_response(),
            Self::TooClose { order_id, start_ms, asked_ms } => {
                let problem = ConflictProblem::of(&order_id, start_ms, asked_ms);
                let json = [(header::CONTENT_TYPE, "application/problem+json")];
                (StatusCode::CONFLICT, json, Json(problem)).into_response()
            }
            Self::Database(error) => {
                eprintln!("{error}");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

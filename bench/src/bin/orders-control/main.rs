//! The control: the service's schema and answers, implemented in the usual good way with `web::block`,
//! a pool and one transaction per request. Supports only the measured requests.
#![expect(
    clippy::disallowed_methods,
    reason = "made by hand, with none of the service's own crates"
)]

mod database;
mod postgres;
mod rows;
mod sqlite;
mod wire;

use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::error::{ErrorInternalServerError, ErrorUnprocessableEntity};
use actix_web::http::header;
use actix_web::{App, HttpResponse, HttpServer, Result, web};
use clap::{Parser, Subcommand};

use crate::database::{Created, Database};
use crate::rows::{OrderRow, ServiceRow};
use crate::wire::{Conflict, ConflictProblem, OrderAnswer, OrderBody, ServiceBody};

/// The server to compare with. Takes the options that the benchmark passes to all servers.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve {
        #[arg(long)]
        bind: String,
        /// postgres://… or the path of an SQLite file
        #[arg(long)]
        database_url: String,
        /// Ignored: there is no drain delay
        #[arg(long)]
        drain_delay: Option<String>,
    },
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let Args { command: Command::Serve { bind, database_url, .. } } = Args::parse();
    let database = Database::open(&database_url).map_err(std::io::Error::other)?;
    let workers = std::thread::available_parallelism()?.get();
    // One blocking thread per connection. More would only wait and cost memory.
    let blocking_threads = (database.threads() / workers).max(1);
    let database = web::Data::new(database);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(database.clone())
            .route("/services", web::post().to(create_service))
            .route("/orders", web::post().to(create_order))
            .route("/orders/{id}", web::get().to(find_order))
    })
    .workers(workers)
    .worker_max_blocking_threads(blocking_threads)
    .bind(bind)?;
    for address in server.addrs() {
        eprintln!("listening on http://{address}");
    }
    server.run().await
}

async fn create_service(
    database: web::Data<Database>,
    body: web::Json<ServiceBody>,
) -> Result<HttpResponse> {
    let row =
        ServiceRow { id: body.id, name: body.name.clone(), name_key: body.name.to_lowercase() };
    web::block(move || database.create_service(&row)).await?.map_err(ErrorInternalServerError)?;
    Ok(HttpResponse::Created().json(body))
}

async fn create_order(
    database: web::Data<Database>,
    body: web::Json<OrderBody>,
) -> Result<HttpResponse> {
    let (mut order, uses) =
        body.into_inner().into_row(now_ms()).map_err(ErrorUnprocessableEntity)?;
    let (order, created) = web::block(move || {
        let created = database.create(&mut order, &uses);
        (order, created)
    })
    .await?;
    match created.map_err(ErrorInternalServerError)? {
        Created::Stored => Ok(HttpResponse::Created()
            .insert_header((header::LOCATION, format!("/orders/{}", order.id)))
            .insert_header((header::ETAG, format!("\"{}\"", order.version)))
            .json(OrderAnswer::of(&order).map_err(ErrorInternalServerError)?)),
        Created::TooClose(neighbours) => Ok(refusal(&order, neighbours)),
    }
}

async fn find_order(database: web::Data<Database>, id: web::Path<String>) -> Result<HttpResponse> {
    let found = web::block(move || database.find(&id)).await?.map_err(ErrorInternalServerError)?;
    let Some(order) = found else { return Ok(HttpResponse::NotFound().finish()) };
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, format!("\"{}\"", order.version)))
        .json(OrderAnswer::of(&order).map_err(ErrorInternalServerError)?))
}

fn refusal(order: &OrderRow, neighbours: Vec<(String, i64)>) -> HttpResponse {
    let conflicts: Vec<Conflict> = neighbours
        .into_iter()
        .map(|(id, start_ms)| Conflict::new(id, start_ms, order.datetime_ms))
        .collect();
    HttpResponse::Conflict().content_type("application/problem+json").json(ConflictProblem {
        r#type: "/problems/order-conflict",
        title: "Too close to another order",
        status: 409,
        detail: "Orders must be at least 3 hours apart.".to_owned(),
        instance: "/orders",
        conflict_count: conflicts.len(),
        conflicts,
    })
}

fn now_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

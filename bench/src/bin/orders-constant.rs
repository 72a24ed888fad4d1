//! Answers every request with the same order, from a server like the service's: the limit of HTTP,
//! the load generator and the machine.

use actix_web::http::header;
use actix_web::{App, HttpResponse, HttpServer, web};
use clap::{Parser, Subcommand};

/// An order as the service returns it, of the same size.
const ORDER: &str = r#"{"id":"order-00000000","datetime":"2030-01-01T00:00:00.000Z","totalfee":100,"services":[{"id":"123"}],"version":1,"created_at":"2026-01-01T00:00:00.000Z","updated_at":"2026-01-01T00:00:00.000Z"}"#;

/// A server with one answer. Takes the options that the benchmark passes to all servers.
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
        /// Ignored: there is no database
        #[arg(long)]
        database_url: Option<String>,
        /// Ignored: there is no drain delay
        #[arg(long)]
        drain_delay: Option<String>,
    },
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let Args { command: Command::Serve { bind, .. } } = Args::parse();
    let server = HttpServer::new(|| App::new().default_service(web::to(answer))).bind(bind)?;
    for address in server.addrs() {
        eprintln!("listening on http://{address}");
    }
    server.run().await
}

async fn answer() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::ETAG, "\"1\""))
        .insert_header(("x-request-id", "00000000-0000-7000-8000-000000000000"))
        .content_type("application/json")
        .body(ORDER)
}

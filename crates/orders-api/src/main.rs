//! The HTTP service and its command line.

mod access;
mod app;
mod auth;
mod availability;
mod batch;
mod body;
mod cli;
mod console;
mod cors;
mod cursor;
mod docs;
mod events;
mod headers;
mod history;
mod json;
mod keys;
mod limits;
mod listen;
mod lists;
mod logging;
mod middleware;
mod openapi;
mod orders;
mod patience;
mod policy;
mod problem;
mod query;
mod retries;
mod routes;
mod seed;
mod serve;
mod services;
mod status;
mod streams;
mod tls;
mod wait;
mod webhooks;
mod wire;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use mimalloc::MiMalloc;
use orders_db::{Store, StoreError, StoreOptions};

use crate::cli::{Command, Common, DocumentFormat};

/// Gives memory back to the system once it is free: after ten thousand connections the C library's
/// allocator keeps nearly all that they took.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let (common, command) = cli::read();
    logging::start(&common.log, common.log_format);
    match run(&common, &command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            match error.downcast_ref() {
                Some(StoreError::Url(_)) => ExitCode::from(2),
                Some(_) | None => ExitCode::FAILURE,
            }
        }
    }
}

fn run(common: &Common, command: &Command) -> Result<(), Box<dyn Error>> {
    if let Command::Openapi { format } = command {
        return print(*format);
    }
    let database = common.database()?;
    let ran = orders_db::migrate(&database)?;
    log::info!("{database}: schema up to date, {ran} migrations run");
    let open_as = |options| Store::open(&database, options);
    let open = || open_as(StoreOptions::default());
    match command {
        Command::Migrate | Command::Openapi { .. } => Ok(()),
        Command::Serve(options) => {
            let event_retention = options.event_retention;
            let store = open_as(StoreOptions { event_retention, ..StoreOptions::default() })?;
            if options.sample_data {
                load(&store, None)?;
            }
            serve::run(store, options)
        }
        Command::Seed { file } => load(&open()?, file.as_deref()),
        Command::Keys { command } => keys::commands::run(&open()?, command),
        Command::Policy { command } => policy::run(&open()?, command),
    }
}

fn print(format: DocumentFormat) -> Result<(), Box<dyn Error>> {
    let document = match format {
        DocumentFormat::Json => openapi::json().to_owned() + "\n",
        DocumentFormat::Markdown => openapi::markdown(),
    };
    Ok(std::io::stdout().write_all(document.as_bytes())?)
}

fn load(store: &Store, file: Option<&std::path::Path>) -> Result<(), Box<dyn Error>> {
    let seed::Seeded { services, orders } = seed::seed(store, file)?;
    log::info!("loaded {services} services and {orders} orders that were not there before");
    Ok(())
}

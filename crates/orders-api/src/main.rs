//! The HTTP service and its command line.

mod access;
mod access_log;
mod app;
mod auth;
mod availability;
mod awake;
mod backup;
mod batch;
mod body;
mod cli;
mod console;
mod cors;
mod cursor;
mod docs;
mod doctor;
mod events;
mod export;
#[cfg(test)]
mod fuzz;
mod headers;
mod healthcheck;
mod history;
mod import;
mod json;
mod keys;
mod limits;
mod listen;
mod lists;
mod logging;
mod metrics;
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
mod trace;
mod wait;
mod webhooks;
mod wire;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use mimalloc::MiMalloc;
use orders_db::{DatabaseUrl, ProcessLock, Store, StoreError, StoreOptions};

use crate::cli::{Command, Common, DocumentFormat};
use crate::trace::Tracing;

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
            let is_usage = matches!(error.downcast_ref(), Some(StoreError::Url(_)))
                || error.downcast_ref::<Usage>().is_some();
            if is_usage { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

/// A command that was given wrongly, in a way that only shows when it is run.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

fn run(common: &Common, command: &Command) -> Result<(), Box<dyn Error>> {
    // These need no database.
    if let Command::Openapi { format } = command {
        return print(*format);
    }
    if let Command::Healthcheck(options) = command {
        return healthcheck::run(options);
    }
    let database = common.database()?;
    match command {
        Command::Doctor(options) => return doctor::run(&database, options),
        Command::Backup { file } => return backup::back_up(&database, file),
        Command::Restore { file } => return backup::restore(&database, file),
        Command::Move { to } => return backup::move_to(&database, to),
        // Of what is not there nothing is exported, nor is it made.
        Command::Export(_) => export::check_is_there(&database)?,
        Command::Serve(_)
        | Command::Migrate
        | Command::Seed { .. }
        | Command::Import(_)
        | Command::Policy { .. }
        | Command::Keys { .. }
        | Command::Openapi { .. }
        | Command::Healthcheck(_) => {}
    }
    let _in_use = ProcessLock::shared(&database)?;
    run_on(&database, command)
}

/// Runs a command that needs the schema to be up to date.
fn run_on(database: &DatabaseUrl, command: &Command) -> Result<(), Box<dyn Error>> {
    let ran = orders_db::migrate(database)?;
    log::info!("{database}: schema up to date, {ran} migrations run");
    let open_as = |options| Store::open(database, options);
    let open = || open_as(StoreOptions::default());
    match command {
        Command::Import(options) => import::run(&open()?, options),
        Command::Export(options) => export::run(database, options),
        Command::Serve(options) => {
            let tracing = Tracing::start(cli::wants_traces())?;
            let event_retention = options.event_retention;
            let follow_writes = tracing.is_on();
            let store = open_as(StoreOptions {
                event_retention,
                follow_writes,
                ..StoreOptions::default()
            })?;
            if options.sample_data {
                load(&store, None)?;
            }
            let served = serve::run(store, options, tracing.clone());
            tracing.end();
            served
        }
        Command::Seed { file } => load(&open()?, file.as_deref()),
        Command::Keys { command } => keys::commands::run(&open()?, command),
        Command::Policy { command } => policy::run(database, command),
        // The others were run before.
        Command::Migrate
        | Command::Openapi { .. }
        | Command::Healthcheck(_)
        | Command::Doctor(_)
        | Command::Backup { .. }
        | Command::Restore { .. }
        | Command::Move { .. } => Ok(()),
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

//! The booking service: an HTTP API with its command line.

mod availability;
mod cli;
mod console;
mod docs;
mod events;
#[cfg(test)]
mod fuzz;
mod http;
mod keys;
mod orders;
mod routes;
mod security;
mod server;
mod services;
mod state;
mod status;
mod store_client;
mod webhooks;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use mimalloc::MiMalloc;
use orders_db::{DatabaseUrl, ProcessLock, Store, StoreError, StoreOptions};

use crate::cli::{Command, Common, DocumentFormat};
use crate::docs::Document;
use crate::http::trace::Tracing;

/// Returns free memory to the system. The allocator of the C library keeps nearly all the memory of ten
/// thousand connections after they are closed.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::file_access::restrict_new_files();
    let (common, command) = cli::read();
    server::logging::start(&common.log, common.log_format);
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

/// A usage error that is found only when the command runs.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

fn run(common: &Common, command: &Command) -> Result<(), Box<dyn Error>> {
    // These need no database.
    if let Command::Openapi { format } = command {
        return print(*format);
    }
    if let Command::Healthcheck(options) = command {
        return cli::healthcheck::run(options);
    }
    let database = common.database()?;
    match command {
        Command::Doctor(options) => return cli::doctor::run(&database, options),
        Command::Backup { file } => return cli::backup::back_up(&database, file),
        Command::Restore { file } => return cli::backup::restore(&database, file),
        Command::Move { to } => return cli::backup::move_to(&database, to),
        // An export does not create a missing database.
        Command::Export(_) => cli::export::check_is_there(&database)?,
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
        Command::Import(options) => cli::import::run(&open()?, options),
        Command::Export(options) => cli::export::run(database, options),
        Command::Serve(options) => {
            let tracing = Tracing::start(cli::wants_traces())?;
            let event_retention = options.event_retention;
            let follow_writes = tracing.is_on();
            let store = open_as(StoreOptions {
                event_retention,
                follow_writes,
                ..StoreOptions::default()
            })?;
            cli::file_access::warn_of_open_files(database);
            if let Some(directory) = &options.assets_dir {
                console::read_assets_from(directory.clone());
            }
            if options.sample_data {
                load(&store, None)?;
            }
            let served = state::serve(store, options, tracing.clone());
            tracing.shut_down();
            served
        }
        Command::Seed { file } => load(&open()?, file.as_deref()),
        Command::Keys { command } => cli::keys::run(&open()?, command),
        Command::Policy { command } => cli::policy::run(database, command),
        // `run` handles the others.
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
    let document = Document::new(routes::endpoints);
    let text = match format {
        DocumentFormat::Json => document.json().to_owned() + "\n",
        DocumentFormat::Markdown => document.markdown(),
    };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

fn load(store: &Store, file: Option<&std::path::Path>) -> Result<(), Box<dyn Error>> {
    let cli::seed::Seeded { services, orders } = cli::seed::seed(store, file)?;
    log::info!("loaded {services} new services and {orders} new orders");
    Ok(())
}

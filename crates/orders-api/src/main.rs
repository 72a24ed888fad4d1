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
use std::process::ExitCode;

use mimalloc::MiMalloc;
use orders_db::{DatabaseUrl, Store, StoreOptions};

use crate::cli::database::{describe_migration, lock_and_migrate, lock_existing, lock_or_create};
use crate::cli::output::{self, print};
use crate::cli::{Command, Common, DocumentFormat, ServeOptions, documents, environment};
use crate::docs::Document;
use crate::http::trace::Tracing;
use crate::server::listen::Listener;

/// Returns free memory to the system. The allocator of the C library keeps nearly all the memory of ten
/// thousand connections after they are closed.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::file_access::restrict_new_files();
    let (common, command) = cli::read();
    server::logging::start(&common.log, common.log_format);
    run(&common, &command).map_or_else(|error| output::report(&*error), |()| ExitCode::SUCCESS)
}

fn run(common: &Common, command: &Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Openapi { format } => return Ok(print(&document(*format))?),
        Command::Completions { shell } => return Ok(documents::print_completions(*shell)?),
        Command::Man { dir } => return documents::write_man_pages(dir.as_deref()),
        Command::Healthcheck(options) => return cli::healthcheck::run(options),
        Command::Serve(_)
        | Command::Migrate { .. }
        | Command::Seed
        | Command::Import(_)
        | Command::Export(_)
        | Command::Doctor(_)
        | Command::Backup { .. }
        | Command::Restore { .. }
        | Command::RenewFeed
        | Command::Move { .. }
        | Command::Policy { .. }
        | Command::Keys { .. } => {}
    }
    environment::warn_of_unknown();
    run_on(&common.database()?, command)
}

/// Runs a command on a database.
fn run_on(database: &DatabaseUrl, command: &Command) -> Result<(), Box<dyn Error>> {
    let open = || Store::open(database, StoreOptions::default());
    match command {
        Command::Serve(options) => serve(database, options),
        Command::Migrate { check: true } => Ok(print(&describe_migration(database)?)?),
        Command::Migrate { check: false } => Ok(lock_and_migrate(database).map(drop)?),
        Command::Seed => {
            let _in_use = lock_or_create(database)?;
            load_sample_data(&open()?)
        }
        Command::Import(options) => cli::import::run(database, options),
        Command::Export(options) => cli::export::run(database, options),
        Command::Doctor(options) => cli::doctor::run(database, options),
        Command::Backup { file } => cli::backup::back_up(database, file),
        Command::Restore { file } => cli::backup::restore(database, file),
        Command::RenewFeed => {
            let _in_use = lock_existing(database)?;
            open()?.renew_event_feed()?;
            log::info!("{database}: the feed of events has a new id; its followers start over");
            Ok(())
        }
        Command::Move { to } => cli::backup::move_to(database, to),
        Command::Policy { command } => {
            let _in_use = lock_existing(database)?;
            cli::policy::run(database, command)
        }
        Command::Keys { command } => {
            let _in_use = lock_existing(database)?;
            cli::keys::run(&open()?, command)
        }
        // `run` handles them.
        Command::Openapi { .. }
        | Command::Completions { .. }
        | Command::Man { .. }
        | Command::Healthcheck(_) => Ok(()),
    }
}

fn serve(database: &DatabaseUrl, options: &ServeOptions) -> Result<(), Box<dyn Error>> {
    // What cannot be served is found before the database is touched.
    let environment_key = environment::own_key()?;
    let listener = Listener::bind(options)?;
    let _in_use = lock_and_migrate(database)?;
    let tracing = Tracing::start(environment::wants_traces())?;
    let store = Store::open(
        database,
        StoreOptions {
            event_retention: options.event_retention,
            follow_writes: tracing.is_on(),
            ..StoreOptions::default()
        },
    )?;
    cli::file_access::warn_of_open_files(database);
    if let Some(directory) = &options.assets_dir {
        console::read_assets_from(directory.clone());
    }
    if options.sample_data {
        load_sample_data(&store)?;
    }
    let policy = cli::auth_policy::from_options(&store, options, environment_key.as_deref())?;
    let served = state::serve(store, policy, options, tracing.clone(), listener);
    tracing.shut_down();
    served
}

fn document(format: DocumentFormat) -> String {
    let document = Document::new(routes::endpoints);
    match format {
        DocumentFormat::Json => document.json().to_owned() + "\n",
        DocumentFormat::Markdown => document.markdown(),
    }
}

fn load_sample_data(store: &Store) -> Result<(), Box<dyn Error>> {
    let cli::seed::Seeded { services, orders } = cli::seed::seed(store)?;
    log::info!("loaded {services} new services and {orders} new orders");
    Ok(())
}

//! The command line. Every option is an environment variable too.

pub(crate) mod auth_policy;
pub(crate) mod backup;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod file_access;
pub(crate) mod healthcheck;
pub(crate) mod import;
pub(crate) mod keys;
mod keys_options;
pub(crate) mod policy;
mod policy_options;
pub(crate) mod seed;
mod serve_options;
mod transfer_options;
pub(crate) mod wait;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use orders_core::Period;
use orders_db::DatabaseUrl;

pub(crate) use keys_options::KeysCommand;
pub(crate) use policy_options::PolicyCommand;
pub(crate) use serve_options::{Auth, ServeOptions};
pub(crate) use transfer_options::{
    DoctorOptions, ExportOptions, FileFormat, ImportOptions, OnConflict,
};

/// A booking service with an orders API: no two orders are closer than a minimum gap.
///
/// Without a command, `serve` runs.
#[derive(Debug, Parser)]
#[command(name = "orders-api", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    serve: ServeOptions,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The options of all commands.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The database: `postgres://…`, `sqlite:///path`, or the path of an SQLite file. Default:
    /// `$DATABASE_URL`, else `orders.db` in the data directory
    #[arg(long, global = true, env = "ORDERS_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// The directory of the embedded database, which is created on first start
    #[arg(long, global = true, env = "ORDERS_DATA_DIR", default_value = "./data")]
    data_dir: PathBuf,
    /// What to log: `error`, `warn`, `info`, `debug`, or filters as `env_logger` reads them
    #[arg(long, global = true, env = "ORDERS_LOG", default_value = "info")]
    pub(crate) log: String,
    /// The format of log lines
    #[arg(long, global = true, env = "ORDERS_LOG_FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Plain text.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Migrate the database, then serve requests
    Serve(Box<ServeOptions>),
    /// Migrate the database schema
    Migrate,
    /// Load the sample data, or similar data from a file. Loading it twice changes nothing
    Seed {
        /// A file in the format of the sample data
        file: Option<PathBuf>,
    },
    /// Import orders from JSON, NDJSON or CSV. Prints the result of each row
    Import(ImportOptions),
    /// Export all services and orders as of one moment
    Export(ExportOptions),
    /// Check the database for inconsistencies
    Doctor(DoctorOptions),
    /// Copy an SQLite database to a new file while it is in use
    Backup {
        /// The file, which must not exist
        file: PathBuf,
    },
    /// Replace an SQLite database with a backup. No process may use the database
    Restore {
        /// The backup
        file: PathBuf,
    },
    /// Move an SQLite database into an empty PostgreSQL database. No process may use it
    Move {
        /// The URL of the PostgreSQL database
        #[arg(long, env = "ORDERS_TO", hide_env_values = true, value_name = "URL")]
        to: String,
    },
    /// Show or change the policy of the database, which all processes follow
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Create, list, revoke and rotate API keys
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Check that the local server is running. Exits with 1 if it is not. For containers
    Healthcheck(HealthcheckOptions),
    /// Print the OpenAPI document. Needs no database
    Openapi {
        /// The format
        #[arg(long, env = "ORDERS_OPENAPI_FORMAT", default_value = "json")]
        format: DocumentFormat,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct HealthcheckOptions {
    /// The address that the server listens on
    #[arg(long, env = "ORDERS_BIND", default_value = "127.0.0.1:8080")]
    pub(crate) bind: SocketAddr,
    /// The file of its TLS certificate, if it uses TLS
    #[arg(long, env = "ORDERS_TLS_CERT")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Also check that its database responds and that it is not shutting down
    #[arg(long, env = "ORDERS_READY", value_parser = FalseyValueParser::new())]
    pub(crate) ready: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocumentFormat {
    /// The OpenAPI document.
    Json,
    /// An API reference.
    Markdown,
}

/// Parses the command line. Prints help or an error and exits where that is all there is to do.
pub(crate) fn read() -> (Common, Command) {
    let mut parser = Cli::command();
    let matches = parser.get_matches_mut();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let misplaced = cli.command.is_some().then(|| given_option(&matches)).flatten();
    if let Some(option) = misplaced {
        let message = format!("--{} must follow the command `serve`", option.replace('_', "-"));
        parser.error(clap::error::ErrorKind::ArgumentConflict, message).exit();
    }
    (cli.common, cli.command.unwrap_or_else(|| Command::Serve(Box::new(cli.serve))))
}

/// The first option of `serve` that precedes another command.
fn given_option(matches: &ArgMatches) -> Option<String> {
    let serve = ServeOptions::augment_args(clap::Command::new("serve"));
    let mut names = serve.get_arguments().map(|argument| argument.get_id().as_str());
    let given = |name: &&str| matches.value_source(name) == Some(ValueSource::CommandLine);
    names.find(given).map(str::to_owned)
}

/// The API key from the environment.
pub(crate) fn own_key() -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "not an option: others could see it in the process list"
    )]
    std::env::var("ORDERS_API_KEY").ok().filter(|key| !key.is_empty())
}

/// Whether the OpenTelemetry variables name an endpoint for traces.
pub(crate) fn wants_traces() -> bool {
    #[expect(clippy::disallowed_methods, reason = "settings are read here")]
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let is = |name, wanted| variable(name).is_some_and(|value| value.eq_ignore_ascii_case(wanted));
    let endpoints = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
    endpoints.into_iter().any(|name| variable(name).is_some())
        && !is("OTEL_SDK_DISABLED", "true")
        && !is("OTEL_TRACES_EXPORTER", "none")
}

impl Common {
    /// The URL of the database.
    pub(crate) fn database(&self) -> Result<DatabaseUrl, orders_db::StoreError> {
        #[expect(clippy::disallowed_methods, reason = "settings are read here")]
        let fallback = || std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
        let given = self.database_url.clone().filter(|url| !url.is_empty());
        match given.or_else(fallback) {
            Some(url) => DatabaseUrl::parse(&url),
            None => Ok(DatabaseUrl::Sqlite(self.data_dir.join("orders.db"))),
        }
    }
}

fn read_period(text: &str) -> Result<Period, String> {
    Period::parse(text).map_err(|error| error.to_string())
}

/// A period, or zero.
fn read_delay(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s") {
        return Ok(Duration::ZERO);
    }
    let millis = read_period(text)?.as_millis();
    u64::try_from(millis).map(Duration::from_millis).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_option_is_an_environment_variable() {
        let mut commands = vec![Cli::command()];
        while let Some(command) = commands.pop() {
            commands.extend(command.get_subcommands().cloned());
            for option in command.get_opts() {
                let variable = match option.get_id().as_str() {
                    // Each command has its own formats.
                    "format" => format!("ORDERS_{}_FORMAT", command.get_name().to_uppercase()),
                    name => format!("ORDERS_{}", name.to_uppercase()),
                };
                let env = option.get_env().and_then(|env| env.to_str());
                assert_eq!(env, Some(variable.as_str()), "{}", command.get_name());
            }
        }
    }
}

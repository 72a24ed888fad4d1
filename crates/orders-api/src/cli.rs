//! The command line. Every option is an environment variable too.

pub(crate) mod backup;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod healthcheck;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod policy;
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
use orders_core::{KeyId, KeyName, Period, PolicyPatch, Role, Scope};
use orders_db::DatabaseUrl;

pub(crate) use serve_options::{Auth, ServeOptions};
pub(crate) use transfer_options::{
    DoctorOptions, ExportOptions, FileFormat, ImportOptions, OnConflict,
};

/// Keeps orders, no two of them within 3 hours of each other.
///
/// Without a command, `serve` is run.
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

/// What all commands need to know.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The database: `postgres://…`, `sqlite:///path`, or the path of an SQLite file. Default:
    /// $`DATABASE_URL`, else `orders.db` in the data directory
    #[arg(long, global = true, env = "ORDERS_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Where the embedded database is made on first start
    #[arg(long, global = true, env = "ORDERS_DATA_DIR", default_value = "./data")]
    data_dir: PathBuf,
    /// What to log: `error`, `warn`, `info`, `debug`, or filters as `env_logger` reads them
    #[arg(long, global = true, env = "ORDERS_LOG", default_value = "info")]
    pub(crate) log: String,
    /// How log lines look
    #[arg(long, global = true, env = "ORDERS_LOG_FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines to read.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Migrate the database, then answer requests
    Serve(Box<ServeOptions>),
    /// Bring the database's schema up to date
    Migrate,
    /// Load the sample data, or such data from a file; loading it again changes nothing
    Seed {
        /// A file like the sample data
        file: Option<PathBuf>,
    },
    /// Import orders from JSON, NDJSON or CSV; prints a verdict on each
    Import(ImportOptions),
    /// Export all services and orders, as they stand at one moment
    Export(ExportOptions),
    /// Look for anything that should not be in the database
    Doctor(DoctorOptions),
    /// Copy an SQLite database to a new file, while others write
    Backup {
        /// The file, which must not be there yet
        file: PathBuf,
    },
    /// Put a backup in the place of an SQLite database that nobody uses
    Restore {
        /// The backup
        file: PathBuf,
    },
    /// Move an SQLite database that nobody uses into an empty PostgreSQL database
    Move {
        /// The URL of the PostgreSQL database
        #[arg(long, env = "ORDERS_TO", hide_env_values = true, value_name = "URL")]
        to: String,
    },
    /// Show or set the rules that every process on the database works by
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Make, list, revoke and rotate the keys that let callers in
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Ask the service of this machine whether it lives; exit code 1 if it does not. For containers
    Healthcheck(HealthcheckOptions),
    /// Print the OpenAPI document of the service; needs no database
    Openapi {
        /// As what
        #[arg(long, env = "ORDERS_OPENAPI_FORMAT", default_value = "json")]
        format: DocumentFormat,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct HealthcheckOptions {
    /// Where the service listens
    #[arg(long, env = "ORDERS_BIND", default_value = "127.0.0.1:8080")]
    pub(crate) bind: SocketAddr,
    /// The file of its TLS certificate, if it has one
    #[arg(long, env = "ORDERS_TLS_CERT")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Ask also whether its database answers, and whether it is about to end
    #[arg(long, env = "ORDERS_READY", value_parser = FalseyValueParser::new())]
    pub(crate) ready: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocumentFormat {
    /// The document itself.
    Json,
    /// A reference to read.
    Markdown,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Print the policy
    Show,
    /// Name the orders that would violate a policy; changes nothing
    Check(PolicyOptions),
    /// Change the policy, if no two orders there are would violate it
    Set {
        #[command(flatten)]
        options: PolicyOptions,
        /// Change it in any case: orders that would violate it become exempt from one another
        #[arg(long, env = "ORDERS_ACCEPT_VIOLATIONS", value_parser = FalseyValueParser::new())]
        accept_violations: bool,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key, and print its id and the key, this once
    Create {
        /// What it is for
        #[arg(long, env = "ORDERS_NAME", value_parser = read_key_name)]
        name: KeyName,
        /// What its holder may do: `reader`, `writer` or `admin`
        #[arg(long, env = "ORDERS_ROLE", value_parser = read_role)]
        role: Role,
        /// How long it works, such as 90d. Default: for ever
        #[arg(long, env = "ORDERS_EXPIRES_IN", value_parser = read_period)]
        expires_in: Option<Period>,
    },
    /// Print all keys, one JSON object a line, without their secrets
    List,
    /// End a key, on every process within a second
    Revoke {
        /// Its id
        #[arg(value_parser = read_key_id)]
        id: KeyId,
    },
    /// Give a key another secret, and print its id and the key, this once
    Rotate {
        /// Its id
        #[arg(value_parser = read_key_id)]
        id: KeyId,
        /// How long the secret of before works on; 0 for not at all
        #[arg(long, env = "ORDERS_OVERLAP", default_value = "1h", value_parser = read_overlap)]
        overlap: Overlap,
        /// How long the key works from now on. Default: as before
        #[arg(long, env = "ORDERS_EXPIRES_IN", value_parser = read_period)]
        expires_in: Option<Period>,
    },
}

/// How long two secrets of a key work; `None` for not at all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Overlap(pub(crate) Option<Period>);

#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct PolicyOptions {
    /// How far apart orders must be, such as 3h or PT3H
    #[arg(long, env = "ORDERS_WINDOW", value_parser = read_period)]
    window: Option<Period>,
    /// Whether all orders share one calendar, or each service has its own
    #[arg(long, env = "ORDERS_SCOPE", value_parser = read_scope)]
    scope: Option<Scope>,
    /// How old an order must be before it may be updated, or `off`
    #[arg(long, env = "ORDERS_EDIT_LOCK", value_parser = read_edit_lock)]
    edit_lock: Option<EditLock>,
}

#[derive(Debug, Clone, Copy)]
struct EditLock(Option<Period>);

impl PolicyOptions {
    pub(crate) fn patch(&self) -> PolicyPatch {
        let edit_lock = self.edit_lock.map(|EditLock(period)| period);
        PolicyPatch { window: self.window, scope: self.scope, edit_lock }
    }
}

/// Reads the command line; prints help or what is wrong with it, and ends the program, if it must.
pub(crate) fn read() -> (Common, Command) {
    let mut parser = Cli::command();
    let matches = parser.get_matches_mut();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let misplaced = cli.command.is_some().then(|| given_option(&matches)).flatten();
    if let Some(option) = misplaced {
        let message = format!("--{} belongs behind the command `serve`", option.replace('_', "-"));
        parser.error(clap::error::ErrorKind::ArgumentConflict, message).exit();
    }
    (cli.common, cli.command.unwrap_or_else(|| Command::Serve(Box::new(cli.serve))))
}

/// The first option of `serve` that was given before a command.
fn given_option(matches: &ArgMatches) -> Option<String> {
    let serve = ServeOptions::augment_args(clap::Command::new("serve"));
    let mut names = serve.get_arguments().map(|argument| argument.get_id().as_str());
    let given = |name: &&str| matches.value_source(name) == Some(ValueSource::CommandLine);
    names.find(given).map(str::to_owned)
}

/// The key from the environment, if there is one.
pub(crate) fn own_key() -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "not an option: others could see it in the process list"
    )]
    std::env::var("ORDERS_API_KEY").ok().filter(|key| !key.is_empty())
}

/// Whether the variables of OpenTelemetry say where traces are to be sent.
pub(crate) fn wants_traces() -> bool {
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads settings")]
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let is = |name, wanted| variable(name).is_some_and(|value| value.eq_ignore_ascii_case(wanted));
    let endpoints = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
    endpoints.into_iter().any(|name| variable(name).is_some())
        && !is("OTEL_SDK_DISABLED", "true")
        && !is("OTEL_TRACES_EXPORTER", "none")
}

impl Common {
    /// Where the database is.
    pub(crate) fn database(&self) -> Result<DatabaseUrl, orders_db::StoreError> {
        #[expect(clippy::disallowed_methods, reason = "this is the place that reads settings")]
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

fn read_key_id(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text).map_err(|error| error.to_string())
}

fn read_key_name(text: &str) -> Result<KeyName, String> {
    KeyName::parse(text).map_err(|error| error.to_string())
}

fn read_role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "must be reader, writer or admin".to_owned())
}

fn read_overlap(text: &str) -> Result<Overlap, String> {
    crate::keys::request::read_overlap(text).map(Overlap)
}

fn read_scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).ok_or_else(|| "must be global or service".to_owned())
}

fn read_edit_lock(text: &str) -> Result<EditLock, String> {
    if text == "off" {
        return Ok(EditLock(None));
    }
    read_period(text)
        .map(|period| EditLock(Some(period)))
        .map_err(|error| format!("{error}, or off"))
}

/// A period, or nothing at all.
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
                    // What formats there are is another question for each command.
                    "format" => format!("ORDERS_{}_FORMAT", command.get_name().to_uppercase()),
                    name => format!("ORDERS_{}", name.to_uppercase()),
                };
                let env = option.get_env().and_then(|env| env.to_str());
                assert_eq!(env, Some(variable.as_str()), "{}", command.get_name());
            }
        }
    }
}

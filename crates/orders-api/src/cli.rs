//! The command line. Every option is an environment variable too.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use orders_core::{Period, PolicyPatch, Scope};
use orders_db::DatabaseUrl;

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
    Serve(ServeOptions),
    /// Bring the database's schema up to date
    Migrate,
    /// Load the sample data, or such data from a file; loading it again changes nothing
    Seed {
        /// A file like the sample data
        file: Option<PathBuf>,
    },
    /// Show or set the rules that every process on the database works by
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Print the OpenAPI document of the service; needs no database
    Openapi {
        /// As what
        #[arg(long, default_value = "json")]
        format: DocumentFormat,
    },
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
    /// Change the policy, if no two orders there are would violate it
    Set(PolicyOptions),
}

#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct PolicyOptions {
    /// How far apart orders must be, such as 3h or PT3H
    #[arg(long, value_parser = read_period)]
    window: Option<Period>,
    /// Whether all orders share one calendar, or each service has its own
    #[arg(long, value_parser = read_scope)]
    scope: Option<Scope>,
    /// How old an order must be before it may be updated, or `off`
    #[arg(long, value_parser = read_edit_lock)]
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

/// How to serve.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeOptions {
    /// The address to listen on: loopback only; port 0 takes a free one
    #[arg(long, env = "ORDERS_BIND", default_value = "127.0.0.1:8080")]
    pub(crate) bind: SocketAddr,
    /// Load the sample data first, unless it is there
    #[arg(long, env = "ORDERS_SAMPLE_DATA", value_parser = FalseyValueParser::new())]
    pub(crate) sample_data: bool,
    /// How many threads answer requests. Default: one a core
    #[arg(long, env = "ORDERS_WORKERS", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) workers: Option<u16>,
    /// How long `/readyz` answers 503 before the server stops listening
    #[arg(long, env = "ORDERS_DRAIN_DELAY", default_value = "1s", value_parser = read_delay)]
    pub(crate) drain_delay: Duration,
    /// Refuse PUT and DELETE on orders without If-Match
    #[arg(long, env = "ORDERS_REQUIRE_IF_MATCH", value_parser = FalseyValueParser::new())]
    pub(crate) require_if_match: bool,
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
    (cli.common, cli.command.unwrap_or(Command::Serve(cli.serve)))
}

/// The first option of `serve` that was given before a command.
fn given_option(matches: &ArgMatches) -> Option<&'static str> {
    ["bind", "sample_data", "workers", "drain_delay", "require_if_match"]
        .into_iter()
        .find(|id| matches.value_source(id) == Some(ValueSource::CommandLine))
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
        for argument in Cli::command().get_arguments() {
            let name = argument.get_id().as_str();
            if !matches!(name, "help" | "version") {
                let variable = format!("ORDERS_{}", name.to_uppercase());
                assert_eq!(
                    argument.get_env().and_then(|env| env.to_str()),
                    Some(variable.as_str())
                );
            }
        }
    }
}

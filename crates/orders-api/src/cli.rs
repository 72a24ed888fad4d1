//! The command line. The options of `serve`, of the database and of the log are settings, which may be
//! environment variables too. What a command is told to do once is not.

pub(crate) mod auth_policy;
pub(crate) mod backup;
pub(crate) mod database;
pub(crate) mod doctor;
pub(crate) mod documents;
pub(crate) mod environment;
pub(crate) mod export;
pub(crate) mod file_access;
pub(crate) mod healthcheck;
mod help;
pub(crate) mod import;
mod interrupt;
pub(crate) mod keys;
mod keys_options;
pub(crate) mod output;
pub(crate) mod policy;
mod policy_options;
pub(crate) mod seed;
mod serve_options;
mod transfer_options;
mod values;
pub(crate) mod wait;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use documents::Completer;
pub(crate) use keys_options::KeysCommand;
pub(crate) use policy_options::PolicyCommand;
pub(crate) use serve_options::{Auth, ServeOptions};
pub(crate) use transfer_options::{
    DoctorOptions, ExportOptions, FileFormat, ImportOptions, OnConflict,
};

/// A booking service with an orders API: no two orders are closer than a minimum gap.
#[derive(Debug, Parser)]
#[command(
    name = "orders-api",
    version = env!("ORDERS_VERSION"),
    max_term_width = 100,
    after_help = help::PROGRAM
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    /// Hidden, and only for options that precede no command.
    #[command(flatten)]
    _serve: ServeOptions,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The options of all commands that use a database.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The database: `postgres://…`, `sqlite:///path`, or the path of an SQLite file. Default:
    /// `$DATABASE_URL`, else `orders.db` in the data directory
    #[arg(
        long,
        global = true,
        env = "ORDERS_DATABASE_URL",
        hide_env_values = true,
        help_heading = "Database",
        value_name = "URL"
    )]
    database_url: Option<String>,
    /// The directory of the embedded database
    #[arg(
        long,
        global = true,
        env = "ORDERS_DATA_DIR",
        default_value = "./data",
        help_heading = "Database",
        value_name = "DIR"
    )]
    data_dir: PathBuf,
    /// What to log: `error`, `warn`, `info`, `debug`, or filters as `env_logger` reads them
    #[arg(
        long,
        global = true,
        env = "ORDERS_LOG",
        default_value = "info",
        help_heading = "Log",
        value_name = "FILTERS",
        value_parser = values::read_filters
    )]
    pub(crate) log: String,
    /// The format of log lines
    #[arg(
        long,
        global = true,
        env = "ORDERS_LOG_FORMAT",
        default_value = "text",
        help_heading = "Log",
        value_name = "FORMAT"
    )]
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
    /// Migrate the database, then serve requests. Creates a missing database
    #[command(after_help = help::SERVE)]
    Serve(Box<ServeOptions>),
    /// Bring the schema of the database up to date. Creates a missing database
    #[command(after_help = help::MIGRATE)]
    Migrate {
        /// Only print what would be done
        #[arg(long)]
        check: bool,
    },
    /// Load the sample data. Loading it twice changes nothing. Creates a missing database
    Seed,
    /// Import orders from JSON, NDJSON or CSV. Prints the result of each row. Creates a missing database
    #[command(after_help = help::IMPORT)]
    Import(ImportOptions),
    /// Export all services and orders as of one moment
    #[command(after_help = help::EXPORT)]
    Export(ExportOptions),
    /// Check the database for inconsistencies
    #[command(after_help = help::DOCTOR)]
    Doctor(DoctorOptions),
    /// Copy an SQLite database to a new file while it is in use
    #[command(after_help = help::BACKUP)]
    Backup {
        /// The file, which must not exist
        file: PathBuf,
    },
    /// Replace an SQLite database with a backup. No process may use the database
    #[command(after_help = help::RESTORE)]
    Restore {
        /// The backup
        file: PathBuf,
    },
    /// Give the feed of events a new id, so that its followers start over. Run it after `pg_restore`;
    /// `restore` does it
    RenewFeed,
    /// Move an SQLite database into an empty PostgreSQL database. No process may use it
    #[command(after_help = help::MOVE)]
    Move {
        /// The URL of the PostgreSQL database
        #[arg(long, value_name = "URL")]
        to: String,
    },
    /// Show or change the policy of the database, which all processes follow
    #[command(after_help = help::POLICY)]
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Create, list, revoke and rotate API keys
    #[command(after_help = help::KEYS)]
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Check that the local server is running. Exits with 1 if it is not. For containers
    #[command(after_help = help::HEALTHCHECK)]
    Healthcheck(HealthcheckOptions),
    /// Print the OpenAPI document
    #[command(after_help = help::OPENAPI)]
    Openapi {
        /// The format
        #[arg(long, default_value = "json")]
        format: DocumentFormat,
    },
    /// Print the completions of a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// The shell
        shell: Completer,
    },
    /// Print the man page, or write one for each command into a directory
    #[command(after_help = help::MAN)]
    Man {
        /// The directory
        dir: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct HealthcheckOptions {
    /// The address that the server listens on
    #[arg(
        long,
        env = "ORDERS_BIND",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS:PORT",
        value_parser = values::read_address
    )]
    pub(crate) bind: SocketAddr,
    /// The file of its TLS certificate, if it uses TLS
    #[arg(long, env = "ORDERS_TLS_CERT", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Also check that its database responds and that it is not shutting down
    #[arg(long)]
    pub(crate) ready: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocumentFormat {
    /// The OpenAPI document.
    Json,
    /// An API reference.
    Markdown,
}

/// The commands that use no database and log nothing.
const WITHOUT_DATABASE: [&str; 4] = ["healthcheck", "openapi", "completions", "man"];

/// The command line, as it is parsed and documented.
fn command() -> clap::Command {
    let mut command = Cli::command();
    let common: Vec<_> =
        command.get_arguments().filter(|argument| argument.is_global_set()).cloned().collect();
    // Accepted everywhere, and shown where they have an effect.
    for name in WITHOUT_DATABASE {
        let hidden = common.iter().map(|argument| argument.clone().global(false).hide(true));
        command = command.mut_subcommand(name, |command| command.args(hidden));
    }
    // `serve` shows its options, and reads their variables.
    command = command.mut_args(|argument| {
        if argument.is_global_set() {
            argument
        } else {
            environment::without_variable(argument).hide(true)
        }
    });
    environment::without_empty(command)
}

/// Parses the command line. Prints help or an error and exits where that is all there is to do.
pub(crate) fn read() -> (Common, Command) {
    let mut parser = command();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let mut parse = |arguments: &[OsString]| {
        parser.try_get_matches_from_mut(arguments).unwrap_or_else(|error| error.exit())
    };
    let mut matches = parse(&arguments);
    if matches.subcommand().is_none() {
        let (program, options) = arguments.split_at(arguments.len().min(1));
        let serve = [OsString::from("serve")];
        matches = parse(&[program, &serve, options].concat());
    } else if let Some(option) = given_option(&matches) {
        let message = format!("--{} must follow the command `serve`", option.replace('_', "-"));
        parser.error(clap::error::ErrorKind::ArgumentConflict, message).exit();
    }
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let missing = clap::error::ErrorKind::MissingSubcommand;
    let command =
        cli.command.unwrap_or_else(|| parser.error(missing, "there is no command").exit());
    (cli.common, command)
}

/// The first option of `serve` that precedes a command.
fn given_option(matches: &ArgMatches) -> Option<String> {
    let serve = ServeOptions::augment_args(clap::Command::new("serve"));
    let mut names = serve.get_arguments().map(|argument| argument.get_id().as_str());
    let given = |name: &&str| matches.value_source(name) == Some(ValueSource::CommandLine);
    names.find(given).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn only_settings_are_environment_variables() {
        let serve = ServeOptions::augment_args(clap::Command::new("serve"));
        let common = Common::augment_args(clap::Command::new("common"));
        let settings: Vec<_> = serve.get_arguments().chain(common.get_arguments()).collect();
        for setting in &settings {
            let name = format!("ORDERS_{}", setting.get_id().as_str().to_uppercase());
            assert_eq!(setting.get_env().and_then(|env| env.to_str()), Some(name.as_str()));
        }
        let mut commands = vec![Cli::command()];
        while let Some(command) = commands.pop() {
            commands.extend(command.get_subcommands().cloned());
            for option in command.get_arguments().filter(|option| option.get_env().is_some()) {
                let is_setting = settings.iter().any(|setting| setting.get_id() == option.get_id());
                assert!(is_setting, "{} of {}", option.get_id(), command.get_name());
            }
        }
    }

    #[test]
    fn every_option_of_serve_has_a_heading() {
        let serve = ServeOptions::augment_args(clap::Command::new("serve"));
        for option in serve.get_arguments() {
            assert!(option.get_help_heading().is_some(), "{}", option.get_id());
        }
    }
}

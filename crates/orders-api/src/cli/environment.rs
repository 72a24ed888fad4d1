//! Settings from environment variables.

use std::collections::BTreeSet;
use std::env::VarError;
use std::ffi::{OsStr, OsString};

use clap::{Arg, Command, CommandFactory};

use super::Cli;

/// The API key of the environment. No option, because others could see it in the process list.
const OWN_KEY: &str = "ORDERS_API_KEY";

/// The API key from the environment.
pub(crate) fn own_key() -> Result<Option<String>, String> {
    #[expect(clippy::disallowed_methods, reason = "settings are read here")]
    match std::env::var(OWN_KEY) {
        Ok(key) if key.is_empty() => {
            Err(format!("{OWN_KEY} is empty; set it to a key, or remove it"))
        }
        Ok(key) if !key.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(format!("{OWN_KEY} must have visible ASCII characters only"))
        }
        Ok(key) => Ok(Some(key)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => {
            Err(format!("{OWN_KEY} must have visible ASCII characters only"))
        }
    }
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

/// Ignores variables that are set to nothing: they count as unset.
pub(super) fn without_empty(command: Command) -> Command {
    #[expect(clippy::disallowed_methods, reason = "settings are read here")]
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|argument| {
            let is_empty = argument.get_env().is_some_and(is_empty);
            if is_empty { without_variable(argument) } else { argument }
        })
        .mut_subcommands(without_empty)
}

/// An option that no variable sets. Clap cannot take a variable back, but none has an empty name.
pub(super) fn without_variable(argument: Arg) -> Arg {
    argument.env("").hide_env(true)
}

/// The variables that options are read from.
fn variables(command: &Command) -> BTreeSet<OsString> {
    let own = command.get_arguments().filter_map(|argument| argument.get_env()).map(OsString::from);
    own.chain(command.get_subcommands().flat_map(variables)).collect()
}

/// Warns about variables that look like settings and are none.
pub(crate) fn warn_of_unknown() {
    let known = variables(&Cli::command());
    let is_unknown = |name: &OsString| {
        let is_ours = name.to_string_lossy().starts_with("ORDERS_");
        is_ours && name != OWN_KEY && !known.contains(name)
    };
    let names: BTreeSet<OsString> =
        std::env::vars_os().map(|(name, _)| name).filter(is_unknown).collect();
    if !names.is_empty() {
        let names: Vec<_> = names.iter().map(|name| name.to_string_lossy()).collect();
        log::warn!(
            "not settings, and ignored: {}; `orders-api serve --help` lists the settings",
            names.join(", ")
        );
    }
}

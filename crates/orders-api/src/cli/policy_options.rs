//! The options of `policy`.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use orders_core::policy::PolicyPatch;
use orders_core::{Period, Scope};

use super::values::read_period;

/// The commands of `policy`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Print the policy
    Show,
    /// List the pairs of orders that would violate a policy. Changes nothing
    Check {
        #[command(flatten)]
        options: PolicyOptions,
        /// Print all pairs, not only the first 100
        #[arg(long)]
        all: bool,
    },
    /// Change the policy, unless existing orders would violate it
    Set {
        #[command(flatten)]
        options: PolicyOptions,
        /// Change it anyway: orders that would violate it become exempt from one another
        #[arg(long)]
        accept_violations: bool,
    },
}

/// The changes to a policy.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct PolicyOptions {
    /// The minimum gap between orders, such as 3h or PT3H
    #[arg(long, value_name = "PERIOD", value_parser = read_period)]
    window: Option<Period>,
    /// `global`: all orders share one calendar. `service`: each service has its own
    #[arg(long, value_parser = scope_parser())]
    scope: Option<Scope>,
    /// The age that an order must have before it can be updated, or `off`
    #[arg(long, value_name = "PERIOD", value_parser = read_edit_lock)]
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

/// Parses a scope. The help lists all.
fn scope_parser() -> impl TypedValueParser<Value = Scope> {
    let all = [Scope::Global, Scope::Service].map(Scope::as_str);
    PossibleValuesParser::new(all).try_map(|text| Scope::parse(&text))
}

fn read_edit_lock(text: &str) -> Result<EditLock, String> {
    if text == "off" {
        return Ok(EditLock(None));
    }
    read_period(text)
        .map(|period| EditLock(Some(period)))
        .map_err(|error| format!("{error}, or off"))
}

//! The options of `policy`.

use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand};
use orders_core::policy::PolicyPatch;
use orders_core::{Period, Scope};

use super::read_period;

/// The commands of `policy`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Print the policy
    Show,
    /// List the orders that would violate a policy. Changes nothing
    Check(PolicyOptions),
    /// Change the policy, unless existing orders would violate it
    Set {
        #[command(flatten)]
        options: PolicyOptions,
        /// Change it anyway: orders that would violate it become exempt from one another
        #[arg(long, env = "ORDERS_ACCEPT_VIOLATIONS", value_parser = FalseyValueParser::new())]
        accept_violations: bool,
    },
}

/// The changes to a policy.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct PolicyOptions {
    /// The minimum gap between orders, such as 3h or PT3H
    #[arg(long, env = "ORDERS_WINDOW", value_parser = read_period)]
    window: Option<Period>,
    /// `global`: all orders share one calendar. `service`: each service has its own
    #[arg(long, env = "ORDERS_SCOPE", value_parser = read_scope)]
    scope: Option<Scope>,
    /// The age that an order must have before it can be updated, or `off`
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

fn read_scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).map_err(|error| error.to_string())
}

fn read_edit_lock(text: &str) -> Result<EditLock, String> {
    if text == "off" {
        return Ok(EditLock(None));
    }
    read_period(text)
        .map(|period| EditLock(Some(period)))
        .map_err(|error| format!("{error}, or off"))
}

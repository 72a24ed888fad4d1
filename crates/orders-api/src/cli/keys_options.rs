//! The options of `keys`.

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use orders_core::Period;
use orders_core::key::{KeyId, KeyName, Role};

use super::values::read_period;

/// The commands of `keys`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum KeysCommand {
    /// Create a key. Prints its id and the key, which is shown only once
    Create {
        /// The name of the key
        #[arg(long, value_parser = read_key_name)]
        name: KeyName,
        /// What the key may do: read, also change orders, or everything
        #[arg(long, value_parser = role_parser())]
        role: Role,
        /// How long the key is valid, such as 90d. Default: for ever
        #[arg(long, value_name = "PERIOD", value_parser = read_period)]
        expires_in: Option<Period>,
    },
    /// Print all keys without their secrets, one JSON object a line
    List,
    /// Revoke a key. Takes effect on every process within a second
    Revoke {
        /// The id of the key
        #[arg(value_parser = read_key_id)]
        id: KeyId,
    },
    /// Replace the secret of the console's sessions. Everybody has to sign in again
    RotateSessionSecret,
    /// Replace the secret of a key. Prints its id and the key, which is shown only once
    Rotate {
        /// The id of the key
        #[arg(value_parser = read_key_id)]
        id: KeyId,
        /// How long the previous secret stays valid. 0 ends it at once
        #[arg(long, value_name = "PERIOD", default_value = "1h", value_parser = read_overlap)]
        overlap: Overlap,
        /// How long the key is valid from now. Default: unchanged
        #[arg(long, value_name = "PERIOD", value_parser = read_period)]
        expires_in: Option<Period>,
    },
}

/// How long two secrets of a key are valid. `None` if they never are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Overlap(pub(crate) Option<Period>);

/// Parses a role. The help lists all.
fn role_parser() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.map(Role::as_str)).try_map(|text| Role::parse(&text))
}

fn read_key_id(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text).map_err(|error| error.to_string())
}

fn read_key_name(text: &str) -> Result<KeyName, String> {
    KeyName::parse(text).map_err(|error| error.to_string())
}

fn read_overlap(text: &str) -> Result<Overlap, String> {
    crate::keys::request::read_overlap(text).map(Overlap)
}

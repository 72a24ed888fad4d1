//! Reads the policy of authentication from the options, and warns about an open service.

use std::error::Error;

use orders_db::{Author, RequireKeys, Store};

use super::wait::wait;
use super::{Auth, ServeOptions};
use crate::security::{self, AuthPolicy};

/// A shorter key from the environment could be guessed.
const MIN_ENVIRONMENT_KEY_LENGTH: usize = 32;

/// Decides who has access. Fails if other machines would have access without a key.
pub(crate) fn from_options(
    store: &Store,
    options: &ServeOptions,
    environment_key: Option<&str>,
) -> Result<AuthPolicy, Box<dyn Error>> {
    let is_loopback = options.bind.ip().is_loopback();
    if let Some(key) = environment_key {
        check_length(key, is_loopback)?;
        // From now on a key is required, even when this one is removed from the environment.
        if !store.keys().required {
            let author = Author::command("environment");
            drop(wait(|deadline, reply| store.change(author, RequireKeys, None, deadline, reply))?);
        }
    }
    let has_keys = environment_key.is_some() || store.keys().required;
    if !is_loopback && !has_keys {
        return Err(format!(
            "{} is not a loopback address and there is no key: other machines would have full \
             access. Create a key first: orders-api keys create --name NAME --role admin",
            options.bind
        )
        .into());
    }
    let may_be_open = is_loopback && options.auth == Auth::Auto && environment_key.is_none();
    if may_be_open && !has_keys {
        log::warn!(
            "OPEN: there is no key, so every program and user of this machine may read and change \
             everything. To end this: orders-api keys create --name NAME --role admin"
        );
    } else if !has_keys {
        log::warn!(
            "there is no key yet, so every request is rejected; orders-api keys create creates one"
        );
    }
    Ok(AuthPolicy {
        may_be_open,
        metrics_are_open: options.metrics_open,
        environment_key: environment_key.map(security::hash_of),
        origins: options.public_url.iter().chain(&options.cors_origin).cloned().collect(),
    })
}

fn check_length(key: &str, is_loopback: bool) -> Result<(), String> {
    if key.len() >= MIN_ENVIRONMENT_KEY_LENGTH {
        return Ok(());
    }
    let why =
        "ORDERS_API_KEY is short enough to be guessed; set it to 32 random characters or more";
    if !is_loopback {
        return Err(why.to_owned());
    }
    log::warn!("{why}");
    Ok(())
}

//! The commands of `keys`.

use std::error::Error;

use orders_core::key::{KeyChange, KeyCommand, KeyId};
use orders_db::{Answered, Author, Change, RotateSessionSecret, Store};

use crate::cli::KeysCommand;
use crate::cli::output::print;
use crate::cli::wait::wait;
use crate::keys::response::KeyView;
use crate::security;
use crate::security::MadeKey;

/// The number of keys in a query.
const PAGE: usize = 1_000;

pub(crate) fn run(store: &Store, command: &KeysCommand) -> Result<(), Box<dyn Error>> {
    match command.clone() {
        KeysCommand::Create { name, role, expires_in } => {
            let MadeKey { id, hash, text } = security::make_key(None)?;
            let create = KeyCommand::Create { id, name, role, expires_in, hash };
            let change = change(store, create)?;
            print_key(&change.key().id, &text)
        }
        KeysCommand::List => list(store),
        KeysCommand::Revoke { id } => {
            let change = change(store, KeyCommand::Revoke(id))?;
            log::info!("revoked {}", change.key().id);
            Ok(())
        }
        KeysCommand::RotateSessionSecret => {
            change(store, RotateSessionSecret)?;
            log::info!("all sessions of the console have ended");
            Ok(())
        }
        KeysCommand::Rotate { id, overlap, expires_in } => {
            let MadeKey { id, hash, text } = security::make_key(Some(id))?;
            let rotate = KeyCommand::Rotate { id, overlap: overlap.0, expires_in, hash };
            let change = change(store, rotate)?;
            if let KeyChange::Rotated { previous_until, .. } = &change {
                log::info!("the previous secret is valid until {previous_until}");
            }
            print_key(&change.key().id, &text)
        }
    }
}

fn change<C: Change>(store: &Store, command: C) -> Result<C::Accepted, Box<dyn Error>>
where
    C::Refusal: Error + 'static,
{
    let author = Author::command("command-line");
    match wait(|deadline, reply| store.change(author, command, None, deadline, reply))? {
        Answered::Now(result) => Ok(result?),
        Answered::Again(_) | Answered::KeyReused => Err("a command has no idempotency key".into()),
    }
}

/// Prints all keys, one JSON object a line.
fn list(store: &Store) -> Result<(), Box<dyn Error>> {
    let mut after = None;
    loop {
        let keys = store.reads.list_keys(after.as_ref(), PAGE)?;
        let Some(last) = keys.last() else { return Ok(()) };
        after = Some((last.created_at, last.id.clone()));
        for key in &keys {
            print(&(serde_json::to_string(&KeyView::new(key))? + "\n"))?;
        }
    }
}

/// Prints a key, which is stored nowhere else.
fn print_key(id: &KeyId, text: &str) -> Result<(), Box<dyn Error>> {
    print(&format!("{id} {text}\n")).map_err(|error| {
        let again = "rotate it to get another secret, or revoke it";
        format!("{error}; the key {id} is valid, but nobody has seen it: {again}").into()
    })
}

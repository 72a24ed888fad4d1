//! Loading: what some commands must be judged by, read under the lock.

mod postgres;
mod sqlite;

use orders_core::{Instant, Needs, Occupant, Policy, Snapshot};

use crate::database::connection::AnyConnection;
use crate::database::rows;
use crate::error::Trouble;
use crate::write::snapshot_cache::VersionToken;

/// What was read under the lock.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Of the state that it was loaded from.
    pub(crate) version_token: VersionToken,
    pub(crate) policy: Policy,
    /// The time by the clock of the database, read under the lock.
    pub(crate) now: Instant,
    pub(crate) snapshot: Snapshot,
}

/// Loads what is needed. `so_far` is what an earlier load under the same lock has found.
pub(crate) fn load(
    connection: &mut AnyConnection,
    needs: &Needs,
    so_far: Option<Loaded>,
) -> Result<Loaded, Trouble> {
    match connection {
        AnyConnection::Postgres(connection) => postgres::load(connection, needs, so_far),
        AnyConnection::Sqlite(connection) => sqlite::load(connection, needs, so_far),
    }
}

/// Loads what is needed, as far as it was not loaded before, in an earlier transaction; all of it,
/// if somebody has written since.
pub(crate) fn load_after(
    connection: &mut AnyConnection,
    needs: &Needs,
    before: Loaded,
) -> Result<Loaded, Trouble> {
    match connection {
        AnyConnection::Postgres(connection) => postgres::load_after(connection, needs, before),
        AnyConnection::Sqlite(connection) => sqlite::load_after(connection, needs, before),
    }
}

fn occupant(start_ms: i64, grp: i64, order_id: &str) -> Result<Occupant, Trouble> {
    Ok(Occupant {
        start: rows::instant(start_ms)?,
        order_id: rows::order_id(order_id)?,
        group: rows::group(grp)?,
    })
}

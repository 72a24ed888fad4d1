//! Loading: what some commands must be judged by, read under the lock.

mod postgres;
mod sqlite;

use orders_core::{Instant, Needs, Occupant, Policy, Snapshot};

use crate::connection::AnyConnection;
use crate::error::Trouble;
use crate::rows;

/// What was read under the lock.
pub(crate) struct Loaded {
    pub(crate) policy: Policy,
    pub(crate) now: Instant,
    pub(crate) snapshot: Snapshot,
}

/// Loads what is needed. `so_far` is what an earlier load of the same transaction has found.
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

fn occupant(start_ms: i64, grp: i64, order_id: &str) -> Result<Occupant, Trouble> {
    Ok(Occupant {
        start: rows::instant(start_ms)?,
        order_id: rows::order_id(order_id)?,
        group: rows::group(grp)?,
    })
}

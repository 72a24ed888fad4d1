//! Loads, under the lock, the data that commands are decided by.

mod postgres;
mod sqlite;

use orders_core::decide::Occupant;
use orders_core::{Needs, Policy, Snapshot, Timestamp};

use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::database::rows;
use crate::write::snapshot_cache::VersionToken;

/// Data read under the lock.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The version of the database that it was loaded from.
    pub(crate) version_token: VersionToken,
    pub(crate) policy: Policy,
    /// The time by the clock of the database, read under the lock.
    pub(crate) now: Timestamp,
    pub(crate) snapshot: Snapshot,
}

/// Loads what is needed, and adds it to `so_far`, the result of an earlier load under the same lock.
pub(crate) fn load(
    connection: &mut AnyConnection,
    needs: &Needs,
    so_far: Option<Loaded>,
) -> Result<Loaded, DbError> {
    match connection {
        AnyConnection::Postgres(connection) => postgres::load(connection, needs, so_far),
        AnyConnection::Sqlite(connection) => sqlite::load(connection, needs, so_far),
    }
}

/// Loads what is needed beyond what an earlier transaction has loaded; everything, if another
/// connection has written since.
pub(crate) fn load_after(
    connection: &mut AnyConnection,
    needs: &Needs,
    before: Loaded,
) -> Result<Loaded, DbError> {
    match connection {
        AnyConnection::Postgres(connection) => postgres::load_after(connection, needs, before),
        AnyConnection::Sqlite(connection) => sqlite::load_after(connection, needs, before),
    }
}

fn occupant(start_ms: i64, end_ms: i64, grp: i64, order_id: &str) -> Result<Occupant, DbError> {
    Ok(Occupant {
        interval: rows::interval(start_ms, end_ms)?,
        order_id: rows::order_id(order_id)?,
        group: rows::group(grp)?,
    })
}

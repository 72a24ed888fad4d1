//! The number of conflicts by quarter of an hour. A conflict itself writes nothing: the periodic flush
//! adds what a process has counted.

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use orders_core::Instant;

use crate::clock;
use crate::connection::AnyConnection;
use crate::database::error::Trouble;

/// A quarter of an hour in milliseconds, so that days can be added up in any time zone.
const QUARTER_MS: i64 = 15 * 60_000;

/// Adds conflicts to the present quarter of an hour.
pub(crate) fn add(connection: &mut AnyConnection, number: i64) -> Result<(), Trouble> {
    let now = clock::now(connection)?;
    let statement = "INSERT INTO refusals (start_ms, number) VALUES ($1, $2) \
                     ON CONFLICT (start_ms) DO UPDATE SET number = refusals.number + excluded.number";
    let insert =
        diesel::sql_query(statement).bind::<BigInt, _>(quarter_of(now)).bind::<BigInt, _>(number);
    match connection {
        AnyConnection::Postgres(connection) => insert.execute(connection),
        AnyConnection::Sqlite(connection) => insert.execute(connection),
    }
    .map(drop)
    .map_err(|error| Trouble::of(&error))
}

fn quarter_of(at: Instant) -> i64 {
    at.as_millis() - at.as_millis().rem_euclid(QUARTER_MS)
}

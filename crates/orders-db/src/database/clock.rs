//! The clock of the database, which all processes on it share.

use std::time::{SystemTime, UNIX_EPOCH};

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::select;
use diesel::sql_types::BigInt;
use orders_core::Timestamp;

use crate::database::connection::AnyConnection;
use crate::database::error::DbError;

/// A PostgreSQL expression for the current time in epoch milliseconds. `now()` would be the start of
/// the transaction, before the wait for the lock.
pub(crate) const POSTGRES_NOW: &str = "floor(extract(epoch FROM clock_timestamp()) * 1000)::int8";

/// The current time by the clock of the database.
pub(crate) fn now(connection: &mut AnyConnection) -> Result<Timestamp, DbError> {
    match connection {
        AnyConnection::Postgres(connection) => {
            let now = select(sql::<BigInt>(POSTGRES_NOW)).get_result(connection);
            let millis = now.map_err(|error| DbError::from_diesel(&error))?;
            Timestamp::from_millis(millis).ok_or_else(out_of_range)
        }
        AnyConnection::Sqlite(_) => sqlite_now(),
    }
}

/// The current time by the clock of this machine, which an embedded database shares.
pub(crate) fn sqlite_now() -> Result<Timestamp, DbError> {
    #[expect(clippy::disallowed_methods, reason = "an embedded database has this machine's clock")]
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since_epoch.ok().and_then(|time| i64::try_from(time.as_millis()).ok());
    millis.and_then(Timestamp::from_millis).ok_or_else(out_of_range)
}

fn out_of_range() -> DbError {
    DbError::Failed("the clock is before 1970 or after 9999".to_owned())
}

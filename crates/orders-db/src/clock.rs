//! The time, by the clock of the database: the one clock that all processes on it share.

use std::time::{Duration, Instant as Moment, SystemTime, UNIX_EPOCH};

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::select;
use diesel::sql_types::BigInt;
use orders_core::Instant;

use crate::connection::AnyConnection;
use crate::error::Trouble;

/// An expression of PostgreSQL for the epoch milliseconds of this very moment: `now()` would be the
/// start of the transaction, before its wait for the lock.
pub(crate) const POSTGRES_NOW: &str = "floor(extract(epoch FROM clock_timestamp()) * 1000)::int8";

/// A time that was read from the clock of the database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    time: Instant,
    read: Moment,
}

impl Reading {
    pub(crate) fn new(time: Instant) -> Self {
        Self { time, read: Moment::now() }
    }

    /// The time by now. It lags behind the clock by no more than the way of the reading, and never
    /// goes ahead of it: good for the milliseconds that a lock is kept, not for longer, since two
    /// clocks drift apart.
    pub(crate) fn now(&self) -> Instant {
        self.after(self.read.elapsed())
    }

    fn after(&self, passed: Duration) -> Instant {
        let millis = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
        self.time
            .as_millis()
            .checked_add(millis)
            .and_then(Instant::from_millis)
            .unwrap_or(Instant::MAX)
    }
}

/// What was read of [`POSTGRES_NOW`].
pub(crate) fn read(millis: i64) -> Result<Reading, Trouble> {
    Instant::from_millis(millis).map(Reading::new).ok_or_else(out_of_range)
}

/// The time by the clock of the database.
pub(crate) fn now(connection: &mut AnyConnection) -> Result<Instant, Trouble> {
    match connection {
        AnyConnection::Postgres(connection) => {
            let now = select(sql::<BigInt>(POSTGRES_NOW)).get_result(connection);
            let millis = now.map_err(|error| Trouble::of(&error))?;
            Instant::from_millis(millis).ok_or_else(out_of_range)
        }
        AnyConnection::Sqlite(_) => sqlite_now(),
    }
}

/// The time by the clock of the machine that has the embedded database.
pub(crate) fn sqlite_now() -> Result<Instant, Trouble> {
    #[expect(clippy::disallowed_methods, reason = "an embedded database has this machine's clock")]
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since_epoch.ok().and_then(|time| i64::try_from(time.as_millis()).ok());
    millis.and_then(Instant::from_millis).ok_or_else(out_of_range)
}

fn out_of_range() -> Trouble {
    Trouble::Failed("the clock stands before 1970 or after 9999".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_goes_on_in_whole_milliseconds_and_ends_with_the_calendar() {
        let at = |millis| Instant::from_millis(millis).unwrap();
        let reading = Reading::new(at(1_000));
        assert_eq!(reading.after(Duration::from_micros(1_999)), at(1_001));
        assert_eq!(Reading::new(Instant::MAX).after(Duration::MAX), Instant::MAX);
        assert!(reading.now() >= at(1_000));
    }
}

//! Retention: trims old events from the feed by raising a mark. Any number of processes may do so at
//! once, since the mark never falls; the shortest retention counts.

use std::sync::mpsc;
use std::time::Duration;

use diesel::prelude::*;
use orders_core::Period;

use super::find_feed;
use crate::StoreError;
use crate::database::clock;
use crate::database::connection::{AnyConnection, Manager};
use crate::database::error::DbError;
use crate::database::rows;
use crate::database::schema::{event_feed, events};

/// How many events are read before the mark moves.
const CHUNK: usize = 1_000;
/// The pause between two chunks.
const PAUSE: Duration = Duration::from_millis(10);
/// The limits of the interval between two runs: a tenth of the retention.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);
const MOST_INTERVAL: Duration = Duration::from_mins(1);

/// Trims the feed periodically until the store is closed.
pub(crate) fn retain(manager: &Manager, keep: Period, stopped: &mpsc::Receiver<()>) {
    let tenth = u64::try_from(keep.as_millis() / 10).map_or(MOST_INTERVAL, Duration::from_millis);
    let interval = tenth.clamp(LEAST_INTERVAL, MOST_INTERVAL);
    let goes_on = |pause| stopped.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Timeout);
    loop {
        if let Err(error) = trim(manager, keep, goes_on) {
            log::debug!("cannot trim the event feed: {error}");
        }
        if !goes_on(interval) {
            return;
        }
    }
}

fn trim(
    manager: &Manager,
    keep: Period,
    goes_on: impl Fn(Duration) -> bool,
) -> Result<(), StoreError> {
    let mut connection = manager.open()?;
    while trim_chunk(&mut connection, keep)? == CHUNK && goes_on(PAUSE) {}
    Ok(())
}

/// Trims one chunk. Returns how many events it had.
fn trim_chunk(connection: &mut AnyConnection, keep: Period) -> Result<usize, DbError> {
    let oldest = clock::now(connection)?.saturating_sub(keep).as_millis();
    let through = rows::bigint(find_feed(connection)?.first_sequence - 1);
    let next: Vec<(i64, i64)> = events::table
        .filter(events::sequence.gt(through))
        .order(events::sequence.asc())
        .limit(i64::try_from(CHUNK).unwrap_or(i64::MAX))
        .select((events::sequence, events::time_ms))
        .load(connection)
        .map_err(|error| DbError::from_diesel(&error))?;
    // Up to the first that is recent enough, even if the clock once went back.
    let old = next.iter().take_while(|(_, time_ms)| *time_ms < oldest);
    let old: Vec<i64> = old.map(|(sequence, _)| *sequence).collect();
    if let Some(last) = old.last() {
        diesel::update(event_feed::table.filter(event_feed::trimmed_through.lt(last)))
            .set(event_feed::trimmed_through.eq(last))
            .execute(connection)
            .map_err(|error| DbError::from_diesel(&error))?;
        log::debug!("trimmed {} events from the feed, up to {last}", old.len());
    }
    Ok(old.len())
}

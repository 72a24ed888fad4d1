//! Retention: what is older than the operator wants to keep goes from the feed, by a mark that
//! rises. Any number of processes may do it at once, since the mark never falls; the one that keeps
//! least decides.

use std::sync::mpsc;
use std::time::Duration;

use diesel::prelude::*;
use orders_core::Period;

use super::trimmed_through;
use crate::connection::{AnyConnection, Manager};
use crate::database::error::Trouble;
use crate::rows;
use crate::schema::{event_feed, events};
use crate::{StoreError, clock};

/// How many events are looked at before the mark is moved.
const SLICE: usize = 1_000;
/// How long the writers are left alone between two slices.
const PAUSE: Duration = Duration::from_millis(10);
/// How often it is looked for old events: more often where they are kept for minutes only.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);
const MOST_INTERVAL: Duration = Duration::from_mins(1);

/// Takes old events out of the feed, again and again until it is to stop.
pub(crate) fn retain(manager: &Manager, keep: Period, stopped: &mpsc::Receiver<()>) {
    let tenth = u64::try_from(keep.as_millis() / 10).map_or(MOST_INTERVAL, Duration::from_millis);
    let interval = tenth.clamp(LEAST_INTERVAL, MOST_INTERVAL);
    let goes_on = |pause| stopped.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Timeout);
    loop {
        if let Err(error) = trim(manager, keep, goes_on) {
            log::debug!("old events were not taken out of the feed yet: {error}");
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
    while trim_slice(&mut connection, keep)? == SLICE && goes_on(PAUSE) {}
    Ok(())
}

/// Takes out a slice; answers how many events that were.
fn trim_slice(connection: &mut AnyConnection, keep: Period) -> Result<usize, Trouble> {
    let oldest = clock::now(connection)?.saturating_sub(keep).as_millis();
    let through = rows::bigint(trimmed_through(connection)?);
    let next: Vec<(i64, i64)> = events::table
        .filter(events::sequence.gt(through))
        .order(events::sequence.asc())
        .limit(i64::try_from(SLICE).unwrap_or(i64::MAX))
        .select((events::sequence, events::time_ms))
        .load(connection)
        .map_err(|error| Trouble::of(&error))?;
    // Up to the first that is young enough, even if the clock once went back.
    let old = next.iter().take_while(|(_, time_ms)| *time_ms < oldest);
    let old: Vec<i64> = old.map(|(sequence, _)| *sequence).collect();
    if let Some(last) = old.last() {
        diesel::update(event_feed::table.filter(event_feed::trimmed_through.lt(last)))
            .set(event_feed::trimmed_through.eq(last))
            .execute(connection)
            .map_err(|error| Trouble::of(&error))?;
        log::debug!("took {} events out of the feed, up to {last}", old.len());
    }
    Ok(old.len())
}

//! The periodic flush of counters that no request waits for: when keys were last used, and how many
//! operations the spacing rule rejected.

use std::sync::mpsc;
use std::time::Duration;

use crate::database::connection::Manager;
use crate::database::error::DbError;
use crate::database::metrics::StoreMetrics;
use crate::keys::{KeyCache, flush_uses};
use crate::orders::reports;

/// The interval of the flush.
const INTERVAL: Duration = Duration::from_secs(5);

/// Flushes periodically, and once more at the end.
pub(crate) fn run(
    keys: &KeyCache,
    metrics: &StoreMetrics,
    manager: &Manager,
    stopped: &mpsc::Receiver<()>,
) {
    let mut flushed = 0;
    loop {
        let goes_on = stopped.recv_timeout(INTERVAL) == Err(mpsc::RecvTimeoutError::Timeout);
        // While the server runs, the next round repeats what failed.
        let level = if goes_on { log::Level::Debug } else { log::Level::Warn };
        if let Err(error) = flush_uses(&keys.table(), manager) {
            log::log!(level, "cannot store when keys were last used: {error:?}");
        }
        match flush_refusals(metrics, flushed, manager) {
            Ok(conflicts) => flushed = conflicts,
            Err(error) => log::log!(level, "cannot store the number of conflicts: {error:?}"),
        }
        if !goes_on {
            return;
        }
    }
}

/// Stores the conflicts since `flushed`. Returns how many there are by now.
fn flush_refusals(metrics: &StoreMetrics, flushed: u64, manager: &Manager) -> Result<u64, DbError> {
    let conflicts = metrics.conflicts();
    let number = i64::try_from(conflicts.saturating_sub(flushed)).unwrap_or(i64::MAX);
    if number > 0 {
        reports::add_conflicts(&mut manager.open()?, number)?;
    }
    Ok(conflicts)
}

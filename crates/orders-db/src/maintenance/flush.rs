//! What is noted from time to time, so that no request waits for it: when keys were last used, and how
//! often the rule refused something.

use std::sync::mpsc;
use std::time::Duration;

use crate::connection::Manager;
use crate::database::error::Trouble;
use crate::database::metrics::Meter;
use crate::keys::{Board, store_uses};
use crate::orders::refusals;

/// How often it is looked whether there is something to be noted.
const PAUSE: Duration = Duration::from_secs(5);

/// Notes what there is, again and again, and once more at the end.
pub(crate) fn write_down(
    board: &Board,
    meter: &Meter,
    manager: &Manager,
    stopped: &mpsc::Receiver<()>,
) {
    let mut noted = 0;
    loop {
        let goes_on = stopped.recv_timeout(PAUSE) == Err(mpsc::RecvTimeoutError::Timeout);
        if let Err(trouble) = store_uses(&board.table(), manager) {
            log::debug!("when keys were last used was not written down yet: {trouble:?}");
        }
        match store_refusals(meter, noted, manager) {
            Ok(conflicts) => noted = conflicts,
            Err(trouble) => log::debug!("what was refused was not written down yet: {trouble:?}"),
        }
        if !goes_on {
            return;
        }
    }
}

/// Notes what was refused since so many were; gives back how many were by now.
fn store_refusals(meter: &Meter, noted: u64, manager: &Manager) -> Result<u64, Trouble> {
    let conflicts = meter.conflicts();
    let number = i64::try_from(conflicts.saturating_sub(noted)).unwrap_or(i64::MAX);
    if number > 0 {
        refusals::add(&mut manager.open()?, number)?;
    }
    Ok(conflicts)
}

//! Ctrl-C and SIGTERM for commands that end in an orderly way.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// How often a command that waits looks for a signal.
const INTERVAL: Duration = Duration::from_millis(100);

/// Whether a signal has arrived.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

/// The command was interrupted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

impl Interrupt {
    /// From now on a signal only sets the flag. A second one exits at once.
    pub(crate) fn watch() -> io::Result<Self> {
        let is_set = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order, so that the first signal does not exit.
            flag::register_conditional_shutdown(signal, 1, Arc::clone(&is_set))?;
            flag::register(signal, Arc::clone(&is_set))?;
        }
        Ok(Self(is_set))
    }

    /// Fails if a signal has arrived.
    pub(crate) fn check(&self) -> Result<(), Interrupted> {
        if self.0.load(Ordering::Relaxed) { Err(Interrupted) } else { Ok(()) }
    }

    /// Receives from another thread. Returns `None` if its sender is gone.
    pub(crate) fn receive<T>(&self, channel: &Receiver<T>) -> Result<Option<T>, Interrupted> {
        loop {
            self.check()?;
            match channel.recv_timeout(INTERVAL) {
                Ok(received) => return Ok(Some(received)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

//! The threads of a store.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::StoreError;

/// How long to wait for threads to end.
const JOIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The threads of a store.
#[derive(Debug, Default)]
pub(super) struct Threads {
    running: Vec<JoinHandle<()>>,
    /// Dropped to end periodic threads.
    stops: Vec<mpsc::Sender<()>>,
}

impl Threads {
    /// Starts a thread that ends when its queue is closed.
    pub(super) fn start(
        &mut self,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), StoreError> {
        let thread = std::thread::Builder::new()
            .name(format!("orders-{name}"))
            .spawn(work)
            .map_err(|error| StoreError::Unavailable(format!("cannot start a thread: {error}")))?;
        self.running.push(thread);
        Ok(())
    }

    /// Starts a thread that ends when the sender of its channel is dropped.
    pub(super) fn start_stoppable(
        &mut self,
        name: &str,
        work: impl FnOnce(&mpsc::Receiver<()>) + Send + 'static,
    ) -> Result<(), StoreError> {
        let (stop, stopped) = mpsc::channel();
        self.start(name, move || work(&stopped))?;
        self.stops.push(stop);
        Ok(())
    }

    /// Waits for all threads to end, up to a timeout, because the database may hang.
    pub(super) fn end(&mut self) {
        self.stops.clear();
        let deadline = Instant::now() + JOIN_TIMEOUT;
        for thread in self.running.drain(..) {
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
            if !thread.is_finished() {
                log::warn!("a thread still waits for the database; leaving it");
            } else if thread.join().is_err() {
                log::error!("a thread of the store has panicked");
            }
        }
    }
}

//! The threads of a store.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::StoreError;

/// How long threads that are to end are waited for.
const JOIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Threads that work until they are told to end, each in its own way.
#[derive(Debug, Default)]
pub(super) struct Threads {
    running: Vec<JoinHandle<()>>,
    /// Dropped to end what is done from time to time.
    stops: Vec<mpsc::Sender<()>>,
}

impl Threads {
    /// Starts one that ends by itself, once what it works on is closed.
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

    /// Starts one that ends once what it is given hangs up.
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

    /// Waits until all have ended, but not without end: a database may be silent.
    pub(super) fn end(&mut self) {
        self.stops.clear();
        let deadline = Instant::now() + JOIN_TIMEOUT;
        for thread in self.running.drain(..) {
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
            if !thread.is_finished() {
                log::warn!("the database is silent; leaving a thread that waits for it");
            } else if thread.join().is_err() {
                log::error!("a thread of the store had panicked");
            }
        }
    }
}

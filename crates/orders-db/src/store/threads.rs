//! The threads of a store.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::StoreError;

/// How long to wait for threads to end.
const JOIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The threads of a store, in the order in which they end.
#[derive(Debug, Default)]
pub(super) struct Threads(Vec<Running>);

#[derive(Debug)]
struct Running {
    thread: JoinHandle<()>,
    /// Dropped to end a periodic thread.
    stop: Option<mpsc::Sender<()>>,
}

impl Threads {
    /// Starts a thread that ends when its queue is closed.
    pub(super) fn start(
        &mut self,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), StoreError> {
        self.spawn(name, work, None)
    }

    /// Starts a thread that ends when the sender of its channel is dropped.
    pub(super) fn start_stoppable(
        &mut self,
        name: &str,
        work: impl FnOnce(&mpsc::Receiver<()>) + Send + 'static,
    ) -> Result<(), StoreError> {
        let (stop, stopped) = mpsc::channel();
        self.spawn(name, move || work(&stopped), Some(stop))
    }

    fn spawn(
        &mut self,
        name: &str,
        work: impl FnOnce() + Send + 'static,
        stop: Option<mpsc::Sender<()>>,
    ) -> Result<(), StoreError> {
        let thread = std::thread::Builder::new()
            .name(format!("orders-{name}"))
            .spawn(work)
            .map_err(|error| StoreError::Unavailable(format!("cannot start a thread: {error}")))?;
        self.0.push(Running { thread, stop });
        Ok(())
    }

    /// Ends the threads one after another, in the order of their start: the flush of the counters
    /// must come after the last write. Waits up to a timeout, because the database may hang.
    pub(super) fn end(&mut self) {
        let deadline = Instant::now() + JOIN_TIMEOUT;
        for Running { thread, stop } in self.0.drain(..) {
            drop(stop);
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
            if !thread.is_finished() {
                let name = thread.thread().name().unwrap_or_default();
                log::warn!("the thread {name} still waits for the database; leaving it");
            } else if thread.join().is_err() {
                log::error!("a thread of the store has panicked");
            }
        }
    }
}

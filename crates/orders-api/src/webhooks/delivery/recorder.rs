//! Stores the progress of deliveries, of all endpoints together: what arrives during a transaction
//! shares the next one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use orders_db::{DeliveryStore, Progress, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

/// The most deliveries in one transaction.
const MAX_BATCH: usize = 256;
/// The pause between two transactions, in which orders can be written.
const PAUSE: Duration = Duration::from_millis(10);
/// The pause before a failed transaction is retried.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
/// How long it is retried. For that long, no other process takes over the leases.
const RETRY_TIMEOUT: Duration = Duration::from_secs(8);

/// The delivery store, shared by all tasks of the delivery thread.
pub(super) type SharedDeliveryStore = Arc<Mutex<DeliveryStore>>;

/// Progress, and where to report that it is stored.
type Entry = (Progress, oneshot::Sender<Instant>);

/// Queues progress to be stored.
#[derive(Clone)]
pub(super) struct Recorder(mpsc::UnboundedSender<Entry>);

impl Recorder {
    /// Returns a recorder and the task that stores the queued progress. The task ends when all clones of
    /// the recorder are dropped. The queue is bounded by the number of endpoints: each waits for its
    /// last page to be stored.
    pub(super) fn new(store: SharedDeliveryStore) -> (Self, impl Future<Output = ()>) {
        let (sender, entries) = mpsc::unbounded_channel();
        (Self(sender), store_all(store, entries))
    }

    /// Queues progress. The receiver gets the time from which the lease is renewed, or is closed if
    /// the lease is lost.
    pub(super) fn record(&self, progress: Progress) -> oneshot::Receiver<Instant> {
        let (stored, receiver) = oneshot::channel();
        // Without a task, the receiver is closed.
        drop(self.0.send((progress, stored)));
        receiver
    }
}

/// Runs a blocking query of the delivery store.
pub(super) async fn run_blocking<T: Send + 'static>(
    store: &SharedDeliveryStore,
    query: impl FnOnce(&mut DeliveryStore) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let store = Arc::clone(store);
    let result =
        spawn_blocking(move || query(&mut store.lock().unwrap_or_else(PoisonError::into_inner)));
    let panicked = |_| Err(StoreError::Unavailable("the query has panicked".to_owned()));
    result.await.unwrap_or_else(panicked)
}

async fn store_all(store: SharedDeliveryStore, mut entries: mpsc::UnboundedReceiver<Entry>) {
    let mut batch = Vec::new();
    while entries.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let (progress, waiting): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        let renewed = store_batch(&store, progress.into()).await;
        for (waiting, renewed_at) in waiting.into_iter().zip(renewed) {
            if let Some(renewed_at) = renewed_at {
                // A delivery run that has ended does not wait.
                waiting.send(renewed_at).ok();
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Stores a batch, with retries. Returns for each entry from when its lease is renewed.
async fn store_batch(store: &SharedDeliveryStore, batch: Arc<[Progress]>) -> Vec<Option<Instant>> {
    let start = Instant::now();
    loop {
        let (attempt_start, shared) = (Instant::now(), Arc::clone(&batch));
        match run_blocking(store, move |store| store.record(&shared)).await {
            Ok(kept) => {
                return kept.into_iter().map(|kept| kept.then_some(attempt_start)).collect();
            }
            Err(error) if start.elapsed() > RETRY_TIMEOUT => {
                log::error!("the progress of deliveries could not be stored: {error}");
                return Vec::new();
            }
            Err(error) => log::debug!("retrying to store the progress of deliveries: {error}"),
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

//! Writes down what became of deliveries, of all endpoints together: whatever has gathered while the
//! database had the lot before goes into one transaction.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant as Moment};

use orders_db::{DeliveryStore, Progress, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

/// The most that goes into one transaction.
const MOST: usize = 256;
/// How long the writers of orders are left alone between two transactions.
const PAUSE: Duration = Duration::from_millis(10);
/// How long is waited before the database is asked again.
const PAUSE_OF_OUTAGE: Duration = Duration::from_millis(250);
/// How long it is asked again: as long as other processes surely leave the claims alone.
const PATIENCE: Duration = Duration::from_secs(8);

/// Who writes.
pub(super) type SharedCourier = Arc<Mutex<DeliveryStore>>;

/// Progress, and who wants to know that it is written down.
type Entry = (Progress, oneshot::Sender<Moment>);

/// Takes what is to be written down.
#[derive(Clone)]
pub(super) struct Recorder(mpsc::UnboundedSender<Entry>);

impl Recorder {
    /// A recorder, and what has to run for it; it ends once there is no recorder any more. What
    /// waits is bounded by who waits: an endpoint goes on only when its last page is written down.
    pub(super) fn new(courier: SharedCourier) -> (Self, impl Future<Output = ()>) {
        let (sender, entries) = mpsc::unbounded_channel();
        (Self(sender), run(courier, entries))
    }

    /// Has progress written down. What is returned tells from when on the claim is good for another
    /// while; or nothing, if it is good no more.
    pub(super) fn record(&self, progress: Progress) -> oneshot::Receiver<Moment> {
        let (written, receiver) = oneshot::channel();
        // Where nobody writes any more, the receiver learns that by itself.
        drop(self.0.send((progress, written)));
        receiver
    }
}

/// Asks a courier something, on a thread on which that may block.
pub(super) async fn ask<T: Send + 'static>(
    courier: &SharedCourier,
    question: impl FnOnce(&mut DeliveryStore) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let courier = Arc::clone(courier);
    let answer = spawn_blocking(move || {
        question(&mut courier.lock().unwrap_or_else(PoisonError::into_inner))
    });
    let gone = |_gone| Err(StoreError::Unavailable("nobody is left to ask".to_owned()));
    answer.await.unwrap_or_else(gone)
}

async fn run(courier: SharedCourier, mut entries: mpsc::UnboundedReceiver<Entry>) {
    let mut gathered = Vec::new();
    while entries.recv_many(&mut gathered, MOST).await > 0 {
        let (progress, waiting): (Vec<_>, Vec<_>) = gathered.drain(..).unzip();
        let progress: Arc<[Progress]> = progress.into();
        let began = Moment::now();
        let written = loop {
            let (asked, batch) = (Moment::now(), Arc::clone(&progress));
            match ask(&courier, move |courier| courier.record(&batch)).await {
                Ok(good) => break good.into_iter().map(|good| good.then_some(asked)).collect(),
                Err(error) if began.elapsed() > PATIENCE => {
                    log::error!("what became of deliveries could not be written down: {error}");
                    break Vec::new();
                }
                Err(error) => log::debug!("deliveries were not written down yet: {error}"),
            }
            tokio::time::sleep(PAUSE_OF_OUTAGE).await;
        };
        for (waiting, good_from) in waiting.into_iter().zip(written) {
            if let Some(good_from) = good_from {
                // An endpoint that is done does not wait.
                waiting.send(good_from).ok();
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

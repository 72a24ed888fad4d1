//! Publishes new events to all streams of this process. One task reads each event once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_rt::time::sleep;
use actix_web::web::Data;
use futures_util::future::select;
use futures_util::pin_mut;
use orders_db::EventPage;
use tokio::sync::{Semaphore, watch};

use super::handlers::overloaded;
use super::ring::{Found, Rendered, Ring};
use crate::http::installation::Installation;
use crate::http::problem::Problem;
use crate::store_client::StoreClient;

/// The number of events that are read at once.
const PAGE: usize = 500;
/// The pause after a failed read.
const OUTAGE_PAUSE: Duration = Duration::from_millis(250);
/// The time of a worker that each stream may take. A round lasts this long for each stream, and a
/// stream is sent something once in a round, so that streams leave room for writes.
const TURN: Duration = Duration::from_micros(50);
/// Shorter rounds are not worth a timer.
const MIN_ROUND: Duration = Duration::from_millis(2);

/// What all streams of a process share.
pub(crate) struct Live {
    ring: Mutex<Ring>,
    /// The last sequence in the ring. A change wakes the streams.
    published: watch::Sender<u64>,
    streams: watch::Sender<usize>,
    max_streams: usize,
    /// Lets one stream at a time read events that are no longer in the ring.
    pub(super) backlog: Semaphore,
    pub(super) installation: Installation,
    epoch: Instant,
    is_shutting_down: AtomicBool,
}

/// The number of streams, and their progress.
pub(crate) struct StreamMetrics {
    pub(crate) open: usize,
    pub(crate) max: usize,
    /// The last sequence that was published.
    pub(crate) published: u64,
}

impl Live {
    pub(crate) fn new(max_streams: usize, installation: Installation) -> Self {
        Self {
            ring: Mutex::default(),
            published: watch::Sender::new(0),
            streams: watch::Sender::new(0),
            max_streams,
            backlog: Semaphore::new(1),
            installation,
            epoch: Instant::now(),
            is_shutting_down: AtomicBool::new(false),
        }
    }

    /// Ends all streams and rejects new ones.
    pub(crate) fn shut_down(&self) {
        self.is_shutting_down.store(true, Ordering::SeqCst);
        self.backlog.close();
        self.published.send_modify(|_| {});
    }

    pub(crate) fn is_shutting_down(&self) -> bool {
        self.is_shutting_down.load(Ordering::SeqCst)
    }

    pub(crate) fn metrics(&self) -> StreamMetrics {
        let (open, published) = (*self.streams.borrow(), *self.published.borrow());
        StreamMetrics { open, max: self.max_streams, published }
    }

    pub(super) fn published(&self) -> watch::Receiver<u64> {
        self.published.subscribe()
    }

    pub(super) fn after(&self, position: u64, max_bytes: usize) -> Found {
        self.ring().after(position, max_bytes)
    }

    /// Returns how long a stream must wait for its turn. Turns are spread over a round.
    pub(super) fn time_until_turn(&self, number: u32) -> Duration {
        let round = self.round();
        if round < MIN_ROUND {
            return Duration::ZERO;
        }
        // Multiples of the golden ratio are spread evenly, whichever streams there are.
        let turn = round.mul_f64(f64::from(number.wrapping_mul(2_654_435_769)) / 4_294_967_296.0);
        let round = round.as_micros();
        let passed = self.epoch.elapsed().as_micros() % round;
        let wait = (turn.as_micros() + round - passed) % round;
        Duration::from_micros(u64::try_from(wait).unwrap_or(0))
    }

    /// The time in which each stream has one turn.
    fn round(&self) -> Duration {
        TURN.saturating_mul(u32::try_from(*self.streams.borrow()).unwrap_or(u32::MAX))
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // No code panics while it holds the lock.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn restart(&self, start: u64) {
        self.ring().restart(Some(start));
        self.published.send_replace(start);
    }

    fn publish(&self, part: Rendered) -> u64 {
        let last = part.last();
        self.ring().push(part);
        self.published.send_replace(last);
        last
    }
}

/// A slot for one stream. It is freed when it is dropped.
pub(super) struct Slot(Data<Live>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.streams.send_modify(|streams| *streams -= 1);
    }
}

/// Takes a slot for a stream, if one is free.
pub(super) fn take_slot(live: &Data<Live>) -> Result<Slot, Problem> {
    let entered = live.streams.send_if_modified(|streams| {
        let has_room = *streams < live.max_streams;
        *streams += usize::from(has_room);
        has_room
    });
    let refused = || overloaded("The maximum number of event streams is open.");
    entered.then(|| Slot(live.clone())).ok_or_else(refused)
}

/// Reads each new event once, while there are streams.
pub(crate) async fn run(live: Data<Live>, store: StoreClient) {
    loop {
        let mut streams = live.streams.subscribe();
        // The sender is in `live`, so this does not fail.
        drop(streams.wait_for(|streams| *streams > 0).await);
        let (sender, sequences) = watch::channel(0);
        let listener =
            store.subscribe(move |sequence| sender.send_modify(|known| *known = sequence));
        {
            let (follow, end) =
                (follow(&live, &store, sequences), streams.wait_for(|streams| *streams == 0));
            pin_mut!(follow, end);
            select(follow, end).await;
        }
        drop(listener);
        live.ring().restart(None);
    }
}

async fn follow(live: &Live, store: &StoreClient, mut sequences: watch::Receiver<u64>) {
    let mut position = None;
    while sequences.changed().await.is_ok() {
        let latest = *sequences.borrow_and_update();
        let mut last = position.unwrap_or_else(|| {
            live.restart(latest);
            latest
        });
        while last < latest {
            match read(store, &live.installation, last, PAGE, usize::MAX).await {
                Ok(Read::Events(part)) => last = live.publish(part),
                Ok(Read::Nothing) => break,
                // Purged before it was read. Streams that need it will notice.
                Ok(Read::Gone) => {
                    live.restart(latest);
                    last = latest;
                }
                Err(problem) => {
                    log::debug!("new events could not be read: {problem}");
                    sleep(OUTAGE_PAUSE).await;
                }
            }
            sleep(live.round()).await;
        }
        position = Some(last);
    }
}

/// Events that were read from the database.
pub(super) enum Read {
    Events(Rendered),
    Nothing,
    Gone,
}

/// Reads and renders the events after a position.
pub(super) async fn read(
    store: &StoreClient,
    installation: &Installation,
    position: u64,
    max_events: usize,
    max_bytes: usize,
) -> Result<Read, Problem> {
    let installation = installation.clone();
    let rendered = store.run_blocking(move |store| {
        Ok(match store.list_events(position, max_events)? {
            EventPage::Changes { feed, changes } => {
                Some(Rendered::from_changes(&changes, &installation.source(&feed), max_bytes))
            }
            EventPage::Gone(_) => None,
        })
    });
    match rendered.await?.transpose() {
        Ok(Some(Some(part))) => Ok(Read::Events(part)),
        Ok(Some(None)) => Ok(Read::Nothing),
        Ok(None) => Ok(Read::Gone),
        Err(error) => {
            Err(Problem::unexpected(format!("an event could not be serialized: {error}")))
        }
    }
}

//! What is going on: the one task that reads each new event once, for all streams of this process,
//! and how many streams there are.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_rt::time::sleep;
use actix_web::web::Data;
use futures_util::future::select;
use futures_util::pin_mut;
use orders_db::EventPage;
use tokio::sync::{Semaphore, watch};

use super::handlers::refusal;
use super::ring::{Found, Rendered, Ring};
use crate::app::App;
use crate::problem::Problem;

/// How many events are read at once.
const PAGE: usize = 500;
/// How long the database is left alone when it does not answer.
const OUTAGE_PAUSE: Duration = Duration::from_millis(250);
/// How much of a worker's time each stream may take: it is sent something once in as many of these
/// as there are streams, so that they leave room for writes however many they are.
const SHARE: Duration = Duration::from_micros(50);
/// Pauses that are shorter are not worth a timer.
const LEAST_PAUSE: Duration = Duration::from_millis(2);

/// What all streams of a process share.
pub(crate) struct Live {
    ring: Mutex<Ring>,
    /// Up to which sequence the ring goes: changed to wake the streams.
    published: watch::Sender<u64>,
    streams: watch::Sender<usize>,
    most_streams: usize,
    /// One stream at a time reads what is not in the ring.
    pub(super) past: Semaphore,
    epoch: Instant,
}

/// How many streams there are, and how far they are.
pub(crate) struct StreamNumbers {
    pub(crate) open: usize,
    pub(crate) most: usize,
    /// The sequence up to which all were told.
    pub(crate) published: u64,
}

impl Live {
    pub(crate) fn new(most_streams: usize) -> Self {
        Self {
            ring: Mutex::default(),
            published: watch::Sender::new(0),
            streams: watch::Sender::new(0),
            most_streams,
            past: Semaphore::new(1),
            epoch: Instant::now(),
        }
    }

    /// Wakes all streams to see that the server is about to end.
    pub(crate) fn end(&self) {
        self.past.close();
        self.published.send_modify(|_| {});
    }

    pub(crate) fn numbers(&self) -> StreamNumbers {
        let (open, published) = (*self.streams.borrow(), *self.published.borrow());
        StreamNumbers { open, most: self.most_streams, published }
    }

    pub(super) fn published(&self) -> watch::Receiver<u64> {
        self.published.subscribe()
    }

    pub(super) fn after(&self, position: u64, most: usize) -> Found {
        self.ring().after(position, most)
    }

    /// How long a stream must wait for its turn. All have their turns in the same time, each at
    /// another moment of it.
    pub(super) fn wait_for_turn(&self, number: u32) -> Duration {
        let round = self.round();
        if round < LEAST_PAUSE {
            return Duration::ZERO;
        }
        // Multiples of the golden ratio are spread evenly, whichever of them are there.
        let turn = round.mul_f64(f64::from(number.wrapping_mul(2_654_435_769)) / 4_294_967_296.0);
        let round = round.as_micros();
        let passed = self.epoch.elapsed().as_micros() % round;
        let wait = (turn.as_micros() + round - passed) % round;
        Duration::from_micros(u64::try_from(wait).unwrap_or(0))
    }

    /// The time in which each stream has one turn.
    fn round(&self) -> Duration {
        SHARE.saturating_mul(u32::try_from(*self.streams.borrow()).unwrap_or(u32::MAX))
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // Nothing in here panics while it holds the lock, so a poisoned one is whole.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, start: u64) {
        self.ring().begin(Some(start));
        self.published.send_replace(start);
    }

    fn publish(&self, part: Rendered) -> u64 {
        let last = part.last();
        self.ring().push(part);
        self.published.send_replace(last);
        last
    }
}

/// A place among the streams; dropped, it is free again.
pub(super) struct Slot(Data<App>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.live.streams.send_modify(|streams| *streams -= 1);
    }
}

/// Takes a place for a stream, if there is one.
pub(super) fn enter(app: &Data<App>) -> Result<Slot, Problem> {
    let live = &app.live;
    let entered = live.streams.send_if_modified(|streams| {
        let has_room = *streams < live.most_streams;
        *streams += usize::from(has_room);
        has_room
    });
    let refused = || refusal("There are as many streams of events as there may be.");
    entered.then(|| Slot(app.clone())).ok_or_else(refused)
}

/// Reads each new event once, while there are streams.
pub(crate) async fn run(app: Data<App>) {
    loop {
        let mut streams = app.live.streams.subscribe();
        // The sender is in the app, which is held here.
        drop(streams.wait_for(|streams| *streams > 0).await);
        let (sender, heard) = watch::channel(0);
        let listener = app.listen(move |sequence| sender.send_modify(|known| *known = sequence));
        {
            let (follow, end) = (follow(&app, heard), streams.wait_for(|streams| *streams == 0));
            pin_mut!(follow, end);
            select(follow, end).await;
        }
        drop(listener);
        app.live.ring().begin(None);
    }
}

async fn follow(app: &App, mut heard: watch::Receiver<u64>) {
    let live = &app.live;
    let mut position = None;
    while heard.changed().await.is_ok() {
        let latest = *heard.borrow_and_update();
        let mut last = position.unwrap_or_else(|| {
            live.begin(latest);
            latest
        });
        while last < latest {
            match read(app, last, PAGE, usize::MAX).await {
                Ok(Past::Events(part)) => last = live.publish(part),
                Ok(Past::Nothing) => break,
                // Trimmed before it was read: whoever wants it is told so.
                Ok(Past::Gone) => {
                    live.begin(latest);
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

/// What is read of the database.
pub(super) enum Past {
    Events(Rendered),
    Nothing,
    Gone,
}

/// Reads and renders what follows a position.
pub(super) async fn read(
    app: &App,
    position: u64,
    events: usize,
    bytes: usize,
) -> Result<Past, Problem> {
    let rendered = app.ask(move |store| {
        Ok(match store.list_events(position, events)? {
            EventPage::Changes(changes) => Some(Rendered::of(&changes, bytes)),
            EventPage::Gone { .. } => None,
        })
    });
    match rendered.await?.transpose() {
        Ok(Some(Some(part))) => Ok(Past::Events(part)),
        Ok(Some(None)) => Ok(Past::Nothing),
        Ok(None) => Ok(Past::Gone),
        Err(error) => Err(Problem::unexpected(format!("an event cannot be written: {error}"))),
    }
}

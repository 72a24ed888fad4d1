//! Delivers to one endpoint for a while: the events behind its position, one after the other, each
//! only when the one before it was taken or given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant as Moment};

use actix_web::web::Bytes;
use orders_core::Instant;
use orders_db::{
    Attempt, DeliveryStatus, EventPage, Lease, OrderChange, Progress, Store, StoreError,
};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::delays::Delays;
use super::record::Recorder;
use super::send::{Sender, Sent};
use super::sign::Message;
use crate::wire::EventView;

/// How many events are read at once, and may have been sent without being written down.
const PAGE: usize = 50;
/// How long an endpoint has its turn, if it always has something to be delivered.
const TURN: Duration = Duration::from_secs(5);
/// How long an endpoint rests where events cannot be read.
const PAUSE_OF_OUTAGE: Duration = Duration::from_secs(1);
/// For how long an endpoint is sent more without a look whether it was changed.
const FRESH: Duration = Duration::from_millis(200);
/// What all who deliver share.
pub(super) struct Shared {
    pub(super) store: Arc<Store>,
    pub(super) sender: Sender,
    pub(super) delays: Delays,
    /// How long a claim is good for.
    pub(super) lease: Duration,
    /// What must be left of it to send anything: the request, and some more to write it down.
    pub(super) least: Duration,
    /// Set once nothing new is to be sent.
    pub(super) stopping: AtomicBool,
}

/// A claim in the making of its deliveries.
struct Turn<'a> {
    shared: &'a Shared,
    recorder: &'a Recorder,
    claim: Lease,
    claimed: Moment,
    /// From when on the claim is good for as long as a claim is.
    good_from: Moment,
    /// The sequence up to which nothing is to be delivered any more.
    position: u64,
    /// How often the next event was tried.
    attempts: u32,
}

/// Delivers what there is, or as much of it as one turn allows, and gives the claim back.
pub(super) async fn deliver(
    shared: Arc<Shared>,
    recorder: Recorder,
    claim: Lease,
    claimed: Moment,
) {
    let mut turn = Turn {
        shared: &shared,
        recorder: &recorder,
        position: claim.position,
        attempts: claim.attempts,
        good_from: claimed,
        claimed,
        claim,
    };
    while turn.page().await {}
}

impl Turn<'_> {
    /// Delivers a page of events. Whether to go on with the next.
    async fn page(&mut self) -> bool {
        let changes = match self.read().await {
            Ok(EventPage::Changes(changes)) => changes,
            Ok(EventPage::Gone { first }) => {
                let id = &self.claim.id;
                log::warn!(webhook_id = id.as_str(); "webhook {id}: events before {first} are gone");
                self.position = first.saturating_sub(1);
                self.attempts = 0;
                return self.settle(false).await;
            }
            Err(error) => {
                log::warn!("events could not be read, to be delivered: {error}");
                sleep(PAUSE_OF_OUTAGE).await;
                self.settle(true).await;
                return false;
            }
        };
        let is_last = changes.len() < PAGE;
        for change in &changes {
            let left = self.shared.lease.saturating_sub(self.good_from.elapsed());
            if self.shared.stopping.load(Ordering::SeqCst) {
                self.settle(true).await;
                return false;
            }
            if left < self.shared.least {
                return self.settle(false).await;
            }
            let event = &change.event;
            if self.claim.events.match_kind(event.kind) {
                if !self.attempt(change).await {
                    return false;
                }
            } else {
                self.position = event.sequence;
            }
        }
        let is_over = is_last || self.claimed.elapsed() > TURN;
        self.settle(is_over).await && !is_over
    }

    async fn read(&self) -> Result<EventPage, StoreError> {
        let (store, after) = (Arc::clone(&self.shared.store), self.position);
        let page = spawn_blocking(move || store.list_events(after, PAGE)).await;
        page.unwrap_or_else(|_gone| Err(StoreError::Unavailable("nobody is left".to_owned())))
    }

    /// Tries to deliver an event. Whether to go on with the next.
    async fn attempt(&mut self, change: &OrderChange) -> bool {
        let (id, sequence) = (self.claim.id.clone(), change.event.sequence);
        let message = Message {
            id: id.message_id(sequence),
            // Of strings and numbers only, so it always serializes.
            body: Bytes::from(serde_json::to_vec(&EventView::of(change)).unwrap_or_default()),
            secrets: self.claim.secrets.clone(),
        };
        let now = self.now();
        let sent = self.shared.sender.send(&self.claim.url, &message, now).await;
        self.attempts = self.attempts.saturating_add(1);
        let rest = self.shared.delays.after(self.attempts, sent.retry_after);
        let (status, gone, held) = match (sent.is_success(), sent.answer == Ok(410), rest) {
            (true, _, _) => (DeliveryStatus::Succeeded, false, None),
            (false, true, _) => (DeliveryStatus::Failed, true, None),
            (false, false, Some(rest)) => {
                (DeliveryStatus::Pending, false, Some((self.attempts, rest)))
            }
            (false, false, None) => (DeliveryStatus::Failed, false, None),
        };
        if let Some(why) = sent.error() {
            let next = match (gone, rest) {
                (true, _) => "it wants no more, and is disabled".to_owned(),
                (false, Some(rest)) => format!("tried again in {} s", rest.as_secs()),
                (false, None) => "given up".to_owned(),
            };
            log::warn!(
                webhook_id = id.as_str(), sequence = sequence;
                "webhook {id}: event {sequence} was not taken ({why}); {next}"
            );
        }
        let goes_on = held.is_none() && !gone;
        if goes_on {
            self.position = sequence;
            self.attempts = 0;
        }
        let attempt = attempt(change, status, &sent);
        let written = self.write(Some(attempt), held, gone, !goes_on);
        // Quick endpoints do not wait each time; none goes on for long after it was changed.
        if goes_on && self.good_from.elapsed() < FRESH {
            return true;
        }
        self.is_good(written).await && goes_on
    }

    /// Has the position written down, and waits until it is. Whether the claim is still good.
    async fn settle(&mut self, release: bool) -> bool {
        // What holds the endpoint holds it still, if it was not tried this time.
        let held = (self.attempts > 0).then_some((self.attempts, Duration::ZERO));
        let written = self.write(None, held, false, release);
        self.is_good(written).await
    }

    /// Waits until something is written down. Whether the claim is still good.
    async fn is_good(&mut self, written: oneshot::Receiver<Moment>) -> bool {
        let good_from = written.await.ok();
        self.good_from = good_from.unwrap_or(self.good_from);
        good_from.is_some()
    }

    fn write(
        &self,
        attempt: Option<Attempt>,
        held: Option<(u32, Duration)>,
        gone: bool,
        release: bool,
    ) -> oneshot::Receiver<Moment> {
        self.recorder.record(Progress {
            id: self.claim.id.clone(),
            generation: self.claim.generation,
            position: self.position,
            attempt,
            held,
            gone,
            release,
        })
    }

    /// The time by the database's clock.
    fn now(&self) -> Instant {
        let passed = i64::try_from(self.claimed.elapsed().as_millis()).unwrap_or(i64::MAX);
        let now = self.claim.now.as_millis().saturating_add(passed);
        Instant::from_millis(now).unwrap_or(Instant::MAX)
    }
}

fn attempt(change: &OrderChange, status: DeliveryStatus, sent: &Sent) -> Attempt {
    Attempt {
        sequence: change.event.sequence,
        kind: change.event.kind,
        status,
        http_status: sent.answer.as_ref().ok().copied(),
        error: sent.error(),
        duration: sent.duration,
    }
}

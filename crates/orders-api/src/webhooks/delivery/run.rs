//! A delivery run: delivers the events after the position of one webhook, in order, for as long as
//! its turn lasts. The next event is sent when the previous one is delivered or has failed for good.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant as StdInstant};

use actix_web::web::Bytes;
use orders_core::Timestamp;
use orders_core::webhook::DeliveryStatus;
use orders_db::{Attempt, EventPage, Lease, OrderChange, Progress, Store, StoreError};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::recorder::Recorder;
use super::retry_delays::RetryDelays;
use super::sender::{SendResult, Sender};
use super::signature::Message;
use crate::events::response::EventView;
use crate::http::installation::Installation;

/// The number of events that are read at once, and that may be sent before their results are stored.
const PAGE: usize = 50;
/// How long a run lasts if there is always something to deliver.
const MAX_DURATION: Duration = Duration::from_secs(5);
/// The pause of a run whose events cannot be read.
const OUTAGE_PAUSE: Duration = Duration::from_secs(1);
/// How long a run continues without checking whether its webhook was changed.
const MAX_UNCHECKED: Duration = Duration::from_millis(200);

/// What all delivery runs share.
pub(super) struct Shared {
    pub(super) store: Arc<Store>,
    pub(super) installation: Installation,
    pub(super) sender: Sender,
    pub(super) delays: RetryDelays,
    /// The duration of a lease.
    pub(super) lease: Duration,
    /// What must remain of a lease to start a request: its timeout, and time to store its result.
    pub(super) min_lease: Duration,
    /// Set at shutdown. No request is started afterwards.
    pub(super) is_stopping: AtomicBool,
}

struct DeliveryRun<'a> {
    shared: &'a Shared,
    recorder: &'a Recorder,
    lease: Lease,
    started_at: StdInstant,
    /// When the lease was last renewed.
    renewed_at: StdInstant,
    /// The sequence up to which events are done.
    position: u64,
    /// The number of failed attempts of the next event.
    attempts: u32,
}

/// Whether a run continues.
#[derive(PartialEq, Eq)]
enum Flow {
    Continue,
    End,
}

/// Delivers what there is, for as long as a run lasts, and releases the lease.
pub(super) async fn deliver(
    shared: Arc<Shared>,
    recorder: Recorder,
    lease: Lease,
    leased_at: StdInstant,
) {
    let mut run = DeliveryRun {
        shared: &shared,
        recorder: &recorder,
        position: lease.position,
        attempts: lease.attempts,
        started_at: leased_at,
        renewed_at: leased_at,
        lease,
    };
    while run.deliver_page().await == Flow::Continue {}
}

impl DeliveryRun<'_> {
    async fn deliver_page(&mut self) -> Flow {
        let (feed, changes) = match self.read_page().await {
            Ok(EventPage::Changes { feed, changes }) => (feed, changes),
            Ok(EventPage::Gone(feed)) => {
                let (id, first) = (&self.lease.id, feed.first_sequence);
                let next = if self.position < first {
                    first.saturating_sub(1)
                } else {
                    feed.last_sequence
                };
                log::warn!(webhook_id = id.as_str(); "webhook {id}: events before {first} are gone");
                self.position = next;
                self.attempts = 0;
                return self.renew().await;
            }
            Err(error) => {
                log::warn!("events could not be read for delivery: {error}");
                sleep(OUTAGE_PAUSE).await;
                return self.release().await;
            }
        };
        let is_last = changes.len() < PAGE;
        let source = self.shared.installation.source(&feed);
        for change in &changes {
            if self.shared.is_stopping.load(Ordering::SeqCst) {
                return self.release().await;
            }
            let remaining = self.shared.lease.saturating_sub(self.renewed_at.elapsed());
            if remaining < self.shared.min_lease {
                return self.renew().await;
            }
            if !self.lease.events.match_kind(change.event.kind) {
                self.position = change.event.sequence;
            } else if self.deliver_event(change, &source).await == Flow::End {
                return Flow::End;
            }
        }
        if is_last || self.started_at.elapsed() > MAX_DURATION {
            self.release().await
        } else {
            self.renew().await
        }
    }

    async fn read_page(&self) -> Result<EventPage, StoreError> {
        let (store, after) = (Arc::clone(&self.shared.store), self.position);
        let page = spawn_blocking(move || store.reads.list_events(after, PAGE)).await;
        let panicked = |_| Err(StoreError::Unavailable("the query has panicked".to_owned()));
        page.unwrap_or_else(panicked)
    }

    /// Attempts to deliver an event once.
    async fn deliver_event(&mut self, change: &OrderChange, source: &str) -> Flow {
        let sequence = change.event.sequence;
        let message = Message {
            id: Message::id(&self.lease.id, sequence),
            // It consists of strings and numbers only, so it always serializes.
            body: Bytes::from(
                serde_json::to_vec(&EventView::new(change, source)).unwrap_or_default(),
            ),
            secrets: self.lease.secrets.clone(),
        };
        let sent = self.shared.sender.send(&self.lease.url, &message, self.now()).await;
        self.attempts = self.attempts.saturating_add(1);
        let gone = sent.response == Ok(410);
        let delay = self.shared.delays.after(self.attempts, sent.retry_after);
        let (status, held) = match (sent.is_success(), gone, delay) {
            (true, _, _) => (DeliveryStatus::Succeeded, None),
            (false, false, Some(delay)) => (DeliveryStatus::Pending, Some((self.attempts, delay))),
            (false, true, _) | (false, false, None) => (DeliveryStatus::Failed, None),
        };
        self.log_failure(sequence, &sent, held.map(|(_, delay)| delay));
        let is_done = held.is_none() && !gone;
        if is_done {
            self.position = sequence;
            self.attempts = 0;
        }
        let attempt = attempt(change, status, &sent);
        let stored = self.record(Some(attempt), held, gone, !is_done);
        // Fast endpoints do not wait for each result to be stored.
        if is_done && self.renewed_at.elapsed() < MAX_UNCHECKED {
            return Flow::Continue;
        }
        let flow = self.wait_until_stored(stored).await;
        if is_done { flow } else { Flow::End }
    }

    fn log_failure(&self, sequence: u64, sent: &SendResult, delay: Option<Duration>) {
        let Some(error) = sent.error() else { return };
        let next = match (sent.response == Ok(410), delay) {
            (true, _) => "the webhook is disabled".to_owned(),
            (false, Some(delay)) => format!("retry in {} s", delay.as_secs()),
            (false, None) => "no more retries".to_owned(),
        };
        let id = &self.lease.id;
        log::warn!(
            webhook_id = id.as_str(), sequence;
            "webhook {id}: delivery of event {sequence} failed ({error}); {next}"
        );
    }

    /// Stores the position and renews the lease.
    async fn renew(&mut self) -> Flow {
        let stored = self.record(None, self.held(), false, false);
        self.wait_until_stored(stored).await
    }

    /// Stores the position, releases the lease and ends the run.
    async fn release(&mut self) -> Flow {
        let stored = self.record(None, self.held(), false, true);
        self.wait_until_stored(stored).await;
        Flow::End
    }

    /// What holds the next event back, if it was not attempted in this run.
    fn held(&self) -> Option<(u32, Duration)> {
        (self.attempts > 0).then_some((self.attempts, Duration::ZERO))
    }

    /// Ends the run if the lease is lost.
    async fn wait_until_stored(&mut self, stored: oneshot::Receiver<StdInstant>) -> Flow {
        let Ok(renewed_at) = stored.await else { return Flow::End };
        self.renewed_at = renewed_at;
        Flow::Continue
    }

    fn record(
        &self,
        attempt: Option<Attempt>,
        held: Option<(u32, Duration)>,
        gone: bool,
        release: bool,
    ) -> oneshot::Receiver<StdInstant> {
        self.recorder.record(Progress {
            id: self.lease.id.clone(),
            generation: self.lease.generation,
            position: self.position,
            attempt,
            held,
            gone,
            release,
        })
    }

    /// The time of the database's clock.
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.started_at.elapsed().as_millis()).unwrap_or(i64::MAX);
        let now = self.lease.now.as_millis().saturating_add(elapsed);
        Timestamp::from_millis(now).unwrap_or(Timestamp::MAX)
    }
}

fn attempt(change: &OrderChange, status: DeliveryStatus, sent: &SendResult) -> Attempt {
    Attempt {
        sequence: change.event.sequence,
        kind: change.event.kind,
        status,
        http_status: sent.response.as_ref().ok().copied(),
        error: sent.error(),
        duration: sent.duration,
    }
}

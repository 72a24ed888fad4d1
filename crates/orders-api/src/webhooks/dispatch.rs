//! Gives endpoints their turns, on a thread of its own: nothing that an endpoint does, or does not
//! do, is felt by those who answer requests.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant as Moment};

use orders_core::Instant;
use orders_db::{Lease, Store, StoreError, Subscription};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout};

use super::delays::Delays;
use super::deliver::{Shared, deliver};
use super::guard::Guard;
use super::record::{Recorder, SharedCourier, ask};
use super::send::{self, Sender, Sent};
use super::sign::Message;

/// How many endpoints are delivered to at once.
const ENDPOINTS: usize = 48;
/// How many besides that failed before, so that those that do not never wait for them.
const HELD_ENDPOINTS: usize = 16;
/// How many tests run at once; as many wait.
const TESTS: usize = 8;
/// How often is looked for what is to be tried again, or was left by another process.
const PAUSE: Duration = Duration::from_millis(500);
/// The least time between two looks.
const LEAST_PAUSE: Duration = Duration::from_millis(20);
/// How often old deliveries are thrown away, and how long the writers are left alone meanwhile.
const PURGE_PAUSE: Duration = Duration::from_mins(1);
const SLICE_PAUSE: Duration = Duration::from_millis(50);
/// How long is waited for what is under way when it is to end.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How many threads may wait for names to be resolved, and for the database.
const BLOCKING_THREADS: usize = 512;

/// How deliveries are made.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryOptions {
    pub(crate) guard: Guard,
    pub(crate) delays: Delays,
    /// How long a request may take.
    pub(crate) timeout: Duration,
}

/// Has messages sent once, for tests.
pub(crate) struct Tester(mpsc::Sender<Trial>);

/// What is to be tested, until somebody takes it.
pub(crate) struct Trials(mpsc::Receiver<Trial>);

/// A message that is sent once.
struct Trial {
    url: String,
    message: Message,
    now: Instant,
    reply: oneshot::Sender<Sent>,
}

/// A way to have messages sent by the thread that delivers.
pub(crate) fn channel() -> (Tester, Trials) {
    let (sender, receiver) = mpsc::channel(TESTS);
    (Tester(sender), Trials(receiver))
}

impl Tester {
    /// Sends a message once; `None` if too many wait.
    pub(crate) async fn test(&self, url: String, message: Message, now: Instant) -> Option<Sent> {
        let (reply, sent) = oneshot::channel();
        self.0.try_send(Trial { url, message, now, reply }).ok()?;
        sent.await.ok()
    }
}

/// Begins to deliver, until `ends` says that it is over.
pub(crate) fn start(
    store: Arc<Store>,
    options: DeliveryOptions,
    trials: Trials,
    ends: watch::Receiver<bool>,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(Duration::from_secs(2))
        .build()?;
    std::thread::Builder::new().name("orders-webhooks".to_owned()).spawn(move || {
        runtime.block_on(run(store, options, trials, ends));
        // A name that is still being resolved is nobody's concern any more.
        runtime.shutdown_background();
    })
}

async fn run(
    store: Arc<Store>,
    options: DeliveryOptions,
    trials: Trials,
    mut ends: watch::Receiver<bool>,
) {
    // A request, what is written down of it, and time to do so again.
    let lease = 3 * options.timeout;
    let owner = uuid::Uuid::now_v7().to_string();
    let courier: SharedCourier = Arc::new(store.delivery_store(owner, lease).into());
    let (recorder, recording) = Recorder::new(Arc::clone(&courier));
    let recording = tokio::spawn(recording);
    let shared = Arc::new(Shared {
        store,
        sender: Sender::new(options.guard, send::system(), options.timeout),
        delays: options.delays,
        lease,
        least: options.timeout * 7 / 5,
        stopping: AtomicBool::new(false),
    });
    let testing = tokio::spawn(test_all(Arc::clone(&shared), trials));
    let purging = tokio::spawn(purge(Arc::clone(&courier)));
    let mut dispatcher = Dispatcher {
        shared: Arc::clone(&shared),
        courier: Arc::clone(&courier),
        recorder,
        turns: JoinSet::new(),
        held: HashSet::new(),
        woken: Arc::new(Notify::new()),
        listener: None,
        looked: None,
    };
    tokio::select! {
        () = dispatcher.dispatch() => {}
        _ = ends.wait_for(|ends| *ends) => {}
    }
    shared.stopping.store(true, Ordering::SeqCst);
    let Dispatcher { mut turns, recorder, .. } = dispatcher;
    // Each sends what it is sending, and writes that down.
    let ended = timeout(2 * LAST_WORDS, async { while turns.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        log::warn!("left deliveries whose fate could not be written down; they are made again");
    }
    drop((turns, recorder));
    drop(timeout(LAST_WORDS, recording).await);
    purging.abort();
    testing.abort();
    if let Err(error) = ask(&courier, orders_db::DeliveryStore::release_all).await {
        log::debug!("webhooks were not given back; others take them in a while: {error}");
    }
}

struct Dispatcher {
    shared: Arc<Shared>,
    courier: SharedCourier,
    recorder: Recorder,
    turns: JoinSet<()>,
    /// Which turns are those of endpoints that failed before.
    held: HashSet<tokio::task::Id>,
    woken: Arc<Notify>,
    listener: Option<Subscription>,
    /// When it was last looked whether there is anybody to tell of events.
    looked: Option<Moment>,
}

impl Dispatcher {
    async fn dispatch(&mut self) {
        loop {
            let earliest = tokio::time::Instant::now() + LEAST_PAUSE;
            if let Err(error) = self.claim().await {
                log::debug!("webhooks could not be looked at: {error}");
            }
            tokio::select! {
                () = self.woken.notified() => {}
                Some(ended) = self.turns.join_next_with_id() => self.end(ended),
                () = sleep(PAUSE) => {}
            }
            sleep_until(earliest).await;
            while let Some(ended) = self.turns.try_join_next_with_id() {
                self.end(ended);
            }
        }
    }

    fn end(&mut self, ended: Result<(tokio::task::Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                log::error!("a delivery panicked; its webhook is taken up again in a while");
                error.id()
            }
        };
        self.held.remove(&id);
    }

    /// Claims as many webhooks as there is room for, and begins their turns.
    async fn claim(&mut self) -> Result<(), StoreError> {
        self.listen_if_needed().await?;
        let held_room = HELD_ENDPOINTS.saturating_sub(self.held.len());
        let room = ENDPOINTS.saturating_sub(self.turns.len().saturating_sub(self.held.len()));
        if self.listener.is_none() || (room == 0 && held_room == 0) {
            return Ok(());
        }
        let claimed = Moment::now();
        for claim in ask(&self.courier, move |courier| courier.acquire(room, held_room)).await? {
            self.begin(claim, claimed);
        }
        Ok(())
    }

    fn begin(&mut self, claim: Lease, claimed: Moment) {
        let is_held = claim.attempts > 0;
        let (shared, recorder) = (Arc::clone(&self.shared), self.recorder.clone());
        let turn = self.turns.spawn(deliver(shared, recorder, claim, claimed));
        if is_held {
            self.held.insert(turn.id());
        }
    }

    /// Listens for new events while there is anybody to tell of them: that costs the database a look
    /// now and then.
    async fn listen_if_needed(&mut self) -> Result<(), StoreError> {
        if self.looked.is_some_and(|looked| looked.elapsed() < PAUSE) {
            return Ok(());
        }
        let is_needed = ask(&self.courier, orders_db::DeliveryStore::has_work).await?;
        if !is_needed {
            self.listener = None;
        } else if self.listener.is_none() {
            let woken = Arc::clone(&self.woken);
            self.listener = Some(self.shared.store.subscribe(move |_| woken.notify_one()));
        }
        self.looked = Some(Moment::now());
        Ok(())
    }
}

/// Sends what is to be tested, a few at a time.
async fn test_all(shared: Arc<Shared>, mut trials: Trials) {
    let room = Arc::new(Semaphore::new(TESTS));
    while let Ok(turn) = Arc::clone(&room).acquire_owned().await {
        let Some(Trial { url, message, now, reply }) = trials.0.recv().await else { return };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let sent = shared.sender.send(&url, &message, now).await;
            // Where nobody waits any more, nobody wants to know.
            drop((reply.send(sent), turn));
        });
    }
}

async fn purge(courier: SharedCourier) {
    loop {
        sleep(PURGE_PAUSE).await;
        loop {
            match ask(&courier, orders_db::DeliveryStore::purge).await {
                Ok(true) => sleep(SLICE_PAUSE).await,
                Ok(false) => break,
                Err(error) => {
                    log::debug!("old deliveries were not thrown away yet: {error}");
                    break;
                }
            }
        }
    }
}

//! Leases webhooks that have something to deliver and starts their delivery runs, on a thread of its
//! own, so that slow endpoints do not affect requests.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use orders_db::{DeliveryStore, Lease, Store, StoreError, Subscription};
use tokio::sync::{Notify, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{sleep, sleep_until, timeout};

use super::recorder::{Recorder, SharedDeliveryStore, run_blocking};
use super::retry_delays::RetryDelays;
use super::run::{Shared, deliver};
use super::sender::{self, Sender};
use super::ssrf_guard::SsrfGuard;
use super::test_deliveries::{TestQueue, send_tests};
use crate::http::installation::Installation;

/// The number of endpoints that are delivered to at once.
const MAX_RUNS: usize = 48;
/// The number of further endpoints whose last delivery failed. They never delay the others.
const MAX_RETRY_RUNS: usize = 16;
/// How often webhooks are checked for retries and for leases of dead processes.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// The least time between two checks.
const MIN_CHECK_INTERVAL: Duration = Duration::from_millis(20);
/// How often old deliveries are purged, and the pause between two chunks.
const PURGE_INTERVAL: Duration = Duration::from_mins(1);
const PURGE_PAUSE: Duration = Duration::from_millis(50);
/// The timeout of each step of the shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// The threads for resolving names and for the database.
const BLOCKING_THREADS: usize = 512;

/// The operator's choices about deliveries.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryOptions {
    pub(crate) ssrf_guard: SsrfGuard,
    pub(crate) delays: RetryDelays,
    /// The timeout of a request.
    pub(crate) timeout: Duration,
}

/// Starts the thread that delivers, until `shutdown` is set.
pub(crate) fn start(
    store: Arc<Store>,
    installation: Installation,
    options: DeliveryOptions,
    tests: TestQueue,
    shutdown: watch::Receiver<bool>,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(Duration::from_secs(2))
        .build()?;
    std::thread::Builder::new().name("orders-webhooks".to_owned()).spawn(move || {
        runtime.block_on(run(store, installation, options, tests, shutdown));
        // Does not wait for names that are still being resolved.
        runtime.shutdown_background();
    })
}

async fn run(
    store: Arc<Store>,
    installation: Installation,
    options: DeliveryOptions,
    tests: TestQueue,
    mut shutdown: watch::Receiver<bool>,
) {
    // Enough for a request, for storing its result, and for retrying that.
    let lease = 3 * options.timeout;
    let owner = uuid::Uuid::now_v7().to_string();
    let deliveries: SharedDeliveryStore = Arc::new(store.delivery_store(owner, lease).into());
    let (recorder, recording) = Recorder::new(Arc::clone(&deliveries));
    let recording = tokio::spawn(recording);
    let shared = Arc::new(Shared {
        store,
        installation,
        sender: Sender::new(options.ssrf_guard, sender::system_resolver(), options.timeout),
        delays: options.delays,
        lease,
        min_lease: options.timeout * 7 / 5,
        is_stopping: AtomicBool::new(false),
    });
    let testing = tokio::spawn(send_tests(Arc::clone(&shared), tests));
    let purging = tokio::spawn(purge(Arc::clone(&deliveries)));
    let mut dispatcher = Dispatcher::new(Arc::clone(&shared), Arc::clone(&deliveries), recorder);
    tokio::select! {
        () = dispatcher.dispatch() => {}
        _ = shutdown.wait_for(|is_set| *is_set) => {}
    }
    shared.is_stopping.store(true, Ordering::SeqCst);
    let Dispatcher { mut runs, recorder, .. } = dispatcher;
    // Each run completes its current request and stores the result.
    let ended =
        timeout(2 * SHUTDOWN_TIMEOUT, async { while runs.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        log::warn!("the results of some deliveries were not stored; they will be sent again");
    }
    drop((runs, recorder));
    drop(timeout(SHUTDOWN_TIMEOUT, recording).await);
    purging.abort();
    testing.abort();
    if let Err(error) = run_blocking(&deliveries, DeliveryStore::release_all).await {
        log::debug!("the leases of webhooks were not released, and will expire: {error}");
    }
}

struct Dispatcher {
    shared: Arc<Shared>,
    deliveries: SharedDeliveryStore,
    recorder: Recorder,
    runs: JoinSet<()>,
    /// The runs of endpoints whose last delivery failed.
    retry_runs: HashSet<Id>,
    new_events: Arc<Notify>,
    listener: Option<Subscription>,
    /// When the dispatcher last checked whether there are active webhooks.
    checked: Option<Instant>,
}

impl Dispatcher {
    fn new(shared: Arc<Shared>, deliveries: SharedDeliveryStore, recorder: Recorder) -> Self {
        Self {
            shared,
            deliveries,
            recorder,
            runs: JoinSet::new(),
            retry_runs: HashSet::new(),
            new_events: Arc::new(Notify::new()),
            listener: None,
            checked: None,
        }
    }

    async fn dispatch(&mut self) {
        loop {
            let earliest = tokio::time::Instant::now() + MIN_CHECK_INTERVAL;
            if let Err(error) = self.start_runs().await {
                log::debug!("webhooks could not be read: {error}");
            }
            tokio::select! {
                () = self.new_events.notified() => {}
                Some(ended) = self.runs.join_next_with_id() => self.remove_run(ended),
                () = sleep(CHECK_INTERVAL) => {}
            }
            sleep_until(earliest).await;
            while let Some(ended) = self.runs.try_join_next_with_id() {
                self.remove_run(ended);
            }
        }
    }

    fn remove_run(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                log::error!("a delivery run has panicked; it restarts when its lease expires");
                error.id()
            }
        };
        self.retry_runs.remove(&id);
    }

    /// Leases as many webhooks as there is room for, and starts their runs.
    async fn start_runs(&mut self) -> Result<(), StoreError> {
        self.listen_if_needed().await?;
        let retry_room = MAX_RETRY_RUNS.saturating_sub(self.retry_runs.len());
        let other_runs = self.runs.len().saturating_sub(self.retry_runs.len());
        let room = MAX_RUNS.saturating_sub(other_runs);
        if self.listener.is_none() || (room == 0 && retry_room == 0) {
            return Ok(());
        }
        let leased_at = Instant::now();
        let leases = run_blocking(&self.deliveries, move |store| store.acquire(room, retry_room));
        for lease in leases.await? {
            self.start_run(lease, leased_at);
        }
        Ok(())
    }

    fn start_run(&mut self, lease: Lease, leased_at: Instant) {
        let is_retry = lease.attempts > 0;
        let (shared, recorder) = (Arc::clone(&self.shared), self.recorder.clone());
        let run = self.runs.spawn(deliver(shared, recorder, lease, leased_at));
        if is_retry {
            self.retry_runs.insert(run.id());
        }
    }

    /// Listens for new events while there are active webhooks. Listening makes the store poll the
    /// database.
    async fn listen_if_needed(&mut self) -> Result<(), StoreError> {
        if self.checked.is_some_and(|checked| checked.elapsed() < CHECK_INTERVAL) {
            return Ok(());
        }
        if !run_blocking(&self.deliveries, DeliveryStore::has_work).await? {
            self.listener = None;
        } else if self.listener.is_none() {
            let new_events = Arc::clone(&self.new_events);
            self.listener = Some(self.shared.store.subscribe(move |_| new_events.notify_one()));
        }
        self.checked = Some(Instant::now());
        Ok(())
    }
}

async fn purge(deliveries: SharedDeliveryStore) {
    loop {
        sleep(PURGE_INTERVAL).await;
        loop {
            match run_blocking(&deliveries, DeliveryStore::purge).await {
                Ok(true) => sleep(PURGE_PAUSE).await,
                Ok(false) => break,
                Err(error) => {
                    log::debug!("old deliveries could not be purged: {error}");
                    break;
                }
            }
        }
    }
}

//! The store: the public methods of one database, and the threads and connections behind them.

mod keys;
mod threads;
mod transactional_import;

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use orders_core::{Command, Order, OrderId, Outcome, Period};
pub use transactional_import::TransactionalImport;

use crate::database::connection::{Manager, Purpose};
use crate::database::metrics::{MetricsSnapshot, StoreMetrics};
use crate::database::read_pool::ReadPool;
use crate::database::rows;
use crate::database::url::DatabaseUrl;
use crate::events::{SequenceWatch, Subscription};
use crate::keys::{KeyCache, watch as watch_keys};
use crate::orders::find::ReadJob;
use crate::webhooks::DeliveryStore;
use crate::write::audit::Author;
use crate::write::change::{Change, ChangeJob, ChangeResult, Idempotency};
use crate::write::idempotency::{Answered, RenderResponse};
use crate::write::queue::{Reply, WorkQueue};
use crate::write::ticket::Ticket;
use crate::write::{Caller, Job, OrderJob};
use crate::{
    StoreError, events,
    maintenance::{flush, purge},
    orders::find,
    write,
};

use threads::Threads;

/// The sizes of queues and pools, and how long data is kept.
#[derive(Debug, Clone, Copy)]
pub struct StoreOptions {
    /// The capacity of the write queue, in operations.
    pub write_room: usize,
    /// The capacity of the queue of reads by id.
    pub read_room: usize,
    /// The threads that read orders by id, one connection each.
    pub readers: u32,
    /// The connections for lists and other reads.
    pub connections: u32,
    /// How often expired idempotency responses are deleted.
    pub purge_interval: Duration,
    /// How long events stay in the feed; `None` for ever. Histories always stay.
    pub event_retention: Option<Period>,
    /// Whether tickets record when the writer reached each step.
    pub follow_writes: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            write_room: 20_000,
            read_room: 10_000,
            readers: 1,
            connections: 4,
            purge_interval: Duration::from_mins(1),
            event_retention: None,
            follow_writes: false,
        }
    }
}

/// A database, with the threads and connections that serve it. Dropping it completes what is
/// queued, then closes the database.
pub struct Store {
    /// All reads but those of an order by its id.
    pub reads: ReadPool,
    writes: Arc<WorkQueue<Job>>,
    finds: Arc<WorkQueue<ReadJob>>,
    sequences: Arc<SequenceWatch>,
    keys: Arc<KeyCache>,
    /// Opens connections for webhook deliveries and for rare writes.
    background: Manager,
    metrics: Arc<StoreMetrics>,
    follow_writes: bool,
    /// Requests a refresh of the key cache. Dropping the sender ends the cache's thread.
    key_refreshes: Mutex<Option<mpsc::Sender<Reply<()>>>>,
    threads: Mutex<Threads>,
}

impl Store {
    /// Opens a database whose schema is up to date.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the database cannot be reached.
    pub fn open(url: &DatabaseUrl, options: StoreOptions) -> Result<Self, StoreError> {
        let manager = Manager::new(url, Purpose::Write);
        let mut connection = manager.open()?;
        let policy = rows::find_policy(&mut connection).map_err(StoreError::from)?;
        let keys = Arc::new(KeyCache::open(&mut connection)?);
        let sequences = Arc::new(SequenceWatch::default());
        let writes = Arc::new(WorkQueue::new(options.write_room));
        let finds = Arc::new(WorkQueue::new(options.read_room));
        let metrics = Arc::new(StoreMetrics::default());
        let reads = ReadPool::new(url, options.connections, Arc::clone(&metrics))?;
        let mut threads = Threads::default();
        let (queue, watch) = (Arc::clone(&writes), Arc::clone(&sequences));
        let counts = Arc::clone(&metrics);
        threads.start("writer", move || {
            write::run(&queue, manager, policy, connection, watch, counts);
        })?;
        let (watched, manager) = (Arc::clone(&sequences), Manager::new(url, Purpose::Find));
        threads.start("events", move || events::watch(&watched, &manager))?;
        for _ in 0..options.readers {
            let (queue, counts) = (Arc::clone(&finds), Arc::clone(&metrics));
            let manager = Manager::new(url, Purpose::Find);
            threads.start("reader", move || find::run(&queue, &manager, &counts))?;
        }
        let (key_refreshes, requests) = mpsc::channel();
        let (cache, manager) = (Arc::clone(&keys), Manager::new(url, Purpose::Find));
        threads.start("keys", move || watch_keys(&cache, &manager, &requests))?;
        start_periodic(&mut threads, url, options, &keys, &metrics)?;
        let key_refreshes = Mutex::new(Some(key_refreshes));
        let background = Manager::new(url, Purpose::Write);
        Ok(Self {
            reads,
            writes,
            finds,
            sequences,
            keys,
            background,
            metrics,
            follow_writes: options.follow_writes,
            key_refreshes,
            threads: Mutex::new(threads),
        })
    }

    /// Decides and stores a command about orders by `deadline`. The reply comes from another thread,
    /// once. With an idempotency key, the response that `render` returns is stored for a day and
    /// returned to retries.
    pub fn change_orders(
        &self,
        command: Command,
        render: RenderResponse<Outcome>,
        deadline: Instant,
        reply: Reply<Answered<Outcome>>,
    ) -> Ticket {
        let ticket = self.ticket(deadline);
        let caller = Caller { ticket: ticket.clone(), render, reply };
        self.queue(Job::Orders(OrderJob { command, caller }));
        ticket
    }

    /// Decides and stores a change to something other than orders, by `deadline`. The reply comes
    /// from another thread, once. The audit trail names the author. With an idempotency key, the
    /// rendered response is stored for a day and returned to retries.
    pub fn change<C: Change>(
        &self,
        author: Author,
        change: C,
        idempotency: Option<Idempotency<C>>,
        deadline: Instant,
        reply: Reply<Answered<ChangeResult<C>>>,
    ) -> Ticket {
        let ticket = self.ticket(deadline);
        let job = ChangeJob::new(author, change, idempotency, ticket.clone(), reply);
        self.queue(Job::Change(Box::new(job)));
        ticket
    }

    fn ticket(&self, deadline: Instant) -> Ticket {
        Ticket::new(deadline, self.follow_writes)
    }

    fn queue(&self, job: Job) {
        if let Err(job) = self.writes.push(job) {
            match job {
                Job::Orders(job) => (job.caller.reply)(Err(StoreError::Overloaded)),
                Job::Change(change) => change.reply(Err(StoreError::Overloaded)),
                Job::Import(job) => (job.begun)(Err(StoreError::Overloaded)),
            }
        }
    }

    /// Finds an order by `deadline`. Reads that wait at the same moment share one query.
    pub fn find_order(&self, id: OrderId, deadline: Instant, reply: Reply<Option<Order>>) {
        if let Err(job) = self.finds.push(ReadJob { id, deadline, reply }) {
            (job.reply)(Err(StoreError::Overloaded));
        }
    }

    /// Opens the delivery store under a name that is unique among processes. A lease lasts for
    /// `lease_time`; each record renews it.
    #[must_use]
    pub fn delivery_store(&self, name: String, lease_time: Duration) -> DeliveryStore {
        DeliveryStore::new(self.background.clone(), name, lease_time)
    }

    /// Replaces the id of the feed of events, so that followers start over: after a database was
    /// restored by other tools. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn renew_event_feed(&self) -> Result<(), StoreError> {
        events::renew_feed(&mut self.background.open()?)
    }

    /// Completes what is queued, stores the counters, and ends the threads. Later work is refused as
    /// overloaded. A program that shares the store between threads calls this before it exits: the
    /// last of them to drop the store may not get that far.
    pub fn close(&self) {
        self.writes.close();
        self.finds.close();
        self.sequences.close();
        drop(self.key_refreshes.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).end();
    }

    /// Returns the kind of the database: `sqlite` or `postgres`.
    #[must_use]
    pub fn database(&self) -> &'static str {
        match self.background.url {
            DatabaseUrl::Sqlite(_) => "sqlite",
            DatabaseUrl::Postgres(_) => "postgres",
        }
    }

    /// Returns the counters so far and the current state of queues and pools, without a query.
    #[must_use]
    pub fn read_metrics(&self) -> MetricsSnapshot {
        let queues = [self.writes.read("write"), self.finds.read("read")];
        self.metrics.read(queues, self.reads.snapshots())
    }

    /// Calls `callback` with the highest committed sequence (0 if there are no events), as soon as it
    /// is known and each time it rises: at once after a write by this store, within 50 ms after one
    /// by another process. One thread serves all subscribers, so the callback must not block. One
    /// call may cover several events, and several calls the same event.
    pub fn subscribe(&self, callback: impl FnMut(u64) + Send + 'static) -> Subscription {
        self.sequences.subscribe(Box::new(callback))
    }
}

/// Starts the threads that do something periodically.
fn start_periodic(
    threads: &mut Threads,
    url: &DatabaseUrl,
    options: StoreOptions,
    keys: &Arc<KeyCache>,
    metrics: &Arc<StoreMetrics>,
) -> Result<(), StoreError> {
    let (manager, interval) = (Manager::new(url, Purpose::Write), options.purge_interval);
    threads.start_stoppable("purger", move |stopped| purge::run(&manager, interval, stopped))?;
    let (keys, metrics) = (Arc::clone(keys), Arc::clone(metrics));
    let manager = Manager::new(url, Purpose::Write);
    threads.start_stoppable("flush", move |stopped| {
        flush::run(&keys, &metrics, &manager, stopped);
    })?;
    if let Some(keep) = options.event_retention {
        let manager = Manager::new(url, Purpose::Write);
        threads.start_stoppable("retention", move |stopped| {
            events::retain(&manager, keep, stopped);
        })?;
    }
    Ok(())
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

//! The store: the threads and connections behind one database, and what can be asked of it.

mod keys;
mod reads;
mod threads;
mod transactional_import;
mod webhooks;

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use orders_core::{Command, Outcome, Period, PolicyPatch, Retry, ServiceCommand};
use r2d2::Pool;
pub use transactional_import::TransactionalImport;

use crate::answers::{Answered, Render};
use crate::connection::{Manager, Purpose};
use crate::events::{Latest, Listener};
use crate::keys::{Board, watch};
use crate::meter::{Meter, PoolReading, Readings};
use crate::policy::{PolicyChange, PolicyJob, PolicyVerdict};
use crate::read::ReadJob;
use crate::services::{KeyedChange, ServiceJob, ServiceVerdict};
use crate::ticket::Ticket;
use crate::url::DatabaseUrl;
use crate::write::queue::{Reply, WorkQueue};
use crate::write::{Caller, Job, OrderJob};
use crate::{StoreError, answers, events, notes, policy, read, write};

use threads::Threads;

/// How much may wait, and how many connections there are.
#[derive(Debug, Clone, Copy)]
pub struct StoreOptions {
    /// The most operations that wait to be written.
    pub write_room: usize,
    /// The most orders that wait to be read by id.
    pub read_room: usize,
    /// The threads that read orders by id, each with a connection.
    pub readers: u32,
    /// The connections for lists and other reads.
    pub connections: u32,
    /// How often answers that were kept for a day are thrown away.
    pub purge_interval: Duration,
    /// How long events stay in the feed; `None` for ever. Histories stay in any case.
    pub event_retention: Option<Period>,
    /// Whether tickets tell when the writer was how far.
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

/// The connections for the feed of events.
const FEEDS: u32 = 3;

/// One database. Dropping it does what was accepted, then closes it.
pub struct Store {
    writes: Arc<WorkQueue<Job>>,
    reads: Arc<WorkQueue<ReadJob>>,
    pool: Pool<Manager>,
    /// For the feed of events, so that no slow list holds it up.
    feeds: Pool<Manager>,
    latest: Arc<Latest>,
    keys: Arc<Board>,
    /// Opens connections for who delivers to webhooks, and for what is rarely written.
    courier: Manager,
    meter: Arc<Meter>,
    follow_writes: bool,
    /// Asks for a look at the keys; taken to end what keeps them current.
    key_looks: Mutex<Option<mpsc::Sender<Reply<()>>>>,
    threads: Threads,
}

impl Store {
    /// Opens a database whose schema is up to date.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be reached, and what [`crate::migrate()`] says if
    /// its schema is not this program's.
    pub fn open(url: &DatabaseUrl, options: StoreOptions) -> Result<Self, StoreError> {
        let manager = Manager::new(url, Purpose::Write);
        let mut connection = manager.open()?;
        let policy = policy::find(&mut connection).map_err(StoreError::from)?;
        let keys = Arc::new(Board::open(&mut connection)?);
        let (pool, feeds) = (reads::pool(url, options.connections)?, reads::pool(url, FEEDS)?);
        let latest = Arc::new(Latest::default());
        let writes = Arc::new(WorkQueue::new(options.write_room));
        let reads = Arc::new(WorkQueue::new(options.read_room));
        let meter = Arc::new(Meter::default());
        let mut threads = Threads::default();
        let (queue, told) = (Arc::clone(&writes), Arc::clone(&latest));
        let counts = Arc::clone(&meter);
        threads.start("writer", move || {
            write::run(&queue, manager, policy, connection, told, counts);
        })?;
        let (watched, manager) = (Arc::clone(&latest), Manager::new(url, Purpose::Find));
        threads.start("events", move || events::watch(&watched, &manager))?;
        for _ in 0..options.readers {
            let (queue, counts) = (Arc::clone(&reads), Arc::clone(&meter));
            let manager = Manager::new(url, Purpose::Find);
            threads.start("reader", move || read::run(&queue, &manager, &counts))?;
        }
        let (key_looks, asked) = mpsc::channel();
        let (board, manager) = (Arc::clone(&keys), Manager::new(url, Purpose::Find));
        threads.start("keys", move || watch(&board, &manager, &asked))?;
        let (manager, interval) = (Manager::new(url, Purpose::Write), options.purge_interval);
        threads.start_stoppable("purger", move |stopped| purge(&manager, interval, stopped))?;
        let (board, counts) = (Arc::clone(&keys), Arc::clone(&meter));
        let manager = Manager::new(url, Purpose::Write);
        threads.start_stoppable("notes", move |stopped| {
            notes::write_down(&board, &counts, &manager, stopped);
        })?;
        if let Some(keep) = options.event_retention {
            let manager = Manager::new(url, Purpose::Write);
            threads.start_stoppable("retention", move |stopped| {
                events::retain(&manager, keep, stopped);
            })?;
        }
        let key_looks = Mutex::new(Some(key_looks));
        let courier = Manager::new(url, Purpose::Write);
        Ok(Self {
            writes,
            reads,
            pool,
            feeds,
            latest,
            keys,
            courier,
            meter,
            follow_writes: options.follow_writes,
            key_looks,
            threads,
        })
    }

    /// Has a command about orders decided and done by `deadline`. The reply comes from another
    /// thread, once: an outcome, or why there is none. Where the command has an idempotency key,
    /// what `render` makes of its outcome is kept for a day, and replied to whoever asks again.
    pub fn change_orders(
        &self,
        command: Command,
        render: Render<Outcome>,
        deadline: Instant,
        reply: Reply<Answered<Outcome>>,
    ) -> Ticket {
        let ticket = self.ticket(deadline);
        let caller = Caller { ticket: ticket.clone(), render, reply };
        self.queue(Job::Orders(OrderJob { command, caller }));
        ticket
    }

    /// Has a change to the services decided and done by `deadline`; `retry` and `render` are what
    /// they are to a command about orders.
    pub fn change_services(
        &self,
        command: ServiceCommand,
        retry: Option<Retry>,
        render: Render<ServiceVerdict>,
        deadline: Instant,
        reply: Reply<Answered<ServiceVerdict>>,
    ) -> Ticket {
        let ticket = self.ticket(deadline);
        let change = KeyedChange { command, retry, render };
        self.queue(Job::Service(ServiceJob { change, ticket: ticket.clone(), reply }));
        ticket
    }

    /// Sets the policy by `deadline`, if the orders there are allow it. With `accept`, it is set in any
    /// case, and those that are too close by it become exempt from one another.
    pub fn change_policy(
        &self,
        patch: PolicyPatch,
        accept: bool,
        deadline: Instant,
        reply: Reply<PolicyVerdict>,
    ) -> Ticket {
        let ticket = self.ticket(deadline);
        let policy = PolicyChange { patch, accept };
        self.queue(Job::Policy(PolicyJob { policy, ticket: ticket.clone(), reply }));
        ticket
    }

    fn ticket(&self, deadline: Instant) -> Ticket {
        Ticket::new(deadline, self.follow_writes)
    }

    fn queue(&self, job: Job) {
        if let Err(job) = self.writes.push(job) {
            match job {
                Job::Orders(job) => (job.caller.reply)(Err(StoreError::Overloaded)),
                Job::Service(job) => (job.reply)(Err(StoreError::Overloaded)),
                Job::Policy(job) => (job.reply)(Err(StoreError::Overloaded)),
                Job::Key(job) => (job.reply)(Err(StoreError::Overloaded)),
                Job::Webhook(job) => (job.reply)(Err(StoreError::Overloaded)),
                Job::Import(job) => (job.begun)(Err(StoreError::Overloaded)),
                Job::RequireKeys(_, reply) => reply(Err(StoreError::Overloaded)),
            }
        }
    }

    /// Which database it is: `sqlite` or `postgres`.
    #[must_use]
    pub fn database(&self) -> &'static str {
        match self.courier.url {
            DatabaseUrl::Sqlite(_) => "sqlite",
            DatabaseUrl::Postgres(_) => "postgres",
        }
    }

    /// What was counted so far, and how the queues and pools are now. Asks the database nothing.
    #[must_use]
    pub fn read_meter(&self) -> Readings {
        let pool = |name, pool: &Pool<Manager>| {
            let r2d2::State { connections, idle_connections, .. } = pool.state();
            let in_use = connections.saturating_sub(idle_connections);
            PoolReading { name, in_use, idle: idle_connections, most: pool.max_size() }
        };
        let queues = [self.writes.read("write"), self.reads.read("read")];
        self.meter.read(queues, [pool("lists", &self.pool), pool("feeds", &self.feeds)])
    }

    /// Calls `heard` with the highest sequence that is committed (0 where nothing was ever written),
    /// once it is known and then each time that it has risen, by whichever process: at once for what
    /// this store wrote, else within 50 ms. It is called from one thread for all who listen, so it must not block. Several changes
    /// may be told of by one call, and one by several. Ends when what is returned is dropped.
    pub fn listen(&self, heard: impl FnMut(u64) + Send + 'static) -> Listener {
        self.latest.listen(Box::new(heard))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.writes.close();
        self.reads.close();
        self.latest.close();
        drop(self.key_looks.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.threads.end();
    }
}

/// Throws away what was kept long enough, again and again until it is to stop.
fn purge(manager: &Manager, interval: Duration, stopped: &mpsc::Receiver<()>) {
    let goes_on = |pause| stopped.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Timeout);
    while goes_on(interval) {
        if let Err(error) = answers::purge(manager, goes_on) {
            log::debug!("answers that are over were not thrown away yet: {error}");
        }
    }
}

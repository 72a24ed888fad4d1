//! The store: the threads and connections behind one database, and what can be asked of it.

mod keys;
mod webhooks;
mod whole;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use orders_core::{
    Command, Instant as At, Order, OrderId, Outcome, Period, Policy, PolicyPatch, Retry, Service,
    ServiceCommand, ServiceId,
};
use r2d2::Pool;
pub use whole::WholeImport;

use crate::answers::{Answered, Render};
use crate::availability::{Availability, AvailabilityQuery};
use crate::calendar::{Calendar, CalendarQuery};
use crate::connection::{AnyConnection, Manager, Purpose};
use crate::events::{EventPage, Latest, Listener, OrderChange};
use crate::figures::Figures;
use crate::keys::{Board, watch};
use crate::lane::{Lane, Reply};
use crate::meter::{ErrorKind, Meter, PoolReading, Readings};
use crate::orders::{OrderPage, OrderQuery};
use crate::policy::{PolicyChange, PolicyJob, PolicyVerdict};
use crate::read::ReadJob;
use crate::services::{KeyedChange, ServiceJob, ServiceVerdict};
use crate::ticket::Ticket;
use crate::url::DatabaseUrl;
use crate::write::{Caller, Job, OrderJob};
use crate::{
    StoreError, answers, availability, calendar, events, figures, notes, orders, policy, read,
    services, write,
};

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
/// How long a store that is dropped waits for what was accepted.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// One database. Dropping it does what was accepted, then closes it.
pub struct Store {
    writes: Arc<Lane<Job>>,
    reads: Arc<Lane<ReadJob>>,
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
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Dropped to end what is done from time to time.
    stop: Mutex<Vec<mpsc::Sender<()>>>,
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
        let (pool, feeds) = (pool(url, options.connections)?, pool(url, FEEDS)?);
        let latest = Arc::new(Latest::default());
        let writes = Arc::new(Lane::new(options.write_room));
        let reads = Arc::new(Lane::new(options.read_room));
        let meter = Arc::new(Meter::default());
        let mut threads = Vec::new();
        let (lane, told) = (Arc::clone(&writes), Arc::clone(&latest));
        let counts = Arc::clone(&meter);
        threads.push(spawn("writer", move || {
            write::run(&lane, manager, policy, connection, told, counts);
        })?);
        let (watched, manager) = (Arc::clone(&latest), Manager::new(url, Purpose::Find));
        threads.push(spawn("events", move || events::watch(&watched, &manager))?);
        for _ in 0..options.readers {
            let lane = Arc::clone(&reads);
            let manager = Manager::new(url, Purpose::Find);
            let counts = Arc::clone(&meter);
            threads.push(spawn("reader", move || read::run(&lane, &manager, &counts))?);
        }
        let (stop, stopped) = mpsc::channel();
        let manager = Manager::new(url, Purpose::Write);
        let interval = options.purge_interval;
        threads.push(spawn("purger", move || purge(&manager, interval, &stopped))?);
        let (key_looks, asked) = mpsc::channel();
        let (board, manager) = (Arc::clone(&keys), Manager::new(url, Purpose::Find));
        threads.push(spawn("keys", move || watch(&board, &manager, &asked))?);
        let (stop_notes, stopped) = mpsc::channel();
        let (board, manager) = (Arc::clone(&keys), Manager::new(url, Purpose::Write));
        let counts = Arc::clone(&meter);
        threads.push(spawn("notes", move || {
            notes::write_down(&board, &counts, &manager, &stopped);
        })?);
        let mut stops = vec![stop, stop_notes];
        if let Some(keep) = options.event_retention {
            let (stop, stopped) = mpsc::channel();
            let manager = Manager::new(url, Purpose::Write);
            threads.push(spawn("retention", move || events::retain(&manager, keep, &stopped))?);
            stops.push(stop);
        }
        let (threads, stop) = (Mutex::new(threads), Mutex::new(stops));
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
            stop,
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
                Job::Whole(job) => (job.begun)(Err(StoreError::Overloaded)),
                Job::RequireKeys(_, reply) => reply(Err(StoreError::Overloaded)),
            }
        }
    }

    /// Finds an order by `deadline`, together with all others asked for at the same moment.
    pub fn find_order(&self, id: OrderId, deadline: Instant, reply: Reply<Option<Order>>) {
        if let Err(job) = self.reads.push(ReadJob { id, deadline, reply }) {
            (job.reply)(Err(StoreError::Overloaded));
        }
    }

    /// Lists at most `limit` orders. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_orders(&self, query: &OrderQuery, limit: usize) -> Result<OrderPage, StoreError> {
        self.read(|connection| orders::list(connection, query, limit))
    }

    /// Lists at most `limit` changes to an order, oldest first, behind the one that led to version
    /// `after`; none if there never was such an order. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_history(
        &self,
        id: &OrderId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<OrderChange>, StoreError> {
        self.read(|connection| events::list_of_order(connection, id, after, limit))
    }

    /// Lists at most `limit` changes to any orders, oldest first, whose sequences follow `after`: 0
    /// for all there are. Who goes on from the last misses nothing and sees nothing twice, since
    /// sequences rise in the order of commits. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_events(&self, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        read(&self.feeds, &self.meter, |connection| events::list(connection, after, limit))
    }

    /// The sequence of the last event that is committed; 0 where there was never one. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_last_sequence(&self) -> Result<u64, StoreError> {
        read(&self.feeds, &self.meter, events::find_last)
    }

    /// Which database it is: `sqlite` or `postgres`.
    #[must_use]
    pub fn database(&self) -> &'static str {
        match self.courier.url {
            DatabaseUrl::Sqlite(_) => "sqlite",
            DatabaseUrl::Postgres(_) => "postgres",
        }
    }

    /// What was counted so far, and how the lanes and pools are now. Asks the database nothing.
    #[must_use]
    pub fn read_meter(&self) -> Readings {
        let pool = |name, pool: &Pool<Manager>| {
            let r2d2::State { connections, idle_connections, .. } = pool.state();
            let in_use = connections.saturating_sub(idle_connections);
            PoolReading { name, in_use, idle: idle_connections, most: pool.max_size() }
        };
        let lanes = [self.writes.read("write"), self.reads.read("read")];
        self.meter.read(lanes, [pool("lists", &self.pool), pool("feeds", &self.feeds)])
    }

    /// Calls `heard` with the highest sequence that is committed (0 where nothing was ever written),
    /// once it is known and then each time that it has risen, by whichever process: at once for what
    /// this store wrote, else within 50 ms. It is called from one thread for all who listen, so it must not block. Several changes
    /// may be told of by one call, and one by several. Ends when what is returned is dropped.
    pub fn listen(&self, heard: impl FnMut(u64) + Send + 'static) -> Listener {
        self.latest.listen(Box::new(heard))
    }

    /// Whether an order with this id is there, or ever was. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn has_history(&self, id: &OrderId) -> Result<bool, StoreError> {
        self.read(|connection| orders::has_history(connection, id))
    }

    /// Finds a service. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_service(&self, id: ServiceId) -> Result<Option<Service>, StoreError> {
        self.read(|connection| services::find(connection, id))
    }

    /// Finds the services with these numbers. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_services(&self, ids: &BTreeSet<ServiceId>) -> Result<Vec<Service>, StoreError> {
        self.read(|connection| services::find_all(connection, ids))
    }

    /// Lists at most `limit` services whose numbers follow `after`. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_services(
        &self,
        after: Option<ServiceId>,
        limit: usize,
    ) -> Result<Vec<Service>, StoreError> {
        self.read(|connection| services::list(connection, after, limit))
    }

    /// Finds at most `limit` free stretches. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_availability(
        &self,
        query: &AvailabilityQuery,
        limit: usize,
    ) -> Result<Availability, StoreError> {
        self.read(|connection| availability::find(connection, query, limit))
    }

    /// Finds what a calendar shows of a stretch of time, by one statement. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_calendar(&self, query: &CalendarQuery) -> Result<Calendar, StoreError> {
        self.read(|connection| calendar::find(connection, query))
    }

    /// Finds the figures of the orders from one time on, before another. Blocks, the longer the more
    /// orders there are.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_figures(&self, from: At, to: At) -> Result<Figures, StoreError> {
        self.read(|connection| figures::find(connection, from, to))
    }

    /// Finds the policy. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_policy(&self) -> Result<Policy, StoreError> {
        self.read(|connection| policy::find(connection).map_err(StoreError::from))
    }

    fn read<T>(
        &self,
        question: impl Fn(&mut AnyConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        read(&self.pool, &self.meter, question)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.writes.close();
        self.reads.close();
        self.latest.close();
        self.stop.lock().unwrap_or_else(PoisonError::into_inner).clear();
        drop(self.key_looks.lock().unwrap_or_else(PoisonError::into_inner).take());
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        // A database that is silent would be waited for without end.
        let deadline = Instant::now() + LAST_WORDS;
        for thread in threads.drain(..) {
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
            if !thread.is_finished() {
                log::warn!("the database is silent; leaving a thread that waits for it");
            } else if thread.join().is_err() {
                log::error!("a thread of the store had panicked");
            }
        }
    }
}

fn pool(url: &DatabaseUrl, connections: u32) -> Result<Pool<Manager>, StoreError> {
    Pool::builder()
        .max_size(connections)
        .min_idle(Some(0))
        // A question that finds its connection closed is asked again.
        .test_on_check_out(false)
        .connection_timeout(Duration::from_secs(2))
        .error_handler(Box::new(Quiet))
        .build(Manager::new(url, Purpose::List))
        .map_err(|error| StoreError::Unavailable(error.to_string()))
}

/// Asks a question on a connection of a pool. One that stood idle may have been closed by the
/// server: then another is asked, up to one that was opened just now.
fn read<T>(
    pool: &Pool<Manager>,
    meter: &Meter,
    question: impl Fn(&mut AnyConnection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    loop {
        let mut pooled = pool.get().map_err(|error| {
            meter.failed(ErrorKind::NoConnection);
            StoreError::Unavailable(error.to_string())
        })?;
        let result = question(&mut pooled.connection);
        if let Err(error) = &result {
            meter.failed(error);
        }
        let was_used = std::mem::replace(&mut pooled.was_used, true);
        pooled.is_lost = matches!(result, Err(StoreError::Unavailable(_)));
        if !(pooled.is_lost && was_used) {
            return result;
        }
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

/// What goes wrong with the pool is told to whoever asked for a connection.
#[derive(Debug)]
struct Quiet;

impl r2d2::HandleError<StoreError> for Quiet {
    fn handle_error(&self, error: StoreError) {
        log::debug!("connection pool: {error}");
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name(format!("orders-{name}"))
        .spawn(work)
        .map_err(|error| StoreError::Unavailable(format!("cannot start a thread: {error}")))
}

//! The store client: asynchronous access to the store, with timeouts. Knows no HTTP.
//!
//! A change returns what was done, or the refusal of the rule that decided it. Handlers, the console
//! and the background tasks use the same methods.

mod response;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_rt::time::timeout;
use orders_core::decide::{Batch, IdempotentRequest, OperationResult};
use orders_core::key::{KeyChange, KeyCommand, KeyRefusal};
use orders_core::service::ServiceName;
use orders_core::{
    Action, Actor, Command, Done, Operation, Order, OrderId, Outcome, Refusal, ServiceId,
};
use orders_db::{
    Answered, Author, Change, ChangeResult, KeyTable, OrderPage, OrderQuery, ReadPool,
    RenderResponse, Reply, Store, StoreError, StoredResponse, Subscription, Ticket,
};
use tokio::sync::oneshot;

use crate::http::trace;
use crate::security::KeyCache;

/// The timeout of a change or a read.
const DB_TIMEOUT: Duration = Duration::from_secs(4);
/// The timeout of a batch.
const BATCH_TIMEOUT: Duration = Duration::from_secs(25);
/// How much longer to wait for a commit that is already under way.
const COMMIT_GRACE: Duration = Duration::from_millis(700);

/// The names of services, by their ids.
pub(crate) type ServiceNames = HashMap<ServiceId, ServiceName>;

/// The result of a change.
#[derive(Debug)]
pub(crate) enum Changed<T> {
    /// The change was made now.
    Now(T),
    /// The change was made before under the same idempotency key. This is the stored response.
    Replayed(StoredResponse),
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError<R> {
    /// A rule rejected the change.
    #[error("the change was rejected")]
    Refused(R),
    /// The change was made before under the same idempotency key, and its response showed a secret,
    /// which is not stored.
    #[error("the change was made before, and its secret is not shown again")]
    AlreadyDone,
    /// Another request used the same idempotency key.
    #[error("another request used the same idempotency key")]
    KeyReused,
    /// The database failed or did not respond in time.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Async access to the store. Clones share the same store.
#[derive(Clone)]
pub(crate) struct StoreClient {
    store: Arc<Store>,
    keys: KeyCache,
}

impl StoreClient {
    pub(crate) fn new(store: Arc<Store>, keys: KeyCache) -> Self {
        Self { store, keys }
    }

    /// The store itself, for code that has a thread of its own.
    pub(crate) fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    /// Performs one operation on an order. With an idempotent request, the response that `to_keep`
    /// makes is stored in the same transaction.
    pub(crate) async fn change_order(
        &self,
        actor: Actor,
        operation: Operation,
        retry: Option<IdempotentRequest>,
        to_keep: fn(&Done) -> Option<StoredResponse>,
    ) -> Result<Changed<Done>, ChangeError<Refusal>> {
        let command = Command { actor, action: Action::One(operation), retry };
        let render: RenderResponse<Outcome> = Arc::new(move |outcome| match outcome {
            Outcome::One(Ok(done)) => to_keep(done),
            Outcome::One(Err(_))
            | Outcome::Batch { .. }
            | Outcome::Repeated
            | Outcome::KeyReused => None,
        });
        match self.command(command, render, DB_TIMEOUT).await? {
            Changed::Now(Outcome::One(Ok(done))) => Ok(Changed::Now(done)),
            Changed::Now(Outcome::One(Err(refusal))) => Err(ChangeError::Refused(refusal)),
            Changed::Now(Outcome::Batch { .. } | Outcome::Repeated | Outcome::KeyReused) => {
                Err(unexpected_outcome())
            }
            Changed::Replayed(answer) => Ok(Changed::Replayed(answer)),
        }
    }

    /// Performs a batch of operations on orders. Returns a result for each operation.
    pub(crate) async fn change_orders(
        &self,
        actor: Actor,
        batch: Batch,
        retry: Option<IdempotentRequest>,
        to_keep: impl Fn(&[OperationResult]) -> Option<StoredResponse> + Send + Sync + 'static,
    ) -> Result<Changed<Vec<OperationResult>>, ChangeError<Refusal>> {
        let command = Command { actor, action: Action::Batch(batch), retry };
        let render: RenderResponse<Outcome> = Arc::new(move |outcome| match outcome {
            Outcome::Batch { results, .. } => to_keep(results),
            Outcome::One(_) | Outcome::Repeated | Outcome::KeyReused => None,
        });
        match self.command(command, render, BATCH_TIMEOUT).await? {
            Changed::Now(Outcome::Batch { results, .. }) => Ok(Changed::Now(results)),
            Changed::Now(Outcome::One(_) | Outcome::Repeated | Outcome::KeyReused) => {
                Err(unexpected_outcome())
            }
            Changed::Replayed(answer) => Ok(Changed::Replayed(answer)),
        }
    }

    async fn command(
        &self,
        command: Command,
        render: RenderResponse<Outcome>,
        limit: Duration,
    ) -> Result<Changed<Outcome>, ChangeError<Refusal>> {
        let answered = write(limit, |deadline, reply| {
            self.store.change_orders(command, render, deadline, reply)
        });
        match answered.await? {
            Answered::Now(outcome) => Ok(Changed::Now(outcome)),
            Answered::Again(answer) => Ok(Changed::Replayed(answer)),
            Answered::KeyReused => Err(ChangeError::KeyReused),
        }
    }

    /// Makes a change to something other than orders. The stored response must not show a secret.
    pub(crate) async fn change<C: Change>(
        &self,
        author: Author,
        change: C,
        retry: Option<IdempotentRequest>,
        to_keep: fn(&C::Accepted) -> Option<StoredResponse>,
    ) -> Result<Changed<C::Accepted>, ChangeError<C::Refusal>> {
        // A rejected change is decided again on a retry, so only an accepted one is stored.
        let render: RenderResponse<ChangeResult<C>> =
            Arc::new(move |result| result.as_ref().ok().and_then(to_keep));
        let idempotency = retry.map(|retry| (retry, render));
        let answered = write(DB_TIMEOUT, |deadline, reply| {
            self.store.change(author, change, idempotency, deadline, reply)
        });
        match answered.await? {
            Answered::Now(result) => result.map(Changed::Now).map_err(ChangeError::Refused),
            Answered::Again(answer) if answer.omits_a_secret() => Err(ChangeError::AlreadyDone),
            Answered::Again(answer) => Ok(Changed::Replayed(answer)),
            Answered::KeyReused => Err(ChangeError::KeyReused),
        }
    }

    /// Changes the API keys. The change is in effect in this process when this returns.
    pub(crate) async fn change_key(
        &self,
        author: Author,
        command: KeyCommand,
        retry: Option<IdempotentRequest>,
        to_keep: fn(&KeyChange) -> Option<StoredResponse>,
    ) -> Result<Changed<KeyChange>, ChangeError<KeyRefusal>> {
        let changed = self.change(author, command, retry, to_keep).await?;
        // If the refresh fails, the change takes effect within a second.
        drop(self.refresh_keys().await);
        Ok(changed)
    }

    /// The keys as last read from the database.
    pub(crate) fn keys(&self) -> Arc<KeyTable> {
        self.keys.table()
    }

    /// Reads the keys from the database now.
    pub(crate) async fn refresh_keys(&self) -> Result<Arc<KeyTable>, StoreError> {
        self.keys.refresh().await
    }

    /// Finds an order.
    pub(crate) async fn find_order(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        read(|deadline, sender| self.store.find_order(id, deadline, reply_to(sender))).await
    }

    /// Lists a page of orders. `render` runs on the thread that read the page, so that only its
    /// result moves between threads.
    pub(crate) async fn list_orders<T: Send + 'static>(
        &self,
        query: OrderQuery,
        limit: usize,
        render: impl FnOnce(&OrderPage) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run_blocking(move |store| store.list_orders(&query, limit).map(|page| render(&page)))
            .await
    }

    /// Finds the names of all services of these orders.
    pub(crate) async fn find_service_names(
        &self,
        orders: &[Order],
    ) -> Result<ServiceNames, StoreError> {
        let ids = orders.iter().flat_map(|order| order.content.services.iter()).collect();
        let services = self.run_blocking(move |store| store.find_services(&ids)).await?;
        Ok(services.into_iter().map(|service| (service.id, service.name)).collect())
    }

    /// Calls `notify` with the last sequence each time that new events are committed.
    pub(crate) fn subscribe(&self, notify: impl FnMut(u64) + Send + 'static) -> Subscription {
        self.store.subscribe(notify)
    }

    /// Runs a blocking read on the thread pool for blocking work.
    pub(crate) async fn run_blocking<T: Send + 'static>(
        &self,
        query: impl FnOnce(&ReadPool) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = Arc::clone(&self.store);
        on_blocking_thread(move || query(&store.reads)).await
    }
}

/// Runs work on the thread pool for blocking work.
async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let work = actix_rt::task::spawn_blocking(work);
    match trace::record_read(timeout(DB_TIMEOUT, work)).await {
        Ok(Ok(result)) => result,
        Ok(Err(_panicked)) => {
            Err(StoreError::Corrupt("the thread of a query has panicked".to_owned()))
        }
        Err(_elapsed) => Err(timed_out()),
    }
}

/// Queues a read and waits for its result.
async fn read<T>(
    queue: impl FnOnce(Instant, oneshot::Sender<Result<T, StoreError>>),
) -> Result<T, StoreError> {
    let (sender, receiver) = oneshot::channel();
    queue(Instant::now() + DB_TIMEOUT, sender);
    match trace::record_read(timeout(DB_TIMEOUT, receiver)).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) | Err(_) => Err(timed_out()),
    }
}

/// Queues a write and waits for its result. A write that is reported as failed never runs later.
async fn write<T: Send + 'static>(
    limit: Duration,
    queue: impl FnOnce(Instant, Reply<T>) -> Ticket,
) -> Result<T, StoreError> {
    let (sender, receiver) = oneshot::channel();
    let begun = Instant::now();
    let ticket = queue(begun + limit, reply_to(sender));
    let result = wait_for(&ticket, limit, receiver).await;
    trace::record_write(begun, &ticket);
    result
}

async fn wait_for<T>(
    ticket: &Ticket,
    limit: Duration,
    mut receiver: oneshot::Receiver<Result<T, StoreError>>,
) -> Result<T, StoreError> {
    // A closed channel means that the writer panicked, before or after its commit.
    if let Ok(reply) = timeout(limit, &mut receiver).await {
        return reply.unwrap_or(Err(StoreError::OutcomeUnknown));
    }
    if ticket.cancel() {
        return Err(timed_out());
    }
    match timeout(COMMIT_GRACE, receiver).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) | Err(_) => Err(StoreError::OutcomeUnknown),
    }
}

fn reply_to<T: Send + 'static>(sender: oneshot::Sender<Result<T, StoreError>>) -> Reply<T> {
    // A caller that has timed out needs no reply.
    Box::new(move |result| drop(sender.send(result)))
}

fn timed_out() -> StoreError {
    StoreError::Unavailable("no answer in time".to_owned())
}

fn unexpected_outcome() -> ChangeError<Refusal> {
    StoreError::Corrupt("the outcome does not fit its command".to_owned()).into()
}

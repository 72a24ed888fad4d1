//! What all handlers share: the store, asked without blocking and with limits on time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix_rt::time::timeout;
use actix_web::web;
use orders_core::{
    Action, Actor, Batch, Command, Done, KeyChange, KeyCommand, Operation, Order, OrderId, Outcome,
    Retry, Verdict,
};
use orders_db::{
    Answered, Change, ChangeResult, KeyTable, OrderPage, OrderQuery, PageReply, RenderResponse,
    Reply, Store, StoreError, StoredResponse, Subscription, Ticket,
};
use tokio::sync::oneshot;

use crate::auth::{
    self, {Gate, Origin},
};
use crate::awake;
use crate::body::Bodies;
use crate::cli::ServeOptions;
use crate::events::Live;
use crate::keys;
use crate::limits::{Limits, Network};
use crate::metrics::Metrics;
use crate::problem::{Code, Problem};
use crate::retries::Sent;
use crate::trace::{self, Tracing};
use crate::webhooks::{Guard, Tester};
use crate::wire::Names;

/// How long a command or a query may wait for the database.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long a batch may wait for the database.
const BATCH_PATIENCE: Duration = Duration::from_secs(25);
/// How long the answer of a commit that is under way is waited for beyond that.
const LAST_CHANCE: Duration = Duration::from_millis(700);

/// What all handlers share.
pub(crate) struct App {
    store: Arc<Store>,
    pub(crate) gate: Gate,
    /// What is allowed to each caller; `None` for whatever they ask.
    pub(crate) limits: Option<Limits>,
    /// Proxies that are believed when they tell where a request comes from.
    pub(crate) trusted_proxies: Vec<Network>,
    /// Other sites whose pages are let in.
    pub(crate) cors_origins: Vec<Origin>,
    /// Whether PUT and DELETE must name the version that they mean.
    pub(crate) require_if_match: bool,
    /// What the bodies of all requests take up.
    pub(crate) bodies: Bodies,
    /// The streams of events.
    pub(crate) live: Live,
    pub(crate) metrics: Metrics,
    pub(crate) tracing: Tracing,
    /// Whether each request is a line in the log.
    pub(crate) access_log: bool,
    /// Where webhooks may lead.
    pub(crate) guard: Guard,
    pub(crate) tester: Tester,
    /// Whether browsers are to send their cookies by TLS only.
    pub(crate) secure_cookies: bool,
    draining: AtomicBool,
}

impl App {
    pub(crate) fn new(
        store: Store,
        gate: Gate,
        limits: Option<Limits>,
        tester: Tester,
        options: &ServeOptions,
        tracing: Tracing,
    ) -> Self {
        Self {
            store: Arc::new(store),
            gate,
            limits,
            trusted_proxies: options.trust_proxy.clone(),
            cors_origins: options.cors_origin.clone(),
            require_if_match: options.require_if_match,
            bodies: Bodies::default(),
            live: Live::new(options.max_streams()),
            metrics: Metrics::new(options.workers(), options.metrics_open),
            tracing,
            access_log: options.access_log,
            guard: options.guard(),
            tester,
            secure_cookies: options.tls_cert.is_some()
                || options.public_url.as_ref().is_some_and(Origin::is_secure),
            draining: AtomicBool::new(false),
        }
    }

    /// Says that the server is about to end, and ends the streams of events.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        self.live.end();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Has one operation decided and done, and answers what `render` makes of it: or, if it was
    /// done before, what was answered then.
    pub(crate) async fn change_order(
        &self,
        actor: Actor,
        operation: Operation,
        retry: Option<Retry>,
        render: fn(&Done) -> Result<StoredResponse, Problem>,
    ) -> Result<Sent, Problem> {
        let one = move |outcome: &Outcome| match outcome {
            Outcome::One(Ok(done)) => render(done),
            Outcome::One(Err(refusal)) => Err(refusal.clone().into()),
            Outcome::Batch { .. } | Outcome::Repeated | Outcome::KeyReused => {
                Err(Problem::unexpected("one operation has one verdict"))
            }
        };
        let command = Command { actor, action: Action::One(operation), retry };
        self.write_orders(command, PATIENCE, one).await
    }

    /// Has a batch decided and done; `render` is given a verdict for each operation.
    pub(crate) async fn change_orders(
        &self,
        actor: Actor,
        batch: Batch,
        retry: Option<Retry>,
        render: impl Fn(&[Verdict]) -> Result<StoredResponse, Problem> + Send + Sync + 'static,
    ) -> Result<Sent, Problem> {
        let all = move |outcome: &Outcome| match outcome {
            Outcome::Batch { results, .. } => render(results),
            Outcome::One(_) | Outcome::Repeated | Outcome::KeyReused => {
                Err(Problem::unexpected("a batch has a verdict for each operation"))
            }
        };
        let command = Command { actor, action: Action::Batch(batch), retry };
        self.write_orders(command, BATCH_PATIENCE, all).await
    }

    async fn write_orders(
        &self,
        command: Command,
        patience: Duration,
        render: impl Fn(&Outcome) -> Result<StoredResponse, Problem> + Send + Sync + 'static,
    ) -> Result<Sent, Problem> {
        let render = Arc::new(render);
        let answered = write(patience, |deadline, reply| {
            self.store.change_orders(command, to_keep(&render), deadline, reply)
        });
        sent(answered.await?, &*render)
    }

    /// Decides and stores a change. `to_keep` renders the response that is stored under the
    /// idempotency key, which must not show a secret; `render` renders the response itself.
    pub(crate) async fn change<C>(
        &self,
        change: C,
        retry: Option<Retry>,
        to_keep: fn(&C::Accepted) -> Result<StoredResponse, Problem>,
        render: impl FnOnce(&C::Accepted) -> Result<StoredResponse, Problem>,
    ) -> Result<Sent, Problem>
    where
        C: Change,
        Problem: From<C::Refusal>,
    {
        let kept: RenderResponse<ChangeResult<C>> =
            Arc::new(move |result| result.as_ref().ok().and_then(|done| to_keep(done).ok()));
        let idempotency = retry.map(|retry| (retry, kept));
        let answered = write(PATIENCE, |deadline, reply| {
            self.store.change(change, idempotency, deadline, reply)
        });
        shown_once(answered.await?, render)
    }

    /// [`Self::change`] of a key, which is in force in this process when it is answered.
    pub(crate) async fn change_key(
        &self,
        command: KeyCommand,
        retry: Option<Retry>,
        render: impl FnOnce(&KeyChange) -> Result<StoredResponse, Problem>,
    ) -> Result<Sent, Problem> {
        let sent = self.change(command, retry, keys::to_keep, render).await?;
        // Where this fails, it is in force within a second.
        drop(auth::look_again(self).await);
        Ok(sent)
    }

    /// The store, for what goes on beside the requests.
    pub(crate) fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    /// What is known of the keys.
    pub(crate) fn keys(&self) -> Arc<KeyTable> {
        self.store.keys()
    }

    /// Has the keys looked at now.
    pub(crate) fn refresh_keys(&self, looked: oneshot::Sender<Result<(), StoreError>>) {
        self.store.refresh_keys(answer_to(looked));
    }

    pub(crate) async fn find_order(&self, id: OrderId) -> Result<Option<Order>, Problem> {
        read(|deadline, sender| self.store.find_order(id, deadline, answer_to(sender))).await
    }

    /// A page of orders, as what `render` makes of it by the thread that has read it.
    pub(crate) async fn list_orders<T: Send + 'static>(
        &self,
        query: OrderQuery,
        limit: usize,
        render: impl FnOnce(&OrderPage) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        read(|deadline, sender| {
            // Where nobody waits any more, the answer is not needed.
            let reply: PageReply = Box::new(move |page| drop(sender.send(page.map(render))));
            self.store.list_orders(query, limit, deadline, reply);
        })
        .await
    }

    /// The names of all services that these orders have.
    pub(crate) async fn names(&self, orders: &[Order]) -> Result<Names, Problem> {
        let ids = orders.iter().flat_map(|order| order.content.services.iter()).collect();
        let services = self.ask(move |store| store.find_services(&ids)).await?;
        Ok(services.into_iter().map(|service| (service.id, service.name)).collect())
    }

    /// Has `heard` called whenever there are new events.
    pub(crate) fn listen(&self, heard: impl FnMut(u64) + Send + 'static) -> Subscription {
        self.store.subscribe(heard)
    }

    /// Asks the store something that blocks, on a thread made for that.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = Arc::clone(&self.store);
        match trace::read(awake::within(PATIENCE, web::block(move || question(&store)))).await {
            Ok(Ok(answer)) => Ok(answer?),
            Ok(Err(_gone)) => {
                Err(Problem::unexpected("the thread that asked the database is gone"))
            }
            Err(_elapsed) => Err(too_late()),
        }
    }
}

/// Queues a question and waits for its answer.
async fn read<T>(
    queue: impl FnOnce(Instant, oneshot::Sender<Result<T, StoreError>>),
) -> Result<T, Problem> {
    let (sender, receiver) = oneshot::channel();
    queue(Instant::now() + PATIENCE, sender);
    match trace::read(awake::within(PATIENCE, receiver)).await {
        Ok(Ok(answer)) => Ok(answer?),
        Ok(Err(_closed)) => Err(too_late()),
        Err(_elapsed) => Err(too_late()),
    }
}

/// What is kept of an outcome: nothing of a refusal, which is judged afresh.
fn to_keep<T: 'static>(
    render: &Arc<impl Fn(&T) -> Result<StoredResponse, Problem> + Send + Sync + 'static>,
) -> RenderResponse<T> {
    let render = Arc::clone(render);
    Arc::new(move |outcome| render(outcome).ok())
}

fn sent<T>(
    answered: Answered<T>,
    render: impl Fn(&T) -> Result<StoredResponse, Problem>,
) -> Result<Sent, Problem> {
    match answered {
        Answered::Now(outcome) => Ok(Sent { answer: render(&outcome)?, again: false }),
        Answered::Again(answer) => Ok(Sent { answer, again: true }),
        Answered::KeyReused => Err(key_reused()),
    }
}

/// What to answer where the first answer may have shown a secret, which was not kept.
fn shown_once<C, R>(
    answered: Answered<Result<C, R>>,
    render: impl FnOnce(&C) -> Result<StoredResponse, Problem>,
) -> Result<Sent, Problem>
where
    Problem: From<R>,
{
    match answered {
        Answered::Now(verdict) => Ok(Sent { answer: render(&verdict?)?, again: false }),
        Answered::Again(answer) if answer.omits_a_secret() => Err(Problem::new(
            Code::AlreadyDone,
            "This was done before under the same Idempotency-Key. The secret that it showed then is \
             shown only once; where it was lost, rotate it.",
        )),
        Answered::Again(answer) => Ok(Sent { answer, again: true }),
        Answered::KeyReused => Err(key_reused()),
    }
}

fn key_reused() -> Problem {
    Problem::new(
        Code::IdempotencyKeyReused,
        "Another request was answered under this Idempotency-Key. A new request needs a new one.",
    )
}

/// Queues a write and waits for its fate. What is answered as failed will not be done later.
async fn write<T: Send + 'static>(
    patience: Duration,
    queue: impl FnOnce(Instant, Reply<T>) -> Ticket,
) -> Result<T, Problem> {
    let (sender, receiver) = oneshot::channel();
    let begun = Instant::now();
    let ticket = queue(begun + patience, answer_to(sender));
    let answer = answer_in_time(&ticket, patience, receiver).await;
    trace::tell_write(begun, &ticket);
    answer
}

async fn answer_in_time<T>(
    ticket: &Ticket,
    patience: Duration,
    mut receiver: oneshot::Receiver<Result<T, StoreError>>,
) -> Result<T, Problem> {
    if let Ok(answer) = awake::within(patience, &mut receiver).await {
        return answer.map_err(|_closed| lost())?.map_err(Problem::from);
    }
    if ticket.give_up() {
        return Err(too_late());
    }
    match timeout(LAST_CHANCE, receiver).await {
        Ok(answer) => answer.map_err(|_closed| lost())?.map_err(Problem::from),
        Err(_elapsed) => Err(StoreError::OutcomeUnknown.into()),
    }
}

fn answer_to<T: Send + 'static>(sender: oneshot::Sender<Result<T, StoreError>>) -> Reply<T> {
    // Where nobody waits any more, the answer is not needed.
    Box::new(move |answer| drop(sender.send(answer)))
}

fn too_late() -> Problem {
    StoreError::Unavailable("no answer in time".to_owned()).into()
}

/// The writer dropped the command without an answer: it panicked, before or after its commit.
fn lost() -> Problem {
    StoreError::OutcomeUnknown.into()
}

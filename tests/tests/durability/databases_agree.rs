//! The same generated commands on both databases and in memory give the same outcomes, orders, slots
//! and events. Links the store itself, to compare what no client sees.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may fail")]

use std::collections::HashMap;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant as Clock};

use orders_core::decide::{OperationResult, OwnKey};
use orders_core::policy::PolicyPatch;
use orders_core::service::{ServiceCommand, ServiceName};
use orders_core::{Book, Done, Order, Outcome, Period, Policy, Scope};
use orders_db::{
    Answered, Author, DatabaseUrl, OrderQuery, PolicyChange, RenderResponse, Reply, Store,
    StoreOptions, StoredResponse, Ticket,
};
use orders_tests::{Database, Scratch, Sql};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rstest::rstest;
use rstest_reuse::{apply, template};

#[path = "../../../crates/orders-core/tests/support/generate.rs"]
mod generate;

use generate::{at, commands, service};

const CASES: usize = 150;

/// The clocks of the three differ.
fn without_times(order: Order) -> Order {
    Order { created_at: at(0), updated_at: at(0), ..order }
}

fn plain(outcome: Outcome) -> Outcome {
    let verdict = |verdict: OperationResult| {
        verdict.map(|done| match done {
            Done::Created(order) => Done::Created(without_times(order)),
            Done::Updated(order) => Done::Updated(without_times(order)),
            Done::Unchanged(order) => Done::Unchanged(without_times(order)),
            Done::Deleted(order) => Done::Deleted(without_times(order)),
            Done::Restored(order) => Done::Restored(without_times(order)),
        })
    };
    match outcome {
        Outcome::One(one) => Outcome::One(verdict(one)),
        Outcome::Batch { refused, results } => {
            Outcome::Batch { refused, results: results.into_iter().map(verdict).collect() }
        }
        Outcome::Repeated | Outcome::KeyReused => outcome,
    }
}

/// Queues a write. The receiver gets its result.
fn queue<T: Send + 'static>(
    write: impl FnOnce(Clock, Reply<T>) -> Ticket,
) -> mpsc::Receiver<Result<T, orders_db::StoreError>> {
    let (sender, receiver) = mpsc::channel();
    let deadline = Clock::now() + Duration::from_mins(5);
    write(deadline, Box::new(move |answer| sender.send(answer).unwrap()));
    receiver
}

fn open(scratch: &Scratch, policy: Policy) -> Store {
    let url = DatabaseUrl::parse(&scratch.url()).unwrap();
    orders_db::migrate(&url).unwrap();
    let store = Store::open(&url, StoreOptions::default()).unwrap();
    let patch = PolicyPatch {
        window: Some(policy.window),
        scope: Some(policy.scope),
        edit_lock: Some(policy.edit_lock),
    };
    let change = PolicyChange { patch, accept: false };
    let set = queue(|deadline, reply| {
        store.change(Author::command("test"), change, None, deadline, reply)
    })
    .recv()
    .unwrap();
    assert!(matches!(set, Ok(Answered::Now(Ok(_)))), "{set:?}");
    for number in 1..=3 {
        let name = ServiceName::parse(&format!("service {number}")).unwrap();
        let create = ServiceCommand::Create { id: Some(service(number)), name };
        let answer = queue(|deadline, reply| {
            store.change(Author::command("test"), create, None, deadline, reply)
        });
        let created = answer.recv().unwrap().unwrap();
        assert!(matches!(created, Answered::Now(Ok(_))), "{created:?}");
    }
    store
}

fn clear(sql: &mut Sql) {
    sql.run(
        "DELETE FROM order_slots; DELETE FROM order_services; DELETE FROM orders; \
         DELETE FROM events; DELETE FROM idempotency_keys; UPDATE counters SET last_sequence = 0",
    )
    .unwrap();
}

#[template]
#[rstest]
#[case::global(Scope::Global, None)]
#[case::by_service(Scope::Service, None)]
#[case::edit_locked(Scope::Global, Some(Period::MAX))]
fn policies(#[case] scope: Scope, #[case] edit_lock: Option<Period>) {}

#[apply(policies)]
fn sqlite_and_the_book_in_memory_agree(scope: Scope, edit_lock: Option<Period>) {
    assert_agreement(Database::Sqlite, scope, edit_lock);
}

#[apply(policies)]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn postgresql_and_the_book_in_memory_agree(scope: Scope, edit_lock: Option<Period>) {
    assert_agreement(Database::Postgres, scope, edit_lock);
}

fn assert_agreement(database: Database, scope: Scope, edit_lock: Option<Period>) {
    let scratch = database.fresh();
    let policy = Policy { window: Policy::default().window, scope, edit_lock };
    let store = open(&scratch, policy);
    let mut sql = scratch.sql();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let rounds = prop::collection::vec(prop::collection::vec(commands(), 1..5), 1..8);
    for case in 0..CASES {
        clear(&mut sql);
        let mut book = Book::new(policy);
        (1..=3).for_each(|number| book.add_service(service(number)));
        // The first response under each key.
        let mut first: HashMap<OwnKey, Vec<u8>> = HashMap::new();
        for commands in rounds.new_tree(&mut runner).unwrap().current() {
            let expected = book.run_all(&commands, at(0));
            let answers: Vec<_> = commands
                .iter()
                .map(|command| {
                    queue(|deadline, reply| {
                        store.change_orders(command.clone(), rendered(), deadline, reply)
                    })
                })
                .collect();
            for ((command, answer), expected) in commands.iter().zip(answers).zip(expected) {
                let key = command.retry().map(|retry| retry.key.clone());
                match (answer.recv().unwrap().unwrap(), key) {
                    (Answered::Now(outcome), key) => {
                        if let Some(key) = key.filter(|_| outcome.is_accepted()) {
                            first.insert(key, format!("{outcome:?}").into_bytes());
                        }
                        let (outcome, expected) = (plain(outcome), plain(expected));
                        if edit_lock.is_none() || !waits(&outcome) {
                            assert_eq!(outcome, expected, "case {case}: {command:?}");
                        }
                    }
                    (Answered::Again(kept), Some(key)) => {
                        assert_eq!(expected, Outcome::Repeated, "case {case}: {command:?}");
                        assert_eq!(Some(&kept.body), first.get(&key));
                    }
                    (Answered::KeyReused, Some(_)) => assert_eq!(expected, Outcome::KeyReused),
                    (odd, None) => panic!("without a key: {odd:?}"),
                }
            }
        }
        assert_same(&store, &mut sql, &book, policy);
    }
}

/// Keeps all of an outcome.
fn rendered() -> RenderResponse<Outcome> {
    Arc::new(|outcome| {
        let body = format!("{outcome:?}").into_bytes();
        Some(StoredResponse { status: 200, location: None, etag: None, body })
    })
}

/// Whether the outcome contains a waiting time, which depends on the clock.
fn waits(outcome: &Outcome) -> bool {
    format!("{outcome:?}").contains("EditLocked")
}

fn list(store: &Store, query: &OrderQuery) -> Vec<Order> {
    store.reads.list_orders(query, 1_000).unwrap().orders
}

/// The tables hold what the book holds, and the slots are those of the orders.
fn assert_same(store: &Store, sql: &mut Sql, book: &Book, policy: Policy) {
    let mut expected: Vec<Order> = book.orders().cloned().map(without_times).collect();
    expected.sort_by_key(|order| (order.content.datetime, order.id.clone()));
    let orders: Vec<Order> =
        list(store, &OrderQuery::default()).into_iter().map(without_times).collect();
    assert_eq!(orders, expected);
    for number in 1..=3 {
        let uses = |order: &&Order| order.content.services.contains(&service(number));
        let query = OrderQuery { services: [service(number)].into(), ..OrderQuery::default() };
        assert_eq!(list(store, &query).len(), expected.iter().filter(uses).count());
    }
    let count = |number: usize| i64::try_from(number).unwrap();
    let slots: usize = expected.iter().map(|order| policy.slots(order).len()).sum();
    assert_eq!(sql.number("SELECT count(*) AS number FROM order_slots"), count(slots));
    let agreeing = "SELECT count(*) AS number FROM order_slots s JOIN orders o \
        ON o.id = s.order_id AND o.datetime_ms = s.start_ms AND o.grp = s.grp";
    assert_eq!(sql.number(agreeing), count(slots));
    assert_eq!(sql.number("SELECT count(*) AS number FROM events"), count(book.events().len()));
    let last = "SELECT last_sequence AS number FROM counters";
    assert_eq!(sql.number(last), count(book.events().len()));
    // Invariant: the last event of an order is the order.
    let replayed = "SELECT count(*) AS number FROM orders o JOIN events e \
        ON e.order_id = o.id AND e.version = o.version AND e.kind <> 'deleted' \
        AND e.datetime_ms = o.datetime_ms AND e.total_fee = o.total_fee \
        AND e.services = o.services AND e.grp = o.grp AND e.created_at_ms = o.created_at_ms \
        AND e.time_ms = o.updated_at_ms";
    assert_eq!(sql.number(replayed), count(expected.len()));
}

//! The same generated sequences of commands on both databases and in memory: equal outcomes, equal
//! orders, equal slots, equal events. Links the store itself, to see what no client is shown.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::mpsc;
use std::time::{Duration, Instant as Clock};

use orders_core::{
    Actor, Book, Command, Done, Order, Outcome, Period, Policy, PolicyPatch, Scope, ServiceCommand,
    ServiceName, Verdict,
};
use orders_db::{DatabaseUrl, OrderFilter, Reply, Store, StoreOptions, Ticket};
use orders_tests::{Database, Scratch, Sql};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rstest::rstest;

#[path = "../../crates/orders-core/tests/support/generate.rs"]
mod generate;

use generate::{actions, at, service};

const CASES: usize = 150;

/// The clocks of the three differ.
fn without_times(order: Order) -> Order {
    Order { created_at: at(0), updated_at: at(0), ..order }
}

fn plain(outcome: Outcome) -> Outcome {
    let verdict = |verdict: Verdict| {
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
    }
}

/// Queues a write; what comes back is its answer once it is there.
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
    queue(|deadline, reply| store.change_policy(patch, deadline, reply))
        .recv()
        .unwrap()
        .unwrap()
        .unwrap();
    for number in 1..=3 {
        let name = ServiceName::parse(&format!("service {number}")).unwrap();
        let create = ServiceCommand::Create { id: Some(service(number)), name };
        let answer = queue(|deadline, reply| store.change_services(create, deadline, reply));
        answer.recv().unwrap().unwrap().unwrap();
    }
    store
}

fn clear(sql: &mut Sql) {
    sql.run(
        "DELETE FROM order_slots; DELETE FROM order_services; DELETE FROM orders; \
         DELETE FROM events; UPDATE counters SET last_sequence = 0",
    )
    .unwrap();
}

#[rstest]
#[case::global(Scope::Global, None)]
#[case::by_service(Scope::Service, None)]
#[case::edit_locked(Scope::Global, Some(Period::MAX))]
fn both_databases_and_the_book_in_memory_agree(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
    #[case] scope: Scope,
    #[case] edit_lock: Option<Period>,
) {
    let Some(scratch) = database.fresh() else { return };
    let policy = Policy { window: Period::THREE_HOURS, scope, edit_lock };
    let store = open(&scratch, policy);
    let mut sql = scratch.sql();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let rounds = prop::collection::vec(prop::collection::vec(actions(), 1..5), 1..8);
    for case in 0..CASES {
        clear(&mut sql);
        let mut book = Book::new(policy);
        (1..=3).for_each(|number| book.add_service(service(number)));
        for actions in rounds.new_tree(&mut runner).unwrap().current() {
            let actor = Actor::new("somebody");
            let commands: Vec<Command> = actions
                .into_iter()
                .map(|action| Command { actor: actor.clone(), action })
                .collect();
            let expected = book.run_all(&commands, at(0));
            let answers: Vec<_> = commands
                .iter()
                .map(|command| {
                    queue(|deadline, reply| store.change_orders(command.clone(), deadline, reply))
                })
                .collect();
            for ((command, answer), expected) in commands.iter().zip(answers).zip(expected) {
                let outcome = plain(answer.recv().unwrap().unwrap());
                let expected = plain(expected);
                if edit_lock.is_none() || !waits(&outcome) {
                    assert_eq!(outcome, expected, "case {case}: {command:?}");
                }
            }
        }
        assert_same(&store, &mut sql, &book, policy);
    }
}

/// Whether the outcome tells how long to wait, which depends on the clock.
fn waits(outcome: &Outcome) -> bool {
    format!("{outcome:?}").contains("EditLocked")
}

/// The tables hold what the book holds, and the slots are those of the orders.
fn assert_same(store: &Store, sql: &mut Sql, book: &Book, policy: Policy) {
    let mut expected: Vec<Order> = book.orders().cloned().map(without_times).collect();
    expected.sort_by_key(|order| (order.content.datetime, order.id.clone()));
    let page = store.list_orders(&OrderFilter::default(), 1_000).unwrap();
    let orders: Vec<Order> = page.orders.into_iter().map(without_times).collect();
    assert_eq!(orders, expected);
    for number in 1..=3 {
        let filter = OrderFilter { services: [service(number)].into(), ..OrderFilter::default() };
        let uses = |order: &&Order| order.content.services.as_slice().contains(&service(number));
        let found = store.list_orders(&filter, 1_000).unwrap().orders.len();
        assert_eq!(found, expected.iter().filter(uses).count());
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

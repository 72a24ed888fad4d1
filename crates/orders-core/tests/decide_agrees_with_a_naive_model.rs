//! Thousands of generated sequences of commands, judged by `decide` and by a naive model.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod support;

use orders_core::decide::OperationResult;
use orders_core::{
    Actor, Book, Command, Done, Event, EventKind, NewId, Operation, Order, OrderContent, OrderId,
    Outcome, Period, Policy, Scope,
};
use proptest::prelude::*;
use support::generate::{HALF_HOUR, actions, at, commands, contents, service, times};
use support::model::{Model, any_group};

fn policies() -> impl Strategy<Value = Policy> {
    let scopes = prop_oneof![Just(Scope::Global), Just(Scope::Service)];
    let edit_lock = prop::option::weighted(0.2, Just(Period::from_millis(3_000).unwrap()));
    (scopes, edit_lock).prop_map(|(scope, edit_lock)| Policy {
        window: Policy::default().window,
        scope,
        edit_lock,
    })
}

/// Groups are numbered differently by the two.
fn without_groups(outcome: Outcome) -> Outcome {
    let plain = |order: Order| Order { group: any_group(), ..order };
    let verdict = |verdict: OperationResult| {
        verdict.map(|done| match done {
            Done::Created(order) => Done::Created(plain(order)),
            Done::Updated(order) => Done::Updated(plain(order)),
            Done::Unchanged(order) => Done::Unchanged(plain(order)),
            Done::Deleted(order) => Done::Deleted(plain(order)),
            Done::Restored(order) => Done::Restored(plain(order)),
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

/// The orders that the events, replayed, give.
fn replay(events: &[Event]) -> Vec<Order> {
    let mut orders = std::collections::BTreeMap::new();
    for (event, sequence) in events.iter().zip(1..) {
        assert_eq!(event.sequence, sequence, "sequences have no gaps");
        match event.kind {
            EventKind::Deleted => orders.remove(&event.order.id),
            EventKind::Created | EventKind::Updated | EventKind::Restored => {
                orders.insert(event.order.id.clone(), event.order.clone())
            }
        };
    }
    orders.into_values().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decide_agrees_with_a_naive_model(
        policy in policies(),
        rounds in prop::collection::vec(prop::collection::vec(commands(), 1..5), 1..12),
    ) {
        let services = [1, 2, 3].map(service);
        let mut model = Model::new(policy, &services);
        let mut book = Book::new(policy);
        for id in services {
            book.add_service(id);
        }
        for (second, commands) in (0..).zip(rounds) {
            let now = at(second * 1_000);
            let expected: Vec<Outcome> =
                commands.iter().map(|command| without_groups(model.run(command, now))).collect();
            let outcomes: Vec<Outcome> =
                book.run_all(&commands, now).into_iter().map(without_groups).collect();
            prop_assert_eq!(outcomes, expected);
            let plain = |order: &Order| Order { group: any_group(), ..order.clone() };
            let orders: Vec<Order> = book.orders().map(plain).collect();
            let expected: Vec<Order> = model.orders().iter().map(plain).collect();
            prop_assert_eq!(&orders, &expected);
            // Invariant: the events of an order, replayed, give the order.
            let replayed: Vec<Order> = replay(book.events()).iter().map(plain).collect();
            prop_assert_eq!(&replayed, &expected);
        }
    }

    #[test]
    fn what_is_free_is_accepted_and_what_is_not_is_refused(
        policy in policies(),
        actions in prop::collection::vec(actions(), 1..20),
        asked in contents(),
        probes in prop::collection::vec(times(), 20),
    ) {
        let mut book = Book::new(policy);
        for number in 1..=3 {
            book.add_service(service(number));
        }
        let known = asked.services.iter().all(|id| id != service(9));
        prop_assume!(known);
        let actor = Actor::new("somebody");
        for action in actions {
            book.run_all(&[Command { actor: actor.clone(), action, retry: None }], at(0));
        }
        let (from, to) = (at(-HALF_HOUR), at(96 * HALF_HOUR));
        let free = book.free_intervals(&asked.services, from, to);
        let ends = free.iter().flat_map(|stretch| [stretch.start, stretch.end]);
        for datetime in probes.into_iter().chain(ends.collect::<Vec<_>>()) {
            let inside = free.iter().any(|s| s.start <= datetime && datetime <= s.end);
            let id = NewId::Chosen(OrderId::parse("probe").unwrap());
            let content = OrderContent { datetime, ..asked.clone() };
            let verdict = book.clone().run(&actor, Operation::Create { id, content }, at(0));
            prop_assert_eq!(verdict.is_ok(), inside, "{}", datetime);
        }
    }
}

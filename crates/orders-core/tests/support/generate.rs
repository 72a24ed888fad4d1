//! Generated commands: few ids, times and services, so that most have to do with one another.

use orders_core::decide::{
    Batch, Fingerprint, IdempotencyKey, IdempotentRequest, Mode, OrderPatch, OwnKey, Versions,
};
use orders_core::{
    Action, Actor, Command, Fee, NewId, Operation, OrderContent, OrderId, ServiceId, Services,
    Timestamp,
};
use proptest::prelude::*;

pub(crate) const HALF_HOUR: i64 = 30 * 60 * 1000;

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_667_300_000_000 + millis).unwrap()
}

pub(crate) fn service(number: i64) -> ServiceId {
    ServiceId::new(number).unwrap()
}

fn ids() -> impl Strategy<Value = OrderId> {
    (0..6).prop_map(|number| OrderId::parse(&format!("order-{number}")).unwrap())
}

/// Half hours over two days, and a millisecond to each side.
pub(crate) fn times() -> impl Strategy<Value = Timestamp> {
    (0..96i64, -1..=1i64).prop_map(|(slot, off)| at(slot * HALF_HOUR + off))
}

/// Services 1 to 3 exist, 9 does not.
fn service_lists() -> impl Strategy<Value = Services> {
    let all = prop::sample::subsequence(vec![1, 2, 3, 9], 1..=2).prop_shuffle();
    let known = prop::sample::subsequence(vec![1, 2, 3], 1..=3).prop_shuffle();
    prop_oneof![1 => all, 9 => known]
        .prop_map(|ids| Services::new(ids.into_iter().map(service).collect()).unwrap())
}

fn fees() -> impl Strategy<Value = Fee> {
    (0..3i64).prop_map(|hundredths| Fee::from_hundredths(hundredths).unwrap())
}

pub(crate) fn contents() -> impl Strategy<Value = OrderContent> {
    (times(), fees(), service_lists()).prop_map(|(datetime, total_fee, services)| OrderContent {
        datetime,
        total_fee,
        services,
    })
}

fn patches() -> impl Strategy<Value = OrderPatch> {
    use prop::option::of;
    (of(times()), of(fees()), of(service_lists()))
        .prop_map(|(datetime, total_fee, services)| OrderPatch { datetime, total_fee, services })
}

fn creations() -> impl Strategy<Value = Operation> {
    (ids(), contents())
        .prop_map(|(id, content)| Operation::Create { id: NewId::Chosen(id), content })
}

fn operations() -> impl Strategy<Value = Operation> {
    let versions = || prop::collection::vec(1..4u64, 0..3);
    let versions = move || {
        prop_oneof![versions().prop_map(Versions::Among), versions().prop_map(Versions::AllBut)]
    };
    let if_match = || prop::option::weighted(0.2, versions());
    prop_oneof![
        4 => creations(),
        4 => (ids(), if_match(), patches())
            .prop_map(|(id, if_match, patch)| Operation::Update { id, if_match, patch }),
        2 => (ids(), if_match()).prop_map(|(id, if_match)| Operation::Delete { id, if_match }),
        1 => ids().prop_map(|id| Operation::Restore { id }),
    ]
}

/// Few keys and fingerprints too, so that commands are repeated and keys used again.
fn retries() -> impl Strategy<Value = Option<IdempotentRequest>> {
    let retry = ("[k-m]", "[fg]").prop_map(|(key, fingerprint)| IdempotentRequest {
        key: OwnKey { caller: Actor::new("somebody"), key: IdempotencyKey::parse(&key).unwrap() },
        fingerprint: Fingerprint::new(&fingerprint),
    });
    prop::option::weighted(0.2, retry)
}

pub(crate) fn commands() -> impl Strategy<Value = Command> {
    (actions(), retries()).prop_map(|(action, retry)| Command {
        actor: Actor::new("somebody"),
        action,
        retry,
    })
}

pub(crate) fn actions() -> impl Strategy<Value = Action> {
    let batch = |mode, operations: Vec<Operation>, dry_run| {
        Batch::new(mode, dry_run, operations).ok().map(Action::Batch)
    };
    let modes = prop_oneof![Just(Mode::Each), Just(Mode::Atomic)];
    let mixed = (modes, prop::collection::vec(operations(), 1..6), prop::bool::weighted(0.2))
        .prop_filter_map("an id twice", move |(mode, list, dry_run)| batch(mode, list, dry_run));
    let groups = (prop::collection::vec(creations(), 1..5), prop::bool::weighted(0.2))
        .prop_filter_map("an id twice", move |(list, dry_run)| batch(Mode::Group, list, dry_run));
    prop_oneof![6 => operations().prop_map(Action::One), 3 => mixed, 1 => groups]
}

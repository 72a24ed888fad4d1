//! Snapshots: what was loaded, taken together, followed over changes, and left out of what is needed.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::num::NonZeroU64;

use orders_core::decide::{
    Batch, Fingerprint, IdempotencyKey, IdempotentRequest, Mode, Occupant, OrderPatch, OwnKey,
    Reach, Span, Stored,
};
use orders_core::order::Group;
use orders_core::policy::CalendarId;
use orders_core::{
    Action, Actor, Book, Command, Fee, Needs, NewId, Operation, Order, OrderContent, OrderId,
    Outcome, Policy, Refusal, ServiceId, Services, Snapshot, Timestamp, decide,
};

const HOUR: i64 = 60 * 60 * 1000;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_millis(1_667_300_000_000 + hours * HOUR).unwrap()
}

fn id(text: &str) -> OrderId {
    OrderId::parse(text).unwrap()
}

fn occupant(text: &str, hours: i64) -> Occupant {
    let interval = Policy::default().interval(CalendarId::Global, at(hours));
    Occupant { interval, order_id: id(text), group: Group(NonZeroU64::MIN) }
}

fn span(from: i64, to: i64, reach: Reach) -> Span {
    Span { calendar: CalendarId::Global, from: at(from), to: at(to), reach }
}

fn order(text: &str, hours: i64) -> Order {
    let services = Services::new(vec![ServiceId::new(1).unwrap()]).unwrap();
    let total_fee = Fee::from_hundredths(100).unwrap();
    Order {
        id: id(text),
        content: OrderContent { datetime: at(hours), total_fee, services },
        version: 1,
        group: Group(NonZeroU64::new(7).unwrap()),
        created_at: at(0),
        updated_at: at(0),
    }
}

fn create(text: &str, hours: i64) -> Command {
    let content = order(text, hours).content;
    let operation = Operation::Create { id: NewId::Chosen(id(text)), content };
    Command { actor: Actor::new("me"), action: Action::One(operation), retry: None }
}

fn needs(spans: &[Span]) -> Needs {
    Needs { spans: spans.iter().copied().collect(), ..Needs::default() }
}

fn key(text: &str) -> OwnKey {
    OwnKey { caller: Actor::new("me"), key: IdempotencyKey::parse(text).unwrap() }
}

#[test]
fn the_size_counts_orders_places_and_loaded_stretches() {
    let mut snapshot = Snapshot::new(0);
    assert_eq!(snapshot.size(), 0);
    snapshot.add_order(id("a"), Stored::Never);
    snapshot.add_order(id("b"), Stored::Live(order("b", 3)));
    assert_eq!(snapshot.size(), 2);
    snapshot.add_occupants(
        &span(0, 9, Reach::All),
        vec![occupant("b", 3), occupant("c", 6), occupant("d", 9)],
    );
    snapshot.add_occupants(&span(20, 29, Reach::All), vec![]);
    assert_eq!(snapshot.size(), 2 + 3 + 2);
}

#[test]
fn a_snapshot_takes_in_all_that_another_has() {
    let (mut snapshot, mut other) = (Snapshot::new(4), Snapshot::new(4));
    snapshot.add_occupants(&span(0, 9, Reach::All), vec![occupant("a", 3)]);
    other.add_order(id("b"), Stored::Never);
    other.add_service(ServiceId::new(1).unwrap(), true);
    other.add_occupants(&span(9, 21, Reach::All), vec![occupant("c", 15)]);
    other.add_key(key("k"), None);
    snapshot.merge(other);
    assert_eq!(snapshot.last_sequence(), 4);
    assert_eq!(snapshot.order(&id("b")), Some(&Stored::Never));
    assert_eq!(snapshot.service(ServiceId::new(1).unwrap()), Some(true));
    assert_eq!(snapshot.key(&key("k")), Some(None));
    // Both stretches, also where they meet: nothing is missing any more.
    for (hours, accepted) in [(6, true), (9, true), (14, false), (18, true)] {
        let mut missing = Needs::for_commands(&Policy::default(), [&create("b", hours)]);
        missing.leave_out(&snapshot);
        assert!(missing.is_empty(), "{hours}: {missing:?}");
        let decision = decide(&Policy::default(), &snapshot, &[create("b", hours)], at(0));
        let outcomes = decision.map(|decision| decision.outcomes);
        if accepted {
            assert!(matches!(outcomes.as_deref(), Ok([Outcome::One(Ok(_))])), "{outcomes:?}");
        } else {
            // It has no place for the suggestions, but knows who is in the way.
            assert!(!matches!(outcomes.as_deref(), Ok([Outcome::One(Ok(_))])), "{outcomes:?}");
        }
    }
}

#[test]
fn what_a_snapshot_has_is_not_needed_and_lists_are_always_loaded_anew() {
    let mut snapshot = Snapshot::new(0);
    snapshot.add_order(id("a"), Stored::Never);
    snapshot.add_service(ServiceId::new(1).unwrap(), false);
    snapshot.add_key(key("k"), Some(Fingerprint::new("f")));
    snapshot.add_occupants(&span(0, 9, Reach::All), vec![]);
    let kept = [span(0, 10, Reach::All), span(0, 9, Reach::First(3)), span(20, 29, Reach::All)];
    let mut wanted = needs(&kept);
    wanted.spans.insert(span(2, 9, Reach::All));
    wanted.orders.extend([id("a"), id("b")]);
    wanted.services.extend([ServiceId::new(1).unwrap(), ServiceId::new(2).unwrap()]);
    wanted.keys.extend([key("k"), key("l")]);
    wanted.leave_out(&snapshot);
    let mut left = needs(&kept);
    left.orders.insert(id("b"));
    left.services.insert(ServiceId::new(2).unwrap());
    left.keys.insert(key("l"));
    assert_eq!(wanted, left);
}

#[test]
fn needs_are_empty_only_if_nothing_is_needed() {
    assert!(Needs::default().is_empty());
    let orders = Needs { orders: [id("a")].into(), ..Needs::default() };
    let services = Needs { services: [ServiceId::new(1).unwrap()].into(), ..Needs::default() };
    let keys = Needs { keys: [key("k")].into(), ..Needs::default() };
    for some in [orders, services, keys, needs(&[span(0, 1, Reach::All)])] {
        assert!(!some.is_empty(), "{some:?}");
    }
}

#[test]
fn commands_tell_what_judging_them_takes() {
    let mut command = create("a", 10);
    command.retry = Some(IdempotentRequest { key: key("k"), fingerprint: Fingerprint::new("f") });
    let delete = Operation::Delete { id: id("b"), if_match: None };
    let batch = Batch::new(Mode::Each, false, vec![delete]).unwrap();
    let batch = Command { action: Action::Batch(batch), ..create("x", 0) };
    let window = Policy::default().window;
    let (from, to) = (at(10).checked_sub(window).unwrap(), at(10).checked_add(window).unwrap());
    let millis = |instant: Timestamp, by| Timestamp::from_millis(instant.as_millis() + by).unwrap();
    let span = Span {
        calendar: CalendarId::Global,
        from: millis(from, 1),
        to: millis(to, -1),
        reach: Reach::All,
    };
    let expected = Needs {
        orders: [id("a"), id("b")].into(),
        services: [ServiceId::new(1).unwrap()].into(),
        spans: [span].into(),
        keys: [key("k")].into(),
    };
    assert_eq!(Needs::for_commands(&Policy::default(), [&command, &batch]), expected);
}

/// More than the stretches that a search passes, but all at one instant.
#[test]
fn a_thousand_orders_of_one_instant_are_one_stretch() {
    let mut book = Book::new(Policy::default());
    book.add_service(ServiceId::new(1).unwrap());
    let operations = (0..1_001).map(|number| Operation::Create {
        id: NewId::Generated(id(&format!("o{number}"))),
        content: order("x", 0).content,
    });
    let group = Batch::new(Mode::Group, false, operations.collect()).unwrap();
    let load = Command { action: Action::Batch(group), ..create("x", 0) };
    assert!(book.run_all(&[load], at(0)).iter().all(Outcome::is_accepted));
    let outcomes = book.run_all(&[create("new", 1)], at(0));
    let [Outcome::One(Err(Refusal::Conflict(conflict)))] = outcomes.as_slice() else {
        unreachable!("it is an hour from a thousand others")
    };
    assert_eq!((conflict.count, conflict.nearest.len()), (1_001, 10));
    assert_eq!((conflict.previous, conflict.next), (Some(at(-3)), Some(at(3))));
}

/// What was loaded and followed is what would be loaded afterwards.
#[test]
fn a_followed_snapshot_is_as_if_it_had_been_loaded_after_the_changes() {
    let policy = Policy::default();
    let mut snapshot = Snapshot::new(7);
    let (before, deleted) = (order("moved", 3), order("deleted", 20));
    snapshot.add_order(id("moved"), Stored::Live(before.clone()));
    snapshot.add_order(id("deleted"), Stored::Live(deleted.clone()));
    snapshot.add_order(id("new"), Stored::Never);
    snapshot.add_service(ServiceId::new(1).unwrap(), true);
    snapshot.add_key(key("k"), None);
    let there = vec![occupant("moved", 3), occupant("deleted", 20)];
    snapshot.add_occupants(&span(-100, 100, Reach::All), there);
    let commands = [
        create("new", 40),
        Command {
            action: Action::One(Operation::Delete { id: id("deleted"), if_match: None }),
            ..create("x", 0)
        },
        Command {
            action: Action::One(Operation::Update {
                id: id("moved"),
                if_match: None,
                patch: OrderPatch { datetime: Some(at(60)), ..OrderPatch::default() },
            }),
            ..create("x", 0)
        },
    ];
    let decision = decide(&policy, &snapshot, &commands, at(1)).unwrap();
    assert!(decision.outcomes.iter().all(Outcome::is_accepted));
    snapshot.follow(&policy, &decision.changes);
    assert_eq!(snapshot.last_sequence(), 10);
    assert_eq!(snapshot.key(&key("k")), None, "keys come to an end by time too");
    assert!(matches!(snapshot.order(&id("deleted")), Some(Stored::Deleted(_))));
    assert_eq!(snapshot.order(&id("moved")).unwrap().live().unwrap().content.datetime, at(60));
    // Two places, two that came, one that went, one stretch, three orders.
    assert_eq!(snapshot.size(), 3 + 2 + 1);
    let free = |hours| {
        let mut snapshot = snapshot.clone();
        snapshot.add_order(id("probe"), Stored::Never);
        let decision = decide(&policy, &snapshot, &[create("probe", hours)], at(2)).unwrap();
        decision.outcomes.iter().all(Outcome::is_accepted)
    };
    assert!(free(3) && free(20), "what was left is free");
    assert!(!free(40) && !free(60), "what was taken is not");
}

/// Loads of any length give the same answer; that they are few is what the first look is for.
#[test]
fn a_search_through_a_long_run_takes_few_loads_and_asks_for_no_more_than_it_needs() {
    let policy = Policy::default();
    for (run, most_loads) in [(0, 2), (6, 2), (40, 3), (300, 4)] {
        let all: Vec<Occupant> =
            (0..=run).map(|number| occupant(&format!("o{number}"), 3 * number)).collect();
        let command = [create("new", 0)];
        // So that the new order is in another group than those that stand there.
        let mut snapshot = Snapshot::new(1_000);
        let mut needs = Needs::for_commands(&policy, &command);
        let (mut loads, mut loaded) = (0, 0);
        let decision = loop {
            loads += 1;
            for id in &needs.orders {
                snapshot.add_order(id.clone(), Stored::Never);
            }
            snapshot.add_service(ServiceId::new(1).unwrap(), true);
            for span in &needs.spans {
                let within =
                    all.iter().filter(|o| (span.from..=span.to).contains(&o.interval.start()));
                let found: Vec<Occupant> = match span.reach {
                    Reach::All => within.cloned().collect(),
                    Reach::First(most) => within.take(most).cloned().collect(),
                    Reach::Last(most) => {
                        let skip = within.clone().count().saturating_sub(most);
                        within.skip(skip).cloned().collect()
                    }
                };
                loaded += found.len();
                snapshot.add_occupants(span, found);
            }
            match decide(&policy, &snapshot, &command, at(0)) {
                Ok(decision) => break decision,
                Err(missing) => needs = missing,
            }
        };
        let Some(Outcome::One(Err(Refusal::Conflict(conflict)))) = decision.outcomes.first() else {
            unreachable!("it stands where another does")
        };
        assert_eq!(conflict.next, Some(at(3 * (run + 1))), "{run}");
        assert!(loads <= most_loads, "{run}: {loads} loads");
        assert!(loaded <= 10 * all.len() + 20, "{run}: {loaded} loaded");
    }
}

//! The spacing rule and the decisions around it, case by case.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use orders_core::*;

const WINDOW: i64 = 3 * 60 * 60 * 1000;

fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

fn after(at: Instant, millis: i64) -> Instant {
    Instant::from_millis(at.as_millis() + millis).unwrap()
}

fn noon() -> Instant {
    at("2022-11-01T12:00:00Z")
}

fn order_id(text: &str) -> OrderId {
    OrderId::parse(text).unwrap()
}

fn services(numbers: &[i64]) -> Services {
    Services::new(numbers.iter().map(|number| ServiceId::new(*number).unwrap()).collect()).unwrap()
}

fn content(datetime: Instant, numbers: &[i64]) -> OrderContent {
    OrderContent { datetime, total_fee: Fee::parse("100").unwrap(), services: services(numbers) }
}

fn create(id: &str, datetime: Instant, numbers: &[i64]) -> Operation {
    Operation::Create { id: NewId::Chosen(order_id(id)), content: content(datetime, numbers) }
}

fn move_to(id: &str, datetime: Instant) -> Operation {
    let patch = OrderPatch { datetime: Some(datetime), ..OrderPatch::default() };
    Operation::Update { id: order_id(id), if_match: None, patch }
}

fn delete(id: &str) -> Operation {
    Operation::Delete { id: order_id(id), if_match: None }
}

/// What a caller's request with the key `key` is known by.
fn retry(caller: &str, fingerprint: &str) -> Retry {
    let key = IdempotencyKey::parse("key").unwrap();
    Retry {
        key: OwnKey { caller: Actor::new(caller), key },
        fingerprint: Fingerprint::new(fingerprint),
    }
}

/// A book with services 1 to 3, and commands that are given one by one.
struct Desk {
    book: Book,
    now: Instant,
}

impl Desk {
    fn new(policy: Policy) -> Self {
        let mut book = Book::new(policy);
        for number in 1..=3 {
            book.add_service(ServiceId::new(number).unwrap());
        }
        Self { book, now: at("2022-10-01T00:00:00Z") }
    }

    fn global() -> Self {
        Self::new(Policy::default())
    }

    fn by_service() -> Self {
        Self::new(Policy { scope: Scope::Service, ..Policy::default() })
    }

    fn run(&mut self, operation: Operation) -> Verdict {
        self.book.run(&Actor::new("test"), operation, self.now)
    }

    fn batch(&mut self, mode: Mode, operations: Vec<Operation>) -> (bool, Vec<Verdict>) {
        let batch = Batch::new(mode, false, operations).unwrap();
        let command =
            Command { actor: Actor::new("test"), action: Action::Batch(batch), retry: None };
        match self.book.run_all(&[command], self.now).pop() {
            Some(Outcome::Batch { refused, results }) => (refused, results),
            other => panic!("{other:?}"),
        }
    }

    fn order(&self, id: &str) -> Order {
        self.book.orders().find(|order| order.id.as_str() == id).unwrap().clone()
    }
}

fn conflict(verdict: Verdict) -> OrderConflict {
    match verdict {
        Err(Refusal::Conflict(conflict)) => *conflict,
        other => panic!("not refused by the rule: {other:?}"),
    }
}

#[test]
fn exactly_one_window_apart_is_accepted_and_a_millisecond_less_refused_on_both_sides() {
    for (gap, accepted) in [
        (WINDOW, true),
        (WINDOW - 1, false),
        (1, false),
        (0, false),
        (-1, false),
        (1 - WINDOW, false),
        (-WINDOW, true),
    ] {
        let mut desk = Desk::global();
        desk.run(create("first", noon(), &[1])).unwrap();
        let verdict = desk.run(create("second", after(noon(), gap), &[2]));
        assert_eq!(verdict.is_ok(), accepted, "{gap} ms");
    }
}

#[test]
fn the_window_is_three_hours_and_nothing_near_it() {
    assert_eq!(Policy::default().window.as_millis(), 10_800_000);
}

#[test]
fn offsets_and_daylight_saving_do_not_move_the_rule() {
    // Berlin leaves daylight saving at 2022-10-30T03:00+02:00: four hours on the clock are five.
    let mut desk = Desk::global();
    desk.run(create("summer", at("2022-10-30T01:30:00+02:00"), &[1])).unwrap();
    assert!(desk.run(create("short", at("2022-10-30T03:29:59.999+01:00"), &[1])).is_err());
    assert!(desk.run(create("winter", at("2022-10-30T03:30:00+01:00"), &[1])).is_ok());
}

#[test]
fn a_refusal_names_the_nearest_first_and_the_nearest_free_times() {
    let mut desk = Desk::global();
    desk.run(create("early", after(noon(), -WINDOW), &[1, 2])).unwrap();
    desk.run(create("late", after(noon(), WINDOW), &[3])).unwrap();
    desk.run(create("later", after(noon(), 3 * WINDOW - 1), &[3])).unwrap();
    let refusal = conflict(desk.run(create("new", after(noon(), 60_000), &[1])));
    let found: Vec<_> = refusal.nearest.iter().map(|n| (n.order_id.as_str(), n.gap_ms)).collect();
    assert_eq!(found, [("late", WINDOW - 60_000)]);
    assert_eq!(refusal.count, 1);
    // Between "late" and "later" there is one millisecond too little.
    assert_eq!(refusal.previous, Some(noon()));
    assert_eq!(refusal.next, Some(after(noon(), 4 * WINDOW - 1)));
    assert_eq!(refusal.nearest[0].in_words(), "2 hours 59 minutes later");
}

#[test]
fn what_is_suggested_is_accepted() {
    let mut desk = Desk::global();
    for slot in 0..40 {
        desk.run(create(&format!("o{slot}"), after(noon(), slot * (WINDOW + slot)), &[1])).unwrap();
    }
    let refusal = conflict(desk.run(create("new", after(noon(), 20 * WINDOW), &[1])));
    for (id, free) in [("before", refusal.previous), ("after", refusal.next)] {
        assert!(desk.run(create(id, free.unwrap(), &[1])).is_ok());
    }
}

#[test]
fn a_search_for_a_free_time_ends_after_a_thousand_stretches() {
    for (stretches, next) in [(1_000, Some(after(noon(), 1_000 * WINDOW))), (1_001, None)] {
        let mut desk = Desk::global();
        for slot in 0..stretches {
            desk.run(create(&format!("o{slot}"), after(noon(), slot * WINDOW), &[1])).unwrap();
        }
        let refusal = conflict(desk.run(create("new", noon(), &[1])));
        assert_eq!((refusal.previous, refusal.next), (Some(after(noon(), -WINDOW)), next));
    }
}

#[test]
fn orders_that_hold_the_same_stretch_are_one_stretch() {
    let mut desk = Desk::global();
    let crowd = (0..1_500).map(|n| create(&format!("o{n}"), noon(), &[1])).collect();
    assert!(!desk.batch(Mode::Group, crowd).0);
    let refusal = conflict(desk.run(create("new", noon(), &[1])));
    assert_eq!(refusal.count, 1_500);
    assert_eq!(refusal.next, Some(after(noon(), WINDOW)));
}

#[test]
fn a_search_for_a_free_time_ends_after_366_days_and_where_time_ends() {
    let window = Period::MAX;
    let mut desk = Desk::new(Policy { window, ..Policy::default() });
    let first = at("2022-01-01T00:00:00Z");
    desk.run(create("first", first, &[1])).unwrap();
    desk.run(create("second", first.checked_add(window).unwrap(), &[1])).unwrap();
    let refusal = conflict(desk.run(create("new", first, &[1])));
    assert_eq!(refusal.previous, first.checked_sub(window), "366 days are within 366 days");
    assert_eq!(refusal.next, None, "732 days are not");
    let mut desk = Desk::global();
    for (id, end) in [("first", Instant::MIN), ("last", Instant::MAX)] {
        desk.run(create(id, end, &[1])).unwrap();
    }
    let refusal = conflict(desk.run(create("new", Instant::MIN, &[1])));
    assert_eq!((refusal.previous, refusal.next), (None, Some(after(Instant::MIN, WINDOW))));
    let refusal = conflict(desk.run(create("new", Instant::MAX, &[1])));
    assert_eq!((refusal.previous, refusal.next), (Some(after(Instant::MAX, -WINDOW)), None));
}

#[test]
fn an_order_does_not_conflict_with_itself() {
    let mut desk = Desk::global();
    desk.run(create("a", noon(), &[1])).unwrap();
    assert!(desk.run(move_to("a", after(noon(), 60_000))).is_ok());
    desk.run(create("b", after(noon(), 60_000 + WINDOW), &[1])).unwrap();
    let refusal = conflict(desk.run(move_to("a", after(noon(), 60_001))));
    assert_eq!(refusal.nearest[0].order_id, order_id("b"));
    assert_eq!(refusal.previous, Some(after(noon(), 60_000)), "its own time is free to it");
}

#[test]
fn deleting_frees_the_time_and_restoring_is_judged() {
    let mut desk = Desk::global();
    desk.run(create("a", noon(), &[1])).unwrap();
    desk.run(delete("a")).unwrap();
    desk.run(create("b", noon(), &[1])).unwrap();
    conflict(desk.run(Operation::Restore { id: order_id("a") }));
    desk.run(delete("b")).unwrap();
    desk.run(Operation::Restore { id: order_id("a") }).unwrap();
    assert_eq!(desk.order("a").version, 3, "created, deleted, restored");
    let again = desk.run(Operation::Restore { id: order_id("a") });
    assert_eq!(again, Err(Refusal::OrderExists(order_id("a"))));
    let never = desk.run(Operation::Restore { id: order_id("c") });
    assert_eq!(never, Err(Refusal::NotFound(order_id("c"))));
}

#[test]
fn the_id_of_a_deleted_order_is_used_again_and_its_version_goes_on() {
    let mut desk = Desk::global();
    desk.run(create("a", noon(), &[1])).unwrap();
    desk.run(delete("a")).unwrap();
    desk.run(create("a", noon(), &[1])).unwrap();
    assert_eq!(desk.order("a").version, 3);
}

#[test]
fn an_update_that_changes_nothing_writes_nothing() {
    let mut desk = Desk::global();
    desk.run(create("a", noon(), &[1])).unwrap();
    let same = OrderPatch::from(content(noon(), &[1]));
    let update = Operation::Update { id: order_id("a"), if_match: None, patch: same };
    assert_eq!(desk.run(update), Ok(Done::Unchanged(desk.order("a"))));
    assert_eq!(desk.book.events().len(), 1);
}

#[test]
fn a_group_is_exempt_within_and_blocks_all_others() {
    let mut desk = Desk::global();
    let members = ["a", "b", "c"].map(|id| create(id, noon(), &[1])).to_vec();
    assert!(!desk.batch(Mode::Group, members).0);
    assert_eq!(conflict(desk.run(create("d", noon(), &[1]))).count, 3);
    let rival = desk.batch(Mode::Group, vec![create("e", noon(), &[1])]);
    assert!(rival.0, "another group is not exempt");
    // A member that moves leaves the group, and may not come back.
    desk.run(move_to("a", after(noon(), WINDOW))).unwrap();
    assert_eq!(conflict(desk.run(move_to("a", noon()))).count, 2);
    // Deleting and restoring does not take a member out.
    desk.run(delete("b")).unwrap();
    desk.run(Operation::Restore { id: order_id("b") }).unwrap();
}

#[test]
fn an_update_of_the_fee_alone_is_never_refused_by_the_rule() {
    for mut desk in [Desk::global(), Desk::by_service()] {
        desk.batch(Mode::Group, vec![create("a", noon(), &[1]), create("b", noon(), &[1])]);
        let patch =
            OrderPatch { total_fee: Some(Fee::parse("7").unwrap()), ..OrderPatch::default() };
        desk.run(Operation::Update { id: order_id("a"), if_match: None, patch }).unwrap();
        assert_eq!(desk.order("a").group, desk.order("b").group);
    }
}

#[test]
fn in_scope_service_only_orders_that_share_a_service_conflict() {
    let mut desk = Desk::by_service();
    desk.run(create("a", noon(), &[1, 2])).unwrap();
    desk.run(create("b", noon(), &[3])).unwrap();
    let refusal = conflict(desk.run(create("c", after(noon(), 1), &[3, 2])));
    assert_eq!(refusal.count, 2);
    let shared: Vec<_> = refusal.nearest.iter().map(|n| n.services.clone()).collect();
    assert_eq!(shared, [services(&[2]).as_slice().to_vec(), services(&[3]).as_slice().to_vec()]);
    // The services of an order can move it into a conflict; their sequence cannot.
    let with = |numbers: &[i64]| Operation::Update {
        id: order_id("b"),
        if_match: None,
        patch: OrderPatch { services: Some(services(numbers)), ..OrderPatch::default() },
    };
    conflict(desk.run(with(&[3, 1])));
    conflict(desk.run(with(&[1])));
    let patch = OrderPatch { services: Some(services(&[2, 1])), ..OrderPatch::default() };
    desk.run(Operation::Update { id: order_id("a"), if_match: None, patch }).unwrap();
}

#[test]
fn a_free_time_in_scope_service_is_free_for_all_services_of_the_order() {
    let mut desk = Desk::by_service();
    desk.run(create("a", noon(), &[1])).unwrap();
    desk.run(create("b", after(noon(), WINDOW / 2), &[2])).unwrap();
    desk.run(create("c", after(noon(), 2 * WINDOW), &[1])).unwrap();
    let refusal = conflict(desk.run(create("d", noon(), &[1, 2])));
    assert_eq!(refusal.next, Some(after(noon(), 3 * WINDOW)));
}

#[test]
fn the_edit_lock_guards_young_orders_from_updates_only() {
    let edit_lock = Some(Period::parse("3h").unwrap());
    let mut desk = Desk::new(Policy { edit_lock, ..Policy::default() });
    desk.run(create("a", noon(), &[1])).unwrap();
    let editable_at = after(desk.now, WINDOW);
    desk.now = after(desk.now, WINDOW - 1);
    let refused = desk.run(move_to("a", after(noon(), 1)));
    assert_eq!(refused, Err(Refusal::EditLocked { editable_at, wait_ms: 1 }));
    desk.now = editable_at;
    desk.run(move_to("a", after(noon(), 1))).unwrap();
    desk.run(create("b", after(noon(), 2 * WINDOW), &[1])).unwrap();
    desk.run(delete("b")).unwrap();
}

#[test]
fn refusals_come_in_the_order_of_the_contract() {
    let edit_lock = Some(Period::parse("3h").unwrap());
    let mut desk = Desk::new(Policy { edit_lock, ..Policy::default() });
    desk.run(create("a", noon(), &[1])).unwrap();
    desk.run(create("b", after(noon(), WINDOW), &[1])).unwrap();
    let update = |id, version, numbers: &[i64]| Operation::Update {
        id: order_id(id),
        if_match: Some(Versions::Among(vec![version])),
        patch: OrderPatch::from(content(noon(), numbers)),
    };
    assert!(matches!(desk.run(update("x", 9, &[9])), Err(Refusal::NotFound(_))));
    let mismatch = Err(Refusal::VersionMismatch { current: 1 });
    assert_eq!(desk.run(update("b", 9, &[9])), mismatch);
    let unknown = vec![(1, ServiceId::new(9).unwrap())];
    assert_eq!(desk.run(update("b", 1, &[1, 9])), Err(Refusal::UnknownServices(unknown)));
    assert!(matches!(desk.run(update("b", 1, &[1])), Err(Refusal::EditLocked { .. })));
    desk.now = after(desk.now, WINDOW);
    conflict(desk.run(update("b", 1, &[1])));
    assert!(matches!(desk.run(create("a", noon(), &[9])), Err(Refusal::UnknownServices(_))));
    assert!(matches!(desk.run(create("a", noon(), &[1])), Err(Refusal::OrderExists(_))));
}

#[test]
fn an_atomic_batch_is_judged_on_its_end_state() {
    let mut desk = Desk::global();
    for (id, slot) in [("a", 0), ("b", 1), ("c", 2)] {
        desk.run(create(id, after(noon(), slot * WINDOW), &[1])).unwrap();
    }
    let swap = vec![move_to("a", after(noon(), WINDOW)), move_to("b", noon())];
    assert!(!desk.batch(Mode::Atomic, swap).0, "two orders may swap their times");
    assert_eq!(desk.order("a").content.datetime, after(noon(), WINDOW));
    let half_hour = 30 * 60_000;
    let shift = |desk: &Desk| {
        let orders: Vec<_> = desk.book.orders().cloned().collect();
        let later = |o: &Order| move_to(o.id.as_str(), after(o.content.datetime, half_hour));
        orders.iter().map(later).collect::<Vec<_>>()
    };
    let moves = shift(&desk);
    assert!(!desk.batch(Mode::Atomic, moves).0, "a whole day may shift");
    let swap = vec![delete("a"), create("d", desk.order("a").content.datetime, &[1])];
    assert!(!desk.batch(Mode::Atomic, swap).0, "one order may take another's place");
}

#[test]
fn an_atomic_batch_that_fails_changes_nothing_and_blames_the_later_of_two() {
    let mut desk = Desk::global();
    desk.run(create("a", noon(), &[1])).unwrap();
    let before = desk.book.events().len();
    let (refused, results) = desk.batch(
        Mode::Atomic,
        vec![
            create("b", after(noon(), 10 * WINDOW), &[1]),
            create("c", after(noon(), 10 * WINDOW + 2), &[1]),
            move_to("a", after(noon(), 20 * WINDOW)),
            delete("x"),
            create("d", noon(), &[1]),
        ],
    );
    assert!(refused);
    assert_eq!(results[0], Err(Refusal::NotAttempted));
    let named = conflict(results[1].clone());
    assert_eq!((named.nearest[0].order_id.as_str(), named.count), ("b", 1));
    assert_eq!(results[2], Err(Refusal::NotAttempted));
    assert_eq!(results[3], Err(Refusal::NotFound(order_id("x"))));
    assert_eq!(results[4], Err(Refusal::NotAttempted), "a has left its place");
    assert_eq!(desk.book.events().len(), before);
}

#[test]
fn what_is_refused_stands_in_nobodys_way() {
    let chain =
        || (0..3).map(|n| create(&format!("o{n}"), after(noon(), n * 2 * WINDOW / 3), &[1]));
    let mut desk = Desk::global();
    let (_, results) = desk.batch(Mode::Each, chain().collect());
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    let mut desk = Desk::global();
    let (refused, results) = desk.batch(Mode::Atomic, chain().collect());
    assert!(refused);
    assert_eq!(results[2], Err(Refusal::NotAttempted), "its only rival was itself refused");
}

#[test]
fn a_batch_that_is_none_is_refused() {
    let one = || create("a", noon(), &[1]);
    assert_eq!(Batch::new(Mode::Each, false, vec![]), Err(BatchError::Number));
    let many = vec![delete("a"); Batch::MAX + 1];
    assert_eq!(Batch::new(Mode::Each, false, many), Err(BatchError::Number));
    let twice = || vec![one(), delete("a")];
    assert_eq!(Batch::new(Mode::Atomic, false, twice()), Err(BatchError::Repeated(1)));
    assert!(Batch::new(Mode::Each, false, twice()).is_ok());
    assert_eq!(Batch::new(Mode::Group, false, twice()), Err(BatchError::NotCreate(1)));
}

#[test]
fn a_decision_is_never_made_on_what_was_not_loaded() {
    let policy = Policy::default();
    let actor = Actor::new("test");
    let commands = [Command { actor, action: Action::One(create("a", noon(), &[1])), retry: None }];
    let needs = decide(&policy, &Snapshot::new(0), &commands, noon()).unwrap_err();
    assert!(!needs.is_empty());
    // Loaded for another time: still unknown.
    let mut snapshot = Snapshot::new(0);
    snapshot.add_order(order_id("a"), Stored::Never);
    snapshot.add_service(ServiceId::new(1).unwrap(), true);
    let (from, to) = (after(noon(), WINDOW), after(noon(), 9 * WINDOW));
    let span = Span { calendar: CalendarId::Global, from, to, reach: Reach::All };
    snapshot.add_occupants(&span, vec![]);
    let needs = decide(&policy, &snapshot, &commands, noon()).unwrap_err();
    assert_eq!((needs.orders.len(), needs.services.len(), needs.spans.len()), (0, 0, 1));
    // An idempotency key stands before all else: nobody knows yet whether there is anything to do.
    let [command] = commands;
    let commands = [Command { retry: Some(retry("me", "create a")), ..command }];
    let needs = decide(&policy, &snapshot, &commands, noon()).unwrap_err();
    assert_eq!((needs.keys.len(), needs.spans.len()), (1, 0));
}

#[test]
fn a_key_stands_for_the_first_command_that_was_accepted_under_it_until_a_day_is_over() {
    let mut desk = Desk::global();
    let keyed = |caller: &str, fingerprint: &str, operation: Operation| Command {
        actor: Actor::new(caller),
        action: Action::One(operation),
        retry: Some(retry(caller, fingerprint)),
    };
    let run =
        |desk: &mut Desk, command: Command| desk.book.run_all(&[command], desk.now).pop().unwrap();
    let unknown = keyed("me", "delete b", delete("b"));
    assert!(matches!(run(&mut desk, unknown), Outcome::One(Err(Refusal::NotFound(_)))));
    let first = || keyed("me", "create a", create("a", noon(), &[1]));
    assert!(run(&mut desk, first()).is_accepted(), "a refusal does not use the key up");
    assert_eq!(run(&mut desk, first()), Outcome::Repeated);
    let other = || keyed("me", "delete a", delete("a"));
    assert_eq!(run(&mut desk, other()), Outcome::KeyReused);
    let stranger = keyed("you", "create a", create("a", noon(), &[1]));
    let refused = run(&mut desk, stranger);
    assert!(matches!(refused, Outcome::One(Err(Refusal::OrderExists(_)))), "callers do not meet");
    desk.now = after(desk.now, Retry::KEPT_FOR.as_millis() - 1);
    assert_eq!(run(&mut desk, other()), Outcome::KeyReused);
    desk.now = after(desk.now, 1);
    assert!(run(&mut desk, other()).is_accepted());
}

#[test]
fn of_commands_with_one_key_that_are_judged_together_the_first_is_done() {
    let mut desk = Desk::global();
    let command = |id: &str| Command {
        actor: Actor::new("me"),
        action: Action::One(create(id, noon(), &[1])),
        retry: Some(retry("me", "create")),
    };
    let outcomes = desk.book.run_all(&["a", "b", "c"].map(command), desk.now);
    assert!(outcomes[0].is_accepted());
    assert_eq!(outcomes[1..], [Outcome::Repeated, Outcome::Repeated]);
    assert_eq!(desk.book.orders().count(), 1);
}

#[test]
fn a_dry_run_neither_keeps_nor_gives_an_answer() {
    let mut desk = Desk::global();
    let command = |dry_run| Command {
        actor: Actor::new("me"),
        action: Action::Batch(
            Batch::new(Mode::Each, dry_run, vec![create("a", noon(), &[1])]).unwrap(),
        ),
        retry: Some(retry("me", "batch")),
    };
    let outcomes = desk.book.run_all(&[command(true), command(false), command(true)], desk.now);
    assert!(outcomes[0].is_accepted() && outcomes[1].is_accepted());
    let Outcome::Batch { results, .. } = &outcomes[2] else { panic!("{outcomes:?}") };
    assert_eq!(results[0], Err(Refusal::OrderExists(order_id("a"))));
}

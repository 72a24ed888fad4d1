//! What becomes of an order by the commands that are given to it.

use orders_core::decide::{OrderPatch, Reach, Span, Stored};
use orders_core::policy::CalendarId;
use orders_core::{
    Action, Actor, Command, Done, Operation, Period, Policy, Refusal, ServiceId, Snapshot, decide,
};

use crate::desk::*;

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

//! Leases, and the log that is cut.

use std::sync::mpsc;
use std::time::Instant as Moment;

use orders_core::{WebhookChange, WebhookCommand, WebhookContent};

use super::*;
use crate::{Answered, DatabaseUrl, Store, StoreOptions, migrate};

fn change(store: &Store, command: WebhookCommand) -> WebhookChange {
    let (sender, receiver) = mpsc::channel();
    let deadline = Moment::now() + Duration::from_secs(5);
    let reply = Box::new(move |answer| sender.send(answer).unwrap());
    store.change(command, None, deadline, reply);
    let answered = receiver.recv().unwrap().unwrap();
    let Answered::Now(verdict) = answered else { panic!("{answered:?}") };
    verdict.unwrap()
}

fn progress(id: &WebhookId, generation: u64, position: u64) -> Progress {
    let attempt = Attempt {
        sequence: position,
        kind: EventKind::Created,
        status: DeliveryStatus::Succeeded,
        http_status: Some(200),
        error: None,
        duration: Duration::from_millis(3),
    };
    let (id, attempt) = (id.clone(), Some(attempt));
    Progress { id, generation, position, attempt, held: None, gone: false, release: false }
}

/// A store with an event that nobody has read, and a webhook that is to be told of it.
fn store_with_a_webhook(folder: &tempfile::TempDir) -> (Store, WebhookId) {
    let url: DatabaseUrl = DatabaseUrl::Sqlite(folder.path().join("orders.db"));
    migrate(&url).unwrap();
    let store = Store::open(&url, StoreOptions::default()).unwrap();
    let content = WebhookContent {
        url: "https://example.com".to_owned(),
        events: EventPatterns::default(),
        description: None,
    };
    let (id, secret) = (WebhookId::from_random([1; 8]), SigningSecret::new(vec![7; 32]));
    let create = WebhookCommand::Create { id: id.clone(), content, secret: secret.unwrap() };
    change(&store, create);
    let courier = store.courier("nobody".to_owned(), Duration::ZERO);
    let mut connection = courier.manager.open().unwrap();
    connection.batch_execute("UPDATE counters SET last_sequence = 100000").unwrap();
    (store, id)
}

#[test]
fn one_claims_at_a_time_until_the_lease_is_over_and_a_change_ends_what_was_claimed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, id) = store_with_a_webhook(&folder);
    let lease = Duration::from_millis(300);
    let courier = |name: &str| store.courier(name.to_owned(), lease);
    let (mut one, mut other) = (courier("one"), courier("other"));
    let claims = one.claim(10, 10).unwrap();
    assert_eq!((claims.len(), claims[0].attempts, claims[0].secrets.len()), (1, 0, 1));
    assert!(other.claim(10, 10).unwrap().is_empty() && one.claim(10, 10).unwrap().is_empty());
    assert_eq!(one.record(&[progress(&id, 1, 1)]).unwrap(), [true]);
    assert_eq!(other.record(&[progress(&id, 1, 9)]).unwrap(), [false], "it has no claim");
    std::thread::sleep(lease);
    let taken = other.claim(10, 10).unwrap();
    assert_eq!((taken.len(), taken[0].position), (1, 1));
    assert_eq!(one.record(&[progress(&id, 1, 2)]).unwrap(), [false], "it was taken over");
    change(&store, WebhookCommand::Replay { id: id.clone(), after: 50 });
    assert_eq!(other.record(&[progress(&id, 1, 2)]).unwrap(), [false], "it was changed");
    let again = one.claim(10, 10).unwrap();
    assert_eq!((again[0].position, again[0].generation), (50, 2));
    change(&store, WebhookCommand::Delete(id.clone()));
    assert_eq!(one.record(&[progress(&id, 2, 51)]).unwrap(), [false], "it is gone");
    assert!(other.claim(10, 10).unwrap().is_empty());
}

#[test]
fn the_log_is_cut_and_goes_with_its_webhook() {
    let folder = tempfile::tempdir().unwrap();
    let (store, id) = store_with_a_webhook(&folder);
    let mut courier = store.courier("one".to_owned(), Duration::from_mins(1));
    assert_eq!(courier.claim(10, 10).unwrap().len(), 1);
    let all: Vec<Progress> = (1..=11_200).map(|place| progress(&id, 1, place)).collect();
    assert!(courier.record(&all).unwrap().into_iter().all(|good| good));
    let mut slices = 0;
    while courier.purge().unwrap() {
        slices += 1;
    }
    let count = || {
        let left = store.list_deliveries(&id, None, None, 20_000).unwrap();
        (left.len(), left.last().map(|oldest| oldest.sequence))
    };
    assert_eq!((slices, count()), (2, (10_000, Some(1_201))));
    change(&store, WebhookCommand::Delete(id.clone()));
    while courier.purge().unwrap() {}
    assert_eq!(count(), (0, None));
}

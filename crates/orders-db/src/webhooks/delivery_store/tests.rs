//! Leases, and the trimmed log.

use std::sync::mpsc;
use std::time::Instant as Moment;

use orders_core::webhook::{WebhookChange, WebhookCommand, WebhookContent};

use super::*;
use crate::{Answered, Author, DatabaseUrl, Store, StoreOptions, migrate};

fn change(store: &Store, command: WebhookCommand) -> WebhookChange {
    let (sender, receiver) = mpsc::channel();
    let deadline = Moment::now() + Duration::from_secs(5);
    let reply = Box::new(move |answer| sender.send(answer).unwrap());
    store.change(Author::command("test"), command, None, deadline, reply);
    let answered = receiver.recv().unwrap().unwrap();
    let Answered::Now(result) = answered else { panic!("{answered:?}") };
    result.unwrap()
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

/// A store with undelivered events and a webhook.
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
    let deliveries = store.delivery_store("nobody".to_owned(), Duration::ZERO);
    let mut connection = deliveries.manager.open().unwrap();
    connection.batch_execute("UPDATE counters SET last_sequence = 100000").unwrap();
    (store, id)
}

#[test]
fn one_process_at_a_time_has_the_lease_and_a_change_of_the_webhook_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let (store, id) = store_with_a_webhook(&folder);
    let lease = Duration::from_millis(300);
    let open = |name: &str| store.delivery_store(name.to_owned(), lease);
    let (mut one, mut other) = (open("one"), open("other"));
    let leases = one.acquire(10, 10).unwrap();
    assert_eq!((leases.len(), leases[0].attempts, leases[0].secrets.len()), (1, 0, 1));
    assert!(other.acquire(10, 10).unwrap().is_empty() && one.acquire(10, 10).unwrap().is_empty());
    assert_eq!(one.record(&[progress(&id, 1, 1)]).unwrap(), [true]);
    assert_eq!(other.record(&[progress(&id, 1, 9)]).unwrap(), [false], "it has no lease");
    std::thread::sleep(lease);
    let taken = other.acquire(10, 10).unwrap();
    assert_eq!((taken.len(), taken[0].position), (1, 1));
    assert_eq!(one.record(&[progress(&id, 1, 2)]).unwrap(), [false], "it was taken over");
    change(&store, WebhookCommand::Replay { id: id.clone(), after: 50 });
    assert_eq!(other.record(&[progress(&id, 1, 2)]).unwrap(), [false], "it was changed");
    let again = one.acquire(10, 10).unwrap();
    assert_eq!((again[0].position, again[0].generation), (50, 2));
    change(&store, WebhookCommand::Delete(id.clone()));
    assert_eq!(one.record(&[progress(&id, 2, 51)]).unwrap(), [false], "it is gone");
    assert!(other.acquire(10, 10).unwrap().is_empty());
}

#[test]
fn the_log_is_trimmed_and_deleted_with_its_webhook() {
    let folder = tempfile::tempdir().unwrap();
    let (store, id) = store_with_a_webhook(&folder);
    let mut deliveries = store.delivery_store("one".to_owned(), Duration::from_mins(1));
    assert_eq!(deliveries.acquire(10, 10).unwrap().len(), 1);
    let all: Vec<Progress> = (1..=11_200).map(|place| progress(&id, 1, place)).collect();
    assert!(deliveries.record(&all).unwrap().into_iter().all(|is_valid| is_valid));
    let mut chunks = 0;
    while deliveries.purge().unwrap() {
        chunks += 1;
    }
    let count = || {
        let left = store.reads.list_deliveries(&id, None, None, 20_000).unwrap();
        (left.len(), left.last().map(|oldest| oldest.sequence))
    };
    assert_eq!((chunks, count()), (2, (10_000, Some(1_201))));
    change(&store, WebhookCommand::Delete(id.clone()));
    while deliveries.purge().unwrap() {}
    assert_eq!(count(), (0, None));
}

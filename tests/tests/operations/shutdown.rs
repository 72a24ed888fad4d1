//! Shutdown: the program drains, responds to all accepted requests, and loses nothing.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::{Arc, mpsc};
use std::thread::sleep;
use std::time::{Duration, Instant};

use orders_core::{
    Action, Actor, Command, Fee, NewId, Operation, OrderContent, OrderId, ServiceId, Services,
    Timestamp,
};
use orders_db::{DatabaseUrl, Store, StoreOptions};
use orders_tests::{Database, Raw, Scratch, Server, Setup, order};
use rstest_reuse::apply;

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

/// The ids of all orders, as another process finds them.
fn stored(scratch: &Scratch) -> Vec<String> {
    let orders = Server::start(scratch).all("/orders");
    orders.iter().filter_map(|order| order["id"].as_str()).map(ToOwned::to_owned).collect()
}

#[apply(both_databases)]
fn a_terminated_server_ends_with_0(database: Database) {
    let mut server = Server::fresh(database);
    server.post("/orders", &order("a", NOON)).assert_status(201);
    server.terminate();
    assert_eq!(server.wait(), Some(0), "{}", server.log());
    assert_eq!(stored(server.scratch()), ["a"]);
}

#[apply(both_databases)]
fn a_draining_server_says_so_and_serves_on_until_a_second_signal(database: Database) {
    let scratch = database.fresh();
    let setup = Setup {
        arguments: &["--sample-data", "--drain-delay", "1h"],
        drains: true,
        ..Setup::default()
    };
    let mut server = Server::start_as(&scratch, &setup);
    server.get("/readyz").assert_status(200);
    server.terminate();
    // The signal takes a moment to arrive; the delay is long enough for any machine.
    while server.get("/readyz").status == 200 {
        sleep(Duration::from_millis(5));
    }
    assert_eq!(server.get("/readyz").status, 503);
    server.get("/healthz").assert_status(200);
    server.post("/orders", &order("late", NOON)).assert_status(201);
    server.another().get("/orders/223").assert_status(200);
    // It does not wait for a client that is still sending.
    let head = format!(
        "POST /orders HTTP/1.1\r\nHost: {}\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
        server.address()
    );
    let _sending = Raw::connect(server.address()).send(head).read_past("\r\n\r\n");
    server.terminate();
    assert_eq!(server.wait(), Some(1), "{}", server.log());
    assert_eq!(stored(&scratch).len(), 4);
}

#[apply(both_databases)]
fn a_draining_server_ends_when_the_delay_is_over(database: Database) {
    let scratch = database.fresh();
    let setup = Setup { arguments: &["--drain-delay", "700ms"], drains: true, ..Setup::default() };
    let mut server = Server::start_as(&scratch, &setup);
    server.terminate();
    assert_eq!(server.wait(), Some(0), "{}", server.log());
}

#[apply(both_databases)]
fn a_request_that_was_accepted_is_answered_after_the_signal(database: Database) {
    let mut server = Server::fresh(database);
    let body = order("in-flight", NOON).to_string();
    let (begun, rest) = body.split_at(10);
    let head = format!(
        "POST /orders HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\nConnection: close\r\n\
         Expect: 100-continue\r\n\r\n",
        server.address(),
        body.len()
    );
    // That it asks for the body shows that it has read the head.
    let connection = Raw::connect(server.address()).send(head).read_past("\r\n\r\n").send(begun);
    server.terminate();
    while std::net::TcpStream::connect(server.address()).is_ok() {
        sleep(Duration::from_millis(5));
    }
    connection.send(rest).answer().assert_status(201);
    assert_eq!(server.wait(), Some(0), "{}", server.log());
    assert_eq!(stored(server.scratch()).len(), 1);
}

/// A create of an order at noon.
fn create(id: &str) -> Command {
    let content = OrderContent {
        datetime: Timestamp::from_millis(NOON).unwrap(),
        total_fee: Fee::parse("1").unwrap(),
        services: Services::new(vec![ServiceId::new(1).unwrap()]).unwrap(),
    };
    let id = NewId::Chosen(OrderId::parse(id).unwrap());
    let action = Action::One(Operation::Create { id, content });
    Command { actor: Actor::new("test"), action, retry: None }
}

/// The worker threads of a server share its store, and may outlive it.
#[apply(both_databases)]
fn a_closed_store_has_stored_its_counters_although_it_is_still_shared(database: Database) {
    let scratch = database.fresh();
    let url = DatabaseUrl::parse(&scratch.url()).unwrap();
    orders_db::migrate(&url).unwrap();
    scratch.sql().run("INSERT INTO services VALUES (1, 'a', 'a')").unwrap();
    let store = Arc::new(Store::open(&url, StoreOptions::default()).unwrap());
    let shared = Arc::clone(&store);
    let change = |command| {
        let (sender, outcome) = mpsc::channel();
        let reply = Box::new(move |outcome| sender.send(outcome).unwrap());
        let deadline = Instant::now() + Duration::from_mins(1);
        store.change_orders(command, Arc::new(|_| None), deadline, reply);
        outcome
    };
    // One is created, the others are conflicts. They are still in the queue when the store closes.
    let outcomes: Vec<_> = ["a", "b", "c", "d"].map(create).into_iter().map(change).collect();
    store.close();
    assert!(outcomes.iter().all(|outcome| outcome.recv().unwrap().is_ok()));
    let stored = scratch.sql().number("SELECT CAST(SUM(number) AS BIGINT) AS number FROM refusals");
    assert_eq!(stored, 3);
    drop(shared);
}

//! Every acknowledged write survives `kill -9`, and no two orders overlap afterwards.
#![expect(clippy::indexing_slicing, clippy::panic, reason = "a test may fail")]
#![expect(
    clippy::as_conversions,
    clippy::cast_possible_wrap,
    reason = "clients and rounds are few"
)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{scope, yield_now};

use orders_tests::{Client, Database, HOUR, Server, assert_spaced, at, millis_of, order};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;
const WINDOW: i64 = 3 * HOUR;
const CLIENTS: usize = 6;
const KILLS: usize = 20;

/// What a client knows about its orders: the last state that was acknowledged (`None`: deleted),
/// and the requested state when the connection broke.
#[derive(Default)]
struct Ledger {
    acknowledged: BTreeMap<String, Option<Value>>,
    /// The last request, without a response: it may or may not have been done.
    open: Option<(String, Option<Value>)>,
}

fn without_times(order: &Value) -> Value {
    json!({"datetime": order["datetime"], "totalfee": order["totalfee"]})
}

/// Creates, replaces and deletes until the server is gone.
fn write_until_it_dies(client: &Client, round: usize, number: usize, done: &AtomicUsize) -> Ledger {
    let mut ledger = Ledger::default();
    for step in 0.. {
        let id = format!("r{round}c{number}n{}", step / 4);
        // Some places are this client's own, some are contended.
        let own = (round * CLIENTS + number) as i64 * 10_000 + step / 4;
        let place = if step / 4 % 3 == 0 { round as i64 * 60_000 + step / 4 } else { own };
        let mut body = order(&id, NOON - place * WINDOW + step % 4);
        body["totalfee"] = json!(step);
        let (request, asked) = match step % 4 {
            0 => (client.request("POST", "/orders").json(&body), Some(body.clone())),
            1 | 2 => {
                (client.request("PUT", format!("/orders/{id}")).json(&body), Some(body.clone()))
            }
            // Every other order is left standing.
            _ if step / 4 % 2 == 0 => continue,
            _ => (client.request("DELETE", format!("/orders/{id}")), None),
        };
        let Ok(answer) = request.try_send() else {
            ledger.open = Some((id, asked));
            return ledger;
        };
        match answer.status {
            201 | 200 => drop(ledger.acknowledged.insert(id, Some(answer.json()))),
            204 => drop(ledger.acknowledged.insert(id, None)),
            404 | 409 => {}
            _ => panic!("{answer}"),
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
    ledger
}

#[apply(both_databases)]
fn every_acknowledged_write_survives_a_kill(database: Database) {
    let mut server = Server::fresh(database);
    let mut expected: BTreeMap<String, Value> = BTreeMap::new();
    for round in 0..KILLS {
        let done = AtomicUsize::new(0);
        let clients: Vec<Client> = (0..CLIENTS).map(|_| server.another()).collect();
        let ledgers: Vec<Ledger> = scope(|threads| {
            let run = |(number, client)| {
                let done = &done;
                threads.spawn(move || write_until_it_dies(client, round, number, done))
            };
            let running: Vec<_> = clients.iter().enumerate().map(run).collect();
            // In the midst of the load, at another point each time.
            while done.load(Ordering::Relaxed) < 40 + 17 * round {
                assert!(
                    !running.iter().all(std::thread::ScopedJoinHandle::is_finished),
                    "nobody writes"
                );
                yield_now();
            }
            server.kill9();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        server = Server::start(server.scratch());
        let found: BTreeMap<String, Value> = server
            .all("/orders")
            .into_iter()
            .map(|order| (order["id"].as_str().unwrap_or_default().to_owned(), order))
            .collect();
        for ledger in ledgers {
            for (id, state) in ledger.acknowledged {
                match state {
                    Some(order) => drop(expected.insert(id, order)),
                    None => drop(expected.remove(&id)),
                }
            }
            if let Some((id, asked)) = ledger.open {
                // Whether it happened or not, it happened wholly.
                match (found.get(&id), asked) {
                    (Some(order), Some(asked)) if without_times(order) == without_times(&asked) => {
                        expected.insert(id, order.clone());
                    }
                    (None, None) => drop(expected.remove(&id)),
                    _ => {}
                }
            }
        }
        assert_eq!(found, expected, "after kill {round}");
        for (id, order) in &expected {
            if id.starts_with(&format!("r{round}")) {
                assert_eq!(&server.get(format!("/orders/{id}")).json(), order);
            }
        }
        let instant = |order: &Value| order["datetime"].as_str().map(millis_of).unwrap_or_default();
        assert_spaced(found.values().map(instant).collect(), WINDOW);
    }
    // Slots and orders still agree: where an order is nothing fits, and beside it all is free.
    let last = NOON + 1_000 * WINDOW;
    server.post("/orders", &order("last", last)).assert_status(201);
    for order in expected.values().take(50) {
        let mut same = order.clone();
        same["id"] = json!("clash");
        server.post("/orders", &same).problem(409, "order-conflict");
        server
            .delete(format!("/orders/{}", order["id"].as_str().unwrap_or_default()))
            .assert_status(204);
        server.post("/orders", &same).assert_status(201);
        server.delete("/orders/clash").assert_status(204);
    }
    server.scratch().assert_calm();
}

#[apply(both_databases)]
fn one_process_that_dies_does_not_stop_the_others(database: Database) {
    let server = Server::fresh(database);
    for round in 0..10 {
        let mut victim = Server::start(server.scratch());
        let done = AtomicUsize::new(0);
        let clients: Vec<Client> = (0..4).map(|_| victim.another()).collect();
        scope(|threads| {
            for (number, client) in clients.iter().enumerate() {
                let done = &done;
                threads.spawn(move || write_until_it_dies(client, round, number, done));
            }
            while done.load(Ordering::Relaxed) < 30 {
                yield_now();
            }
            victim.kill9();
        });
        // Its locks are released.
        let millis = NOON + (10 + round as i64) * 24 * HOUR;
        server.post("/orders", &order(&format!("survivor{round}"), millis)).assert_status(201);
        let list = server.all(&format!("/orders?from={}", at(millis)));
        assert_eq!(list.len(), 1);
    }
    let instants = server.all("/orders");
    let instant = |order: &Value| order["datetime"].as_str().map(millis_of).unwrap_or_default();
    assert_spaced(instants.iter().map(instant).collect(), WINDOW);
    server.scratch().assert_calm();
}

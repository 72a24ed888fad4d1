//! Filters and sort orders of the list of orders, compared with a naive model.
#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may fail")]

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::scope;

use orders_tests::{Bulk, BulkOrder, Client, Database, HOUR, Server, at, order};
use rstest_reuse::apply;
use serde_json::Value;

use crate::both_databases;

/// The sorts of the contract.
const SORTS: [&str; 4] = ["datetime", "-datetime", "created_at", "-created_at"];

/// Whether a filter keeps an order.
type Keep = Box<dyn Fn(&BulkOrder) -> bool>;

fn with(database: Database, bulk: Bulk) -> Server {
    let server = Server::start(&database.fresh());
    bulk.store(&mut server.scratch().sql());
    server
}

/// The ids of a list, page by page.
fn pages(client: &Client, query: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(format!("/orders?{query}{cursor}")).assert_status(200).json();
        let data = page["data"].as_array().unwrap();
        pages.push(data.iter().map(|order| order["id"].as_str().unwrap().to_owned()).collect());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
    }
}

/// The expected list, by the contract.
fn model(mut orders: Vec<BulkOrder>, sort: &str, keep: impl Fn(&BulkOrder) -> bool) -> Vec<String> {
    orders.retain(keep);
    let by_datetime = sort.ends_with("datetime");
    let time = |order: &BulkOrder| if by_datetime { order.datetime } else { order.created_at };
    orders.sort_by_key(|order| (time(order), order.id.clone()));
    if sort.starts_with('-') {
        orders.reverse();
    }
    orders.into_iter().map(|order| order.id).collect()
}

#[apply(both_databases)]
fn every_filter_and_sort_answers_what_a_naive_model_does(database: Database) {
    let bulk = Bulk { number: 120, at_once: 4 };
    let server = with(database, bulk);
    let (time, made) = (Bulk::FIRST + 10 * 3 * HOUR, Bulk::MADE + 100);
    let (later, made_later) = (time + 9 * HOUR, made + 70);
    let filters: Vec<(String, Keep)> = vec![
        (String::new(), Box::new(|_| true)),
        (format!("from={}", at(time)), Box::new(move |o| o.datetime >= time)),
        (format!("from={}", at(time + 1)), Box::new(move |o| o.datetime > time)),
        (format!("to={}", at(time)), Box::new(move |o| o.datetime < time)),
        (
            format!("from={}&to={}", at(time), at(later)),
            Box::new(move |o| (time..later).contains(&o.datetime)),
        ),
        (format!("from={0}&to={0}", at(time)), Box::new(|_| false)),
        (format!("created_from={}", at(made)), Box::new(move |o| o.created_at >= made)),
        (format!("created_to={}", at(made)), Box::new(move |o| o.created_at < made)),
        (
            format!("created_from={}&created_to={}", at(made), at(made_later)),
            Box::new(move |o| (made..made_later).contains(&o.created_at)),
        ),
        (
            format!("from={}&created_to={}", at(time), at(made)),
            Box::new(move |o| o.datetime >= time && o.created_at < made),
        ),
        ("min_fee=500".to_owned(), Box::new(|o| o.fee >= 50_000)),
        ("max_fee=79.19".to_owned(), Box::new(|o| o.fee <= 7_919)),
        ("min_fee=79.19&max_fee=7919e-2".to_owned(), Box::new(|o| o.fee == 7_919)),
        ("min_fee=1e9".to_owned(), Box::new(|_| false)),
        ("service=3".to_owned(), Box::new(|o| o.services.contains(&3))),
        (
            "service=3&service=1&service=10".to_owned(),
            Box::new(|o| [1, 3, 10].iter().any(|id| o.services.contains(id))),
        ),
        (
            format!("service=3&service=2&service=10&min_fee=300&to={}", at(later)),
            Box::new(move |o| {
                [2, 3, 10].iter().any(|id| o.services.contains(id))
                    && o.fee >= 30_000
                    && o.datetime < later
            }),
        ),
        (
            format!("service=5&created_from={}&max_fee=600", at(made)),
            Box::new(move |o| o.services.contains(&5) && o.created_at >= made && o.fee <= 60_000),
        ),
        ("service=11".to_owned(), Box::new(|_| false)),
    ];
    for (filter, keep) in &filters {
        for sort in SORTS {
            let expected = model(bulk.all(), sort, keep);
            for limit in [1_000, 7] {
                let query = format!("limit={limit}&sort={sort}&{filter}");
                let pages = pages(&server, &query);
                assert_eq!(pages.concat(), expected, "{query}");
                assert!(pages.iter().rev().skip(1).all(|page| page.len() == limit), "{query}");
            }
        }
    }
    let default = pages(&server, "limit=1000");
    assert_eq!(default, pages(&server, "limit=1000&sort=datetime"));
}

#[apply(both_databases)]
fn orders_of_one_time_are_paged_by_their_id_in_the_direction_of_the_sort(database: Database) {
    let server = with(database, Bulk { number: 1, at_once: 1 });
    let mut sql = server.scratch().sql();
    sql.run("DELETE FROM order_services; DELETE FROM orders").unwrap();
    let mut ids = ["B", "a", "0123", "123", "_", "~", "-", ".x", "Z", "b"].map(str::to_owned);
    for id in &ids {
        let row = format!("'{id}', 5, 100, '[1]', 1, 1, 5, 5");
        sql.run(&format!("INSERT INTO orders VALUES ({row})")).unwrap();
    }
    ids.sort();
    for (sort, reverse) in SORTS.into_iter().zip([false, true, false, true]) {
        if reverse != (ids[0] > ids[1]) {
            ids.reverse();
        }
        for limit in [1, 3, 10] {
            assert_eq!(pages(&server, &format!("limit={limit}&sort={sort}")).concat(), ids);
        }
    }
}

#[apply(both_databases)]
fn what_is_rare_is_found_by_pages_that_each_look_at_few(database: Database) {
    let bulk = Bulk { number: 35_000, at_once: 3 };
    let server = with(database, bulk);
    let late = bulk.nth(34_990).datetime;
    for sort in SORTS {
        // No index supports this: each page examines some orders, and returns where it stopped.
        let found = pages(&server, &format!("sort={sort}&min_fee=999.9"));
        assert_eq!(found.concat(), model(bulk.all(), sort, |o| o.fee >= 99_990), "{sort}");
        assert!((2..=5).contains(&found.len()), "{} pages by {sort}", found.len());
        let found = pages(&server, &format!("sort={sort}&min_fee=999&service=2&service=10"));
        let uses = |o: &BulkOrder| o.services.iter().any(|id| [2, 10].contains(id));
        assert_eq!(found.concat(), model(bulk.all(), sort, |o| uses(o) && o.fee >= 99_900));
        // Few are within a bound, so every sort order reads them all.
        let found = pages(&server, &format!("sort={sort}&from={}", at(late)));
        assert_eq!(found, [model(bulk.all(), sort, |o| o.datetime >= late)], "{sort}");
        let found = pages(&server, &format!("sort={sort}&limit=5&service=4&from={}", at(late)));
        let uses = |o: &BulkOrder| o.services.contains(&4);
        let expected = model(bulk.all(), sort, |o| o.datetime >= late && uses(o));
        assert_eq!(found.concat(), expected, "{sort}");
    }
}

#[apply(both_databases)]
fn no_order_that_stands_is_missed_or_doubled_while_eight_writers_come_and_go(database: Database) {
    const WRITERS: i64 = 8;
    let bulk = Bulk { number: 400, at_once: 2 };
    let server = with(database, bulk);
    let (done, writes) = (AtomicBool::new(false), AtomicI64::new(0));
    scope(|threads| {
        for writer in 0..WRITERS {
            let (client, done, writes) = (server.another(), &done, &writes);
            threads.spawn(move || {
                for step in 0.. {
                    // Three hours from those of every other writer, and among the existing orders.
                    let time = Bulk::FIRST + ((step % 25) * WRITERS + writer) * 3 * HOUR + HOUR;
                    let mut body = order(&format!("w{writer}"), time);
                    body["services"] = serde_json::json!([{"id": 1 + step % 9}, {"id": 10}]);
                    client.post("/orders", &body).assert_status(201);
                    client.delete(format!("/orders/w{writer}")).assert_status(204);
                    writes.fetch_add(1, Ordering::Relaxed);
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        let readers: Vec<_> = SORTS
            .into_iter()
            .map(|sort| {
                let client = server.another();
                let writes = &writes;
                threads.spawn(move || follow_pages(&client, bulk, sort, writes))
            })
            .collect();
        let read: Vec<_> = readers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        for reader in read {
            reader.unwrap();
        }
    });
    server.scratch().assert_calm();
}

/// Follows the pages again and again, until enough was written meanwhile.
fn follow_pages(client: &Client, bulk: Bulk, sort: &str, writes: &AtomicI64) {
    let filters: [(&str, Keep); 4] = [
        ("", Box::new(|_| true)),
        ("&service=4", Box::new(|o| o.services.contains(&4))),
        (
            "&service=4&service=7&service=10",
            Box::new(|o| [4, 7, 10].iter().any(|id| o.services.contains(id))),
        ),
        ("&max_fee=300", Box::new(|o| o.fee <= 30_000)),
    ];
    for round in 0..1_000 {
        if round >= 5 && writes.load(Ordering::Relaxed) >= 100 {
            return;
        }
        for (filter, keep) in &filters {
            let query = format!("limit={}&sort={sort}{filter}", 11 + round % 7);
            let mut found = pages(client, &query).concat();
            found.retain(|id| id.starts_with('o'));
            assert_eq!(found, model(bulk.all(), sort, keep), "{query}");
        }
    }
    panic!("the writers hardly wrote");
}

#[apply(both_databases)]
fn what_is_made_later_comes_later_by_created_at(database: Database) {
    let server = Server::fresh(database);
    let mut made: Vec<Value> = Vec::new();
    for (id, days) in [("first", 9), ("second", 3), ("third", 6)] {
        let body = order(id, Bulk::FIRST + days * 24 * HOUR);
        made.push(server.post("/orders", &body).assert_status(201).json());
    }
    // Neither a change nor its deletion and restoring makes an order a new one.
    server.put("/orders/first", &order("first", Bulk::FIRST + 30 * 24 * HOUR)).assert_status(200);
    server.delete("/orders/second").assert_status(204);
    server.request("POST", "/orders/second/restore").send().assert_status(200);
    for filter in ["", "&service=123"] {
        assert_eq!(
            pages(&server, &format!("limit=2&sort=created_at{filter}")).concat(),
            ["first", "second", "third"]
        );
    }
    let second = made[1]["created_at"].as_str().unwrap();
    let from = pages(&server, &format!("created_from={second}")).concat();
    assert!(from.contains(&"second".to_owned()), "{from:?}");
    let before = pages(&server, &format!("created_to={second}")).concat();
    assert!(!before.contains(&"second".to_owned()), "{before:?}");
}

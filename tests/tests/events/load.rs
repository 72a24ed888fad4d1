//! The feed and the streams under load: many writers, many readers, slow readers, a million events.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use orders_tests::{Bulk, Client, Database, EventStream, HOUR, Message, Server, Setup, at};
use rstest::rstest;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;
/// How long to wait for what does come.
const HANG: Duration = Duration::from_mins(2);

fn body(id: &str, number: i64, fee: i64) -> Value {
    let datetime = at(NOON + number * 4 * HOUR);
    json!({"id": id, "datetime": datetime, "totalfee": fee, "services": [{"id": "123"}]})
}

/// A copy of the orders, built from events only.
#[derive(Debug, Default)]
struct Copy {
    orders: BTreeMap<String, Value>,
    last: u64,
}

impl Copy {
    /// Checks that an event follows the last, and fits what is there.
    fn follow(&mut self, event: &Value) {
        let sequence: u64 = event["sequence"].as_str().unwrap().parse().unwrap();
        assert_eq!(sequence, self.last + 1, "every change is seen once, in order");
        self.last = sequence;
        let id = event["subject"].as_str().unwrap();
        let (before, after) = (&event["data"]["before"], &event["data"]["after"]);
        assert_eq!(self.orders.get(id).unwrap_or(&Value::Null), before, "{event}");
        drop(if after.is_null() {
            self.orders.remove(id)
        } else {
            self.orders.insert(id.to_owned(), after.clone())
        });
    }

    fn assert_is_that_of(&self, client: &Client) {
        let orders = client.all("/orders").into_iter();
        let orders: BTreeMap<String, Value> =
            orders.map(|order| (order["id"].as_str().unwrap().to_owned(), order)).collect();
        assert_eq!(self.orders, orders);
    }
}

/// One writer's part: batches and single requests, which create, change and delete.
fn write(client: &Client, writer: i64, changes: i64) {
    const BATCH: i64 = 100;
    let mut done = 0;
    let send = |operations: Vec<Value>| {
        let batch = json!({"mode": "each", "operations": operations});
        let answer = client.post("/orders/batch", &batch).assert_status(200).json();
        for result in answer["results"].as_array().unwrap() {
            assert!(result["status"].as_u64().unwrap() < 300, "{result}");
        }
    };
    let mut round = 0;
    while done < changes {
        let number = |n: i64| writer * 1_000_000 + round * BATCH + n;
        let id = |n: i64| format!("o{writer}-{}", if n % 4 == 0 { n } else { round * BATCH + n });
        let create = |n| json!({"op": "create", "order": body(&id(n), number(n), n)});
        send((0..BATCH).map(create).collect());
        let replace = |n| {
            let order = json!({"id": id(n), "datetime": at(NOON + number(n) * 4 * HOUR + HOUR),
                               "totalfee": 7, "services": [{"id": "123"}]});
            json!({"op": "replace", "id": id(n), "order": order})
        };
        send((0..BATCH).map(replace).collect());
        // Every fourth goes, and comes again under its id in the next round.
        for n in (0..BATCH).step_by(4) {
            client.delete(format!("/orders/{}", id(n))).assert_status(204);
        }
        done += BATCH * 2 + BATCH / 4;
        round += 1;
    }
}

/// Follows the pages up to a sequence that may not be known yet (0).
fn read_pages(client: &Client, end: &AtomicU64) -> Copy {
    let mut copy = Copy::default();
    let began = Instant::now();
    loop {
        let page = client.get(format!("/events?after={}&limit=500", copy.last)).assert_status(200);
        let page = page.json();
        for event in page["data"].as_array().unwrap() {
            copy.follow(event);
        }
        assert_eq!(page["next_after"], copy.last.to_string());
        if copy.last == end.load(Ordering::SeqCst) && copy.last > 0 {
            return copy;
        }
        assert!(began.elapsed() < HANG, "at {} of {end:?}", copy.last);
        if page["data"].as_array().unwrap().is_empty() {
            sleep(Duration::from_millis(5));
        }
    }
}

/// Follows a stream, and reconnects when it is cut.
fn read_stream(client: &Client, end: &AtomicU64) -> Copy {
    let mut copy = Copy::default();
    let began = Instant::now();
    let mut stream = EventStream::open(client, "", &[]);
    let mut gone_at = 0;
    loop {
        match stream.next(Duration::from_millis(200)) {
            Some(Message::Event { id, kind, data }) => {
                let event: Value = serde_json::from_str(&data).unwrap();
                assert_eq!(
                    (json!(kind), json!(id.to_string())),
                    (event["type"].clone(), event["id"].clone())
                );
                copy.follow(&event);
            }
            Some(Message::Comment | Message::Retry(_)) => {}
            None if copy.last == end.load(Ordering::SeqCst) && copy.last > 0 => return copy,
            None => assert!(began.elapsed() < HANG, "at {} of {end:?}", copy.last),
        }
        // Now and then it goes, and comes again.
        if copy.last > gone_at && copy.last % 2_999 == 1_500 {
            gone_at = copy.last;
            let last = copy.last.to_string();
            stream = EventStream::open(client, "", &[("Last-Event-ID", &last)]);
        }
    }
}

#[rstest]
#[case(Database::Postgres, 3)]
#[case(Database::Sqlite, 1)]
fn every_reader_sees_every_change_once_and_can_replay_the_tables(
    #[case] database: Database,
    #[case] processes: usize,
) {
    const WRITERS: i64 = 8;
    const CHANGES: i64 = 20_000;
    let first = Server::fresh(database);
    let scratch = first.scratch().clone();
    let mut servers = vec![first];
    servers.extend((1..processes).map(|_| Server::start(&scratch)));
    let end = AtomicU64::new(0);
    let began = Instant::now();
    let copies: Vec<Copy> = scope(|threads| {
        let mut readers = Vec::new();
        for server in &servers {
            let (client, end) = (server.another(), &end);
            readers.push(threads.spawn(move || read_stream(&client, end)));
        }
        let (client, end_of_pages) = (servers[0].another(), &end);
        readers.push(threads.spawn(move || read_pages(&client, end_of_pages)));
        let writers: Vec<_> = (0..WRITERS)
            .zip(servers.iter().cycle())
            .map(|(writer, server)| {
                let client = server.another();
                threads.spawn(move || write(&client, writer, CHANGES / WRITERS))
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        println!("{database:?}: written in {:?}", began.elapsed());
        let last = scratch.sql().number("SELECT max(sequence) AS number FROM events");
        end.store(u64::try_from(last).unwrap(), Ordering::SeqCst);
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    println!("{database:?}: read in {:?}", began.elapsed());
    for copy in &copies {
        assert!(copy.last >= u64::try_from(CHANGES).unwrap());
        assert_eq!(copy.orders, copies[0].orders);
    }
    copies[0].assert_is_that_of(&servers[0]);
    scratch.assert_calm();
}

/// The 99th and 50th of a hundred, in their order.
fn percentiles(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

/// Writes 20 orders a second. Returns how long each took, and when its response arrived.
fn write_evenly(client: &Client, first: i64, orders: i64) -> Vec<(Duration, Instant)> {
    let began = Instant::now();
    let mut written = Vec::new();
    for number in 0..orders {
        let due = began + Duration::from_millis(50) * u32::try_from(number).unwrap();
        sleep(due.saturating_duration_since(Instant::now()));
        let start = Instant::now();
        let id = format!("o{}", first + number);
        client.post("/orders", &body(&id, first + number, 1)).assert_status(201);
        written.push((start.elapsed(), Instant::now()));
    }
    written
}

#[apply(both_databases)]
fn a_thousand_readers_see_every_event_within_a_second_and_cost_writes_little(database: Database) {
    const READERS: usize = 1_000;
    const ORDERS: i64 = 200;
    let server = Server::fresh(database);
    let client = server.another();
    let alone = write_evenly(&client, 1, ORDERS);
    let (base, before) = (server.resident_kib(), ORDERS.to_string());
    let open = |_| EventStream::open(&server, "", &[("Last-Event-ID", &before)]);
    let mut streams: Vec<EventStream> = (0..READERS).map(open).collect();
    let over = AtomicBool::new(false);
    let (written, (seen, stall)) = scope(|threads| {
        let over = &over;
        let reader = threads.spawn(move || {
            let mut seen: Vec<Vec<Instant>> = vec![Vec::new(); READERS];
            let (mut grace, mut longest, mut looked) = (0, Duration::ZERO, Instant::now());
            while grace < 40 {
                longest = looked.elapsed().max(longest);
                looked = Instant::now();
                grace += usize::from(over.load(Ordering::SeqCst));
                for (stream, seen) in streams.iter_mut().zip(&mut seen) {
                    for message in stream.take() {
                        if let Message::Event { id, .. } = message {
                            let expected = seen.len() + usize::try_from(ORDERS).unwrap() + 1;
                            assert_eq!(usize::try_from(id).unwrap(), expected);
                            seen.push(Instant::now());
                        }
                    }
                }
                sleep(Duration::from_millis(20));
            }
            (seen, longest)
        });
        let written = write_evenly(&client, 1 + ORDERS, ORDERS);
        over.store(true, Ordering::SeqCst);
        (written, reader.join().unwrap())
    });
    let mut delays = Vec::new();
    for seen in &seen {
        assert_eq!(seen.len(), written.len(), "none is dropped, and each sees all");
        let delay = |(seen, (_, written)): (&Instant, &(Duration, Instant))| {
            seen.saturating_duration_since(*written)
        };
        delays.extend(seen.iter().zip(&written).map(delay));
    }
    let (typical, most) = (percentiles(delays.clone()), delays.iter().max().unwrap());
    let times = |written: &[(Duration, Instant)]| {
        percentiles(written.iter().map(|(time, _)| *time).collect())
    };
    let (alone, with) = (times(&alone), times(&written));
    let memory = server.resident_kib() - base;
    println!("{database:?}: p50, p99 of writes alone {alone:?}, with 1 000 readers {with:?}");
    println!("{database:?}: p50, p99 of events {typical:?}, the last {most:?}; {memory} KiB more");
    // What keeps this process from looking keeps the service from sending, too.
    let stall = stall + written.iter().map(|(time, _)| *time).max().unwrap();
    assert!(*most < Duration::from_secs(1) + stall, "{most:?} with {stall:?} of nothing at all");
    // The ratios that are wanted are measured of a release build on a quiet machine; here the
    // readers, and other tests, share the processors.
    assert!(with.0 <= (alone.0 * 4).max(Duration::from_millis(50)), "{with:?}, alone {alone:?}");
    assert!(with.1 <= (alone.1 * 4).max(Duration::from_secs(1)), "{with:?}, alone {alone:?}");
    assert!(memory < 100 * 1024, "{memory} KiB for 1 000 readers");
}

#[apply(both_databases)]
fn readers_that_take_nothing_are_cut_and_hurt_nobody(database: Database) {
    const SLOW: usize = 5;
    const EVENTS: u64 = 5_000;
    let scratch = database.fresh();
    let setup = Setup { arguments: &["--max-streams", "6"], ..Setup::default() };
    let server = Server::start_as(&scratch, &setup);
    server.post("/services", &json!({"id": 123, "name": "Inspection"})).assert_status(201);
    let numbers = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers \
                   WHERE n < 5000)";
    let services: Vec<String> = (1..=100_i64).map(|id| (9_000_000_000 + id).to_string()).collect();
    // Some 20 MB: more than lies in the buffers of the system.
    let events = format!(
        "{numbers} INSERT INTO events (sequence, order_id, version, kind, time_ms, actor,
            datetime_ms, total_fee, services, grp, created_at_ms)
         SELECT n, 'o', n, 'updated', {NOON}, 'x', {NOON}, 1, '[{}]', 1, {NOON} FROM numbers",
        services.join(",")
    );
    let mut sql = server.scratch().sql();
    sql.run(&events).unwrap();
    sql.run(&format!("UPDATE counters SET last_sequence = {EVENTS}")).unwrap();
    let base = server.resident_kib();
    let slow: Vec<EventStream> = (0..SLOW).map(|_| EventStream::open(&server, "", &[])).collect();
    let opened = Instant::now();
    let mut quick = EventStream::open(&server, "", &[]);
    let mut most = base;
    for expected in 1..=EVENTS {
        assert_eq!(quick.event().0, expected);
        if expected % 100 == 0 {
            most = most.max(server.resident_kib());
        }
    }
    println!("{database:?}: all seen in {:?}, {} KiB more", opened.elapsed(), most - base);
    assert!(most - base < 30 * 1024, "from {base} to {most} KiB");
    // New ones come at once, however long the others have taken nothing.
    server.post("/orders", &body("new", 1, 1)).assert_status(201);
    let start = Instant::now();
    assert_eq!(quick.event().0, EVENTS + 1);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    // Each of them had a place among the streams.
    while !EventStream::ask(&server, "?after=1", &[]).head.starts_with("HTTP/1.1 200 ") {
        assert!(opened.elapsed() < HANG, "those who take nothing for 30 seconds are cut");
        sleep(Duration::from_millis(100));
    }
    drop(slow);
    assert_eq!(quick.end(Duration::from_millis(10)), None, "the one that reads is not cut");
}

#[apply(both_databases)]
fn a_page_of_a_million_events_is_as_fast_at_its_end_as_at_its_beginning(database: Database) {
    let scratch = database.fresh();
    let server = Server::start(&scratch);
    let mut sql = scratch.sql();
    Bulk { number: 1_000_000, at_once: 1 }.store(&mut sql);
    // Each order was created, and each second one changed, long afterwards.
    sql.run(
        "INSERT INTO events (sequence, order_id, version, kind, time_ms, actor, datetime_ms,
                             total_fee, services, grp, created_at_ms)
         SELECT grp, id, 1, 'created', created_at_ms, 'x', datetime_ms, total_fee, services, grp,
                created_at_ms
         FROM orders;
         INSERT INTO events (sequence, order_id, version, kind, time_ms, actor, datetime_ms,
                             total_fee, services, grp, created_at_ms)
         SELECT 1000000 + grp, id, 2, 'updated', created_at_ms, 'x', datetime_ms, total_fee,
                services, grp, created_at_ms
         FROM orders WHERE grp <= 500000;
         UPDATE counters SET last_sequence = 1500000;",
    )
    .unwrap();
    sql.run("ANALYZE").unwrap();
    let time = |after: i64| {
        let ask = |_| {
            let start = Instant::now();
            let page = server.get(format!("/events?after={after}")).assert_status(200).json();
            assert_eq!(page["next_after"], (after + 100).min(1_500_000).to_string());
            start.elapsed()
        };
        (0..7).map(ask).min().unwrap()
    };
    let (first, middle, last) = (time(0), time(700_000), time(1_499_900));
    println!("{database:?}: {first:?}, {middle:?}, {last:?}");
    let most = (first * 5).max(Duration::from_millis(40));
    assert!(middle <= most && last <= most, "{first:?}, {middle:?}, {last:?}");
    // A stream that begins in the middle is there at once.
    let mut stream = EventStream::open(&server, "?after=1400000", &[]);
    let start = Instant::now();
    assert_eq!(stream.event().0, 1_400_001);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

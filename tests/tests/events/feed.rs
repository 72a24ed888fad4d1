//! The feed of events: pages, retention, and how readers learn of new events.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail")]

use std::sync::mpsc::channel;
use std::thread::sleep;
use std::time::{Duration, Instant};

use orders_db::{DatabaseUrl, Store, StoreOptions};
use orders_tests::{
    Client, Database, EventStream, HOUR, Server, Setup, at, bare_order, keyed, order,
};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

fn page(client: &Client, query: &str) -> (Vec<Value>, String) {
    let page = client.get(format!("/events{query}")).assert_status(200).json();
    let data = page["data"].as_array().unwrap().clone();
    (data, page["next_after"].as_str().unwrap().to_owned())
}

#[apply(both_databases)]
fn the_feed_tells_of_every_change_once_in_order_from_any_position(database: Database) {
    let server = Server::fresh(database);
    assert_eq!(page(&server, ""), (vec![], "0".to_owned()));
    server.get("/events?after=1").problem(410, "events-gone");
    let created = server.post("/orders", &order("a", NOON)).assert_status(201).json();
    server.post("/orders", &order("b", NOON + 9 * HOUR)).assert_status(201);
    let updated = server.put("/orders/a", &order("a", NOON + HOUR)).assert_status(200).json();
    server.put("/orders/a", &order("a", NOON + HOUR)).assert_status(200);
    server.delete("/orders/a").assert_status(204);
    let again = server.post("/orders", &order("a", NOON)).assert_status(201).json();
    server.delete("/orders/a").assert_status(204);
    let restored = server.request("POST", "/orders/a/restore").send().assert_status(200).json();
    let (all, next) = page(&server, "?after=0");
    let kinds: Vec<&str> = all.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(
        kinds,
        [
            "order.created",
            "order.created",
            "order.updated",
            "order.deleted",
            "order.created",
            "order.deleted",
            "order.restored"
        ]
    );
    let feed = server.get("/events").json()["feed"].as_str().unwrap().to_owned();
    let source = json!(format!("/orders/{feed}"));
    for (number, event) in (1..).zip(&all) {
        assert_eq!(event["id"], number.to_string(), "a change that changes nothing is none");
        assert_eq!(event["sequence"], format!("{number:018}"));
        assert_eq!(event["sequencetype"], "Integer");
        assert_eq!((&event["specversion"], &event["source"]), (&json!("1.0"), &source));
    }
    let of_a: Vec<&Value> = all.iter().filter(|event| event["subject"] == "a").collect();
    let null = Value::Null;
    for (event, (before, after)) in of_a.iter().zip([
        (&null, &created),
        (&created, &updated),
        (&updated, &null),
        (&null, &again),
        (&again, &null),
        (&null, &restored),
    ]) {
        assert_eq!((&event["data"]["before"], &event["data"]["after"]), (before, after));
    }
    assert_eq!(server.all("/orders/a/history").iter().collect::<Vec<_>>(), of_a, "told alike");
    assert_eq!(next, "7");
    for after in 0..=7_usize {
        let (rest, next) = page(&server, &format!("?after={after}"));
        assert_eq!(rest, all.get(after..).unwrap_or_default());
        assert_eq!(next, after.max(7).to_string());
        let (one, _) = page(&server, &format!("?limit=1&after={after}"));
        assert_eq!(one.first(), all.get(after));
    }
    let first = server.get("/events?limit=3&after=2").assert_status(200);
    assert_eq!(first.header("Link"), Some("</events?limit=3&after=5>; rel=\"next\""));
    assert_eq!(server.get("/events?limit=2&after=5").header("Link"), None, "the last page");
    assert_eq!(server.request("HEAD", "/events").send().assert_status(200).body, b"");
}

#[test]
fn what_is_no_position_is_refused() {
    let server = Server::fresh(Database::Sqlite);
    for bad in [
        "after=-1",
        "after=x",
        "after=",
        "after=1.5",
        "after=01",
        "after=9223372036854775808",
        "after=99999999999999999999999999",
        "after=1&after=2",
        "limit=0",
        "limit=1001",
        "limit=x",
        "cursor=x",
    ] {
        let problem = server.get(format!("/events?{bad}")).problem(400, "invalid-parameter");
        let name = bad.split('=').next().unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(name), "{problem}");
    }
    server
        .request("GET", "/events")
        .header("Accept", "text/html")
        .send()
        .problem(406, "not-acceptable");
    server.assert_untouched(&[]);
}

#[apply(both_databases)]
fn whoever_asks_for_what_is_gone_is_told_where_the_feed_starts(database: Database) {
    let server = Server::fresh(database);
    for number in 0..4 {
        server.post("/orders", &bare_order(&at(NOON + number * 9 * HOUR))).assert_status(201);
    }
    server.scratch().sql().run("UPDATE event_feed SET trimmed_through = 2").unwrap();
    for gone in ["", "?after=0", "?after=1"] {
        let problem = server.get(format!("/events{gone}")).problem(410, "events-gone");
        assert_eq!(problem["first_sequence"], "3", "{problem}");
    }
    let (left, next) = page(&server, "?after=2");
    assert_eq!((left.len(), left[0]["id"].as_str(), next.as_str()), (2, Some("3"), "4"));
}

#[apply(both_databases)]
fn old_events_go_from_the_feed_and_from_nowhere_else(database: Database) {
    let scratch = database.fresh();
    let setup = Setup { arguments: &["--event-retention", "1h"], ..Setup::default() };
    let servers = [0, 1].map(|_| Server::start_as(&scratch, &setup));
    let server = &servers[0];
    server.post("/services", &json!({"id": 123, "name": "Inspection"})).assert_status(201);
    server.post("/orders", &order("a", NOON)).assert_status(201);
    server.delete("/orders/a").assert_status(204);
    server.post("/orders", &order("b", NOON)).assert_status(201);
    // As if this had been two hours ago; and more than are looked at at once.
    let mut sql = scratch.sql();
    sql.run("UPDATE events SET time_ms = time_ms - 7200000").unwrap();
    for number in 4..=2_500 {
        sql.run(&format!(
            "INSERT INTO events SELECT {number}, 'c', {number}, 'updated', time_ms, actor, \
             datetime_ms, total_fee, services, grp, created_at_ms FROM events WHERE sequence = 1"
        ))
        .unwrap();
    }
    sql.run("UPDATE counters SET last_sequence = 2500").unwrap();
    drop(servers);
    let [server, _other] = [0, 1].map(|_| Server::start_as(&scratch, &setup));
    server.post("/orders", &order("d", NOON + 9 * HOUR)).assert_status(201);
    let began = Instant::now();
    let problem = loop {
        let answer = server.get("/events?after=2499");
        if answer.status == 410 {
            break answer.problem(410, "events-gone");
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{answer}");
        sleep(Duration::from_millis(20));
    };
    assert_eq!(problem["first_sequence"], "2501");
    let (left, _) = page(&server, "?after=2500");
    assert_eq!((left.len(), &left[0]["subject"]), (1, &json!("d")));
    // A reader whose position is not gone is not disturbed.
    assert_eq!(EventStream::open(&server, "?after=2500", &[]).event().0, 2501);
    assert_eq!(server.all("/orders/a/history").len(), 2);
    let restored = server.request("POST", "/orders/a/restore").send();
    restored.problem(409, "order-conflict");
    server.delete("/orders/b").assert_status(204);
    let restored = server.request("POST", "/orders/a/restore").send().assert_status(200);
    assert_eq!(restored.json()["version"], 3);
}

#[apply(both_databases)]
fn whoever_listens_hears_of_what_any_process_wrote(database: Database) {
    let server = Server::fresh(database);
    let store =
        Store::open(&DatabaseUrl::parse(&server.scratch().url()).unwrap(), StoreOptions::default())
            .unwrap();
    let (sender, heard) = channel();
    let listener = store
        .subscribe(move |sequence| sender.send((sequence, Instant::now())).unwrap_or_default());
    assert_eq!(heard.recv_timeout(Duration::from_secs(5)).unwrap().0, 0, "nothing is there yet");
    let mut waits = Vec::new();
    for number in 1..=20_u64 {
        let at_millis = NOON + i64::try_from(number).unwrap() * 9 * HOUR;
        server.post("/orders", &bare_order(&at(at_millis))).assert_status(201);
        let answered = Instant::now();
        let (sequence, when) = heard.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!(sequence, number);
        waits.push(when.saturating_duration_since(answered));
    }
    waits.sort();
    // Most of them, since another test may have the machine for a moment.
    assert!(waits[15] < Duration::from_millis(100), "{waits:?}");
    drop(listener);
    server.post("/orders", &bare_order(&at(NOON))).assert_status(201);
    assert!(heard.recv_timeout(Duration::from_millis(300)).is_err(), "it listens no more");
}

#[apply(both_databases)]
fn a_position_beyond_the_last_event_is_gone(database: Database) {
    let scratch = database.fresh();
    let (server, admin) = keyed(&scratch, &["--sample-data"]);
    let feed = admin.get("/events").assert_status(200).json();
    let id = feed["feed"].as_str().unwrap();
    assert_eq!(feed["data"][0]["source"], format!("/orders/{id}"));
    let hook = admin.post("/webhooks", &json!({"url": "https://example.com"})).json();
    let replay = format!("/webhooks/{}/replay", hook["id"].as_str().unwrap());
    admin.get("/events?after=3").assert_status(200);
    admin.post(&replay, &json!({"after": "3"})).assert_status(200);
    let stream = |query: &str, last: &str| {
        admin.request("GET", format!("/events/stream{query}")).header("Last-Event-ID", last).send()
    };
    for answer in [
        admin.get("/events?after=4"),
        admin.get("/events?after=999999999999999999"),
        admin.get("/events/stream?after=4"),
        admin.get("/events/stream?lastEventId=4"),
        stream("", "4"),
        admin.post(&replay, &json!({"after": "4"})),
        admin.get("/events?feed=other"),
        admin.get("/events?after=3&feed=other"),
        stream("?feed=other", "3"),
    ] {
        let problem = answer.problem(410, "events-gone");
        assert_eq!(problem["first_sequence"], "1", "{answer}");
        assert_eq!(problem["last_sequence"], "3", "{answer}");
        assert_eq!(problem["feed"], id, "{answer}");
    }
    let own = admin.get(format!("/events?after=1&feed={id}")).assert_status(200).json();
    assert_eq!(own["data"].as_array().unwrap().len(), 2);
    let padded = own["data"][0]["sequence"].as_str().unwrap();
    assert_eq!(padded, "000000000000000002");
    let next = admin.get(format!("/events?after={padded}")).assert_status(200).json();
    assert_eq!(next["data"], json!([own["data"][1]]));
    admin.get("/events?after=02").problem(400, "invalid-parameter");
    drop(server);
}

#[apply(both_databases)]
fn the_source_of_events_names_the_installation(database: Database) {
    let scratch = database.fresh();
    let arguments = ["--sample-data", "--public-url", "https://orders.example.com"];
    let server = Server::start_as(&scratch, &Setup { arguments: &arguments, ..Setup::default() });
    let page = server.get("/events").json();
    let source = format!("https://orders.example.com/orders/{}", page["feed"].as_str().unwrap());
    let history = server.get("/orders/223/history").json();
    for event in page["data"].as_array().unwrap().iter().chain(history["data"].as_array().unwrap())
    {
        assert_eq!(event["source"], source);
    }
    let (_, _, streamed) = EventStream::open(&server, "", &[]).event();
    assert_eq!(streamed["source"], source);
    let calendar = server.get("/orders.ics").text();
    assert!(calendar.contains("UID:223@orders.example.com\r\n"), "{calendar}");
}

#[test]
fn a_restored_feed_goes_on_above_the_replaced_one() {
    let mut server = Server::with_sample_data(Database::Sqlite);
    let scratch = server.scratch().clone();
    let backup = scratch.dir().join("backup.db");
    drop(scratch.run(&["backup", backup.to_str().unwrap()]).assert_fine());
    let before = server.get("/events").json()["feed"].clone();
    let create = |server: &Server, day: i64| {
        let body = bare_order(&at(NOON + day * 24 * HOUR));
        server.post("/orders", &body).assert_status(201);
    };
    (0..7).for_each(|day| create(&server, day));
    server.terminate();
    assert_eq!(server.wait(), Some(0));
    drop(scratch.run(&["restore", backup.to_str().unwrap()]).assert_fine());
    let server = Server::start(&scratch);
    (0..4).for_each(|day| create(&server, day));
    // The sequences 4 to 10 were those of other events, and 11 is the first position after them.
    for after in 4..=10 {
        server.get(format!("/events?after={after}")).problem(410, "events-gone");
    }
    let sequences = |after: u64| {
        let page = server.get(format!("/events?after={after}")).assert_status(200).json();
        assert_ne!(page["feed"], before);
        let events = page["data"].as_array().unwrap().iter();
        events.map(|event| event["id"].as_str().unwrap().parse().unwrap()).collect::<Vec<u64>>()
    };
    assert_eq!(sequences(0), [1, 2, 3, 12, 13, 14, 15]);
    assert_eq!(sequences(3), [12, 13, 14, 15]);
    assert_eq!(sequences(11), [12, 13, 14, 15]);
    assert_eq!(sequences(14), [15]);
    server.get(format!("/events?feed={}", before.as_str().unwrap())).problem(410, "events-gone");
    drop(scratch.run(&["doctor"]).assert_fine());
}

#[apply(both_databases)]
fn a_renewed_feed_makes_its_followers_start_over(database: Database) {
    let server = Server::with_sample_data(database);
    let feed = |server: &Server| server.get("/events").json()["feed"].as_str().unwrap().to_owned();
    let before = feed(&server);
    drop(server.scratch().run(&["renew-feed"]).assert_fine());
    assert_ne!(feed(&server), before, "at once");
    let problem = server.get(format!("/events?after=3&feed={before}")).problem(410, "events-gone");
    assert_eq!(problem["last_sequence"], "3");
    assert_eq!(page(&server, "?after=3"), (vec![], "3".to_owned()), "the events stay");
}

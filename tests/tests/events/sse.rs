//! The stream of events (Server-Sent Events): content, latency, authorization, and how it ends.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail")]

use std::thread::sleep;
use std::time::{Duration, Instant};

use orders_tests::{
    Client, Database, End, EventStream, HOUR, Message, Server, Setup, at, bare_order, order,
};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;
/// How long to wait for what comes at once.
const SOON: Duration = Duration::from_secs(10);

fn create(client: &Client, number: i64) {
    client.post("/orders", &bare_order(&at(NOON + number * 9 * HOUR))).assert_status(201);
}

fn feed(client: &Client) -> Vec<Value> {
    client.get("/events?limit=1000").assert_status(200).json()["data"].as_array().unwrap().clone()
}

#[apply(both_databases)]
fn a_stream_tells_what_the_feed_tells_from_any_position_and_goes_on(database: Database) {
    let server = Server::fresh(database);
    server.post("/orders", &order("a", NOON)).assert_status(201);
    server.put("/orders/a", &order("a", NOON + HOUR)).assert_status(200);
    server.delete("/orders/a").assert_status(204);
    server.request("POST", "/orders/a/restore").send().assert_status(200);
    let mut streams: Vec<(usize, EventStream)> = [
        (0, "", None),
        (0, "?after=0", None),
        (1, "?after=1", None),
        (3, "?after=3", None),
        (4, "?after=4", None),
        (2, "", Some("2")),
        // What was seen last goes before the address.
        (3, "?after=1", Some("3")),
        (3, "?lastEventId=3", None),
        (3, "?after=1&lastEventId=3", None),
        (4, "?after=1&lastEventId=3", Some("4")),
        (1, "?after=1&lastEventId=", None),
        (0, "", Some("")),
    ]
    .into_iter()
    .map(|(after, query, last)| {
        let headers = last.map(|last| ("Last-Event-ID", last));
        (after, EventStream::open(&server, query, headers.as_slice()))
    })
    .collect();
    create(&server, 1);
    create(&server, 2);
    create(&server, 3);
    let all = feed(&server);
    for (after, stream) in &mut streams {
        assert_eq!(stream.next(SOON), Some(Message::Retry(2000)));
        for (number, expected) in all.iter().enumerate().skip(*after) {
            let (id, kind, data) = stream.event();
            assert_eq!(id, u64::try_from(number + 1).unwrap());
            assert_eq!((&data, &json!(kind)), (expected, &expected["type"]));
        }
        assert!(stream.take().is_empty(), "and nothing twice");
    }
}

#[test]
fn the_head_of_a_stream_keeps_caches_and_proxies_from_holding_it_back() {
    let server = Server::fresh(Database::Sqlite);
    let gzip = [("Accept-Encoding", "gzip, br, zstd"), ("Accept", "text/event-stream")];
    let stream = EventStream::open(&server, "", &gzip);
    let head = stream.head.to_ascii_lowercase();
    for line in [
        "content-type: text/event-stream\r",
        "cache-control: no-store, no-transform\r",
        "x-accel-buffering: no\r",
    ] {
        assert!(head.contains(line), "{head}");
    }
    assert!(!head.contains("content-encoding"), "{head}");
    let answer = server.request("HEAD", "/events/stream").send().assert_status(200);
    assert_eq!(answer.header("Content-Type"), Some("text/event-stream"));
}

#[test]
fn what_is_no_position_is_refused_before_the_stream_begins() {
    let server = Server::fresh(Database::Sqlite);
    for bad in [
        "after=-1",
        "after=9223372036854775808",
        "after=x",
        "limit=1",
        "after=1&after=1",
        "lastEventId=x",
        "lastEventId=1&lastEventId=1",
    ] {
        server.get(format!("/events/stream?{bad}")).problem(400, "invalid-parameter");
    }
    let long = "1".repeat(5_000);
    for bad in ["-1", "x", "1.0", "01", " ", "9223372036854775808", "1, 2", "\u{e4}", &long] {
        let request = server.request("GET", "/events/stream").header("Last-Event-ID", bad);
        // A blank is no value at all.
        if bad == " " {
            drop(EventStream::open(&server, "", &[("Last-Event-ID", bad)]));
            continue;
        }
        request.send().problem(400, "invalid-header");
    }
    let twice = server.request("GET", "/events/stream").header("Last-Event-ID", "1");
    twice.header("Last-Event-ID", "1").send().problem(400, "invalid-header");
    let json = server.request("GET", "/events/stream").header("Accept", "application/json");
    json.send().problem(406, "not-acceptable");
    server.assert_untouched(&[]);
}

#[test]
fn a_stream_that_is_silent_says_every_15_seconds_that_it_is_there() {
    let server = Server::fresh(Database::Sqlite);
    let mut stream = EventStream::open(&server, "", &[]);
    assert_eq!(stream.next(SOON), Some(Message::Retry(2000)));
    for _ in 0..2 {
        let began = Instant::now();
        assert_eq!(stream.next(Duration::from_secs(25)), Some(Message::Comment));
        let silence = began.elapsed();
        assert!((14..18).contains(&silence.as_secs()), "{silence:?}");
    }
    create(&server, 1);
    assert_eq!(stream.event().0, 1);
}

#[apply(both_databases)]
fn a_stream_wakes_within_100_ms_of_what_another_process_wrote(database: Database) {
    let server = Server::fresh(database);
    let other = Server::start(server.scratch());
    let mut streams = [&server, &other].map(|server| EventStream::open(server, "", &[]));
    let mut waits = Vec::new();
    for number in 0..20 {
        create(&other, number);
        let answered = Instant::now();
        for stream in &mut streams {
            assert_eq!(stream.event().0, u64::try_from(number + 1).unwrap());
        }
        waits.push(answered.elapsed());
        // At another moment of the pause between two looks.
        sleep(Duration::from_millis(7));
    }
    waits.sort();
    // Most of them, since another test may have the machine for a moment.
    assert!(waits[14] < Duration::from_millis(100), "{waits:?}");
}

#[apply(both_databases)]
fn a_signal_ends_streams_at_once_and_as_whole_answers(database: Database) {
    let scratch = database.fresh();
    let setup = Setup { arguments: &["--drain-delay", "2s"], drains: true, ..Setup::default() };
    let mut server = Server::start_as(&scratch, &setup);
    let mut streams: Vec<_> = (0..20).map(|_| EventStream::open(&server, "", &[])).collect();
    server.terminate();
    let began = Instant::now();
    for stream in &mut streams {
        assert_eq!(stream.end(Duration::from_secs(5)), Some(End::Whole));
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let refused = server.get("/events/stream");
    assert!(refused.header("Retry-After").is_some(), "{refused}");
    refused.problem(503, "overloaded");
    assert_eq!(server.wait(), Some(0));
}

#[apply(both_databases)]
fn a_stream_ends_when_its_key_does(database: Database) {
    let scratch = database.fresh();
    let server = Server::start(&scratch);
    let mut open = EventStream::open(&server, "", &[]);
    let make = |more: &[&str]| {
        let arguments = ["keys", "create", "--name", "n", "--role", "reader"];
        let line = scratch.run(&[&arguments, more].concat()).assert_fine().stdout;
        let (id, key) = line.trim().split_once(' ').unwrap();
        (id.to_owned(), server.with_key(key))
    };
    let (_, lasting) = make(&[]);
    let soon = Duration::from_millis(2_500);
    assert_eq!(open.end(soon), Some(End::Whole), "from now on nobody is let in without a key");
    let mut lasting = EventStream::open(&lasting, "", &[]);
    let (_, expiring) = make(&["--expires-in", "3s"]);
    let (revoked, with_revoked) = make(&[]);
    let (rotated, with_rotated) = make(&[]);
    let mut streams =
        [&expiring, &with_revoked, &with_rotated].map(|client| EventStream::open(client, "", &[]));
    drop(scratch.run(&["keys", "revoke", &revoked]).assert_fine());
    assert_eq!(streams[1].end(soon), Some(End::Whole));
    drop(scratch.run(&["keys", "rotate", &rotated, "--overlap", "0"]).assert_fine());
    assert_eq!(streams[2].end(soon), Some(End::Whole));
    assert_eq!(streams[0].end(Duration::from_secs(5)), Some(End::Whole));
    assert_eq!(lasting.end(Duration::from_millis(100)), None);
}

#[test]
fn there_are_no_more_streams_than_allowed_and_those_that_are_left_count_no_more() {
    let scratch = Database::Sqlite.fresh();
    let server = Server::start_as(
        &scratch,
        &Setup { arguments: &["--max-streams", "3"], ..Setup::default() },
    );
    let mut streams: Vec<_> = (0..3).map(|_| EventStream::open(&server, "", &[])).collect();
    let refused = server.get("/events/stream");
    assert!(refused.header("Retry-After").is_some(), "{refused}");
    refused.problem(503, "overloaded");
    server.request("HEAD", "/events/stream").send().assert_status(200);
    // A closed stream makes room for another, thousands of times.
    for _ in 0..1_000 {
        drop(streams.pop());
        let began = Instant::now();
        loop {
            let stream = EventStream::ask(&server, "", &[]);
            if stream.head.starts_with("HTTP/1.1 200 ") {
                streams.push(stream);
                break;
            }
            assert!(began.elapsed() < SOON, "{}", stream.head);
        }
    }
    drop(streams);
    let began = Instant::now();
    while server.open_files() > 60 {
        assert!(began.elapsed() < SOON, "{} files are open", server.open_files());
        sleep(Duration::from_millis(10));
    }
}

#[apply(both_databases)]
fn whoever_asks_a_stream_for_what_is_gone_is_told_where_the_feed_starts(database: Database) {
    let server = Server::fresh(database);
    for number in 0..3 {
        create(&server, number);
    }
    server.scratch().sql().run("UPDATE event_feed SET trimmed_through = 2").unwrap();
    let gone = server.request("GET", "/events/stream").header("Last-Event-ID", "1").send();
    assert_eq!(gone.problem(410, "events-gone")["first_sequence"], "3");
    server.get("/events/stream").problem(410, "events-gone");
    assert_eq!(EventStream::open(&server, "?after=2", &[]).event().0, 3);
}

#[apply(both_databases)]
fn a_reader_goes_on_where_it_was_when_the_server_was_killed(database: Database) {
    let mut server = Server::fresh(database);
    let mut last = 0;
    for round in 0..5 {
        let id = last.to_string();
        let mut stream = EventStream::open(&server, "", &[("Last-Event-ID", &id)]);
        for number in 0..10 {
            create(&server, round * 10 + number);
        }
        // Some events that were sent are not read.
        for _ in 0..7 {
            let (id, _, _) = stream.event();
            assert_eq!(id, last + 1);
            last = id;
        }
        server = server.restart();
    }
    assert_eq!(last, 35);
}

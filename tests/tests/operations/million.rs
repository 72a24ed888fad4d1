//! A million orders: the last page is as fast as the first, and streams use little memory.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail")]
#![expect(clippy::print_stdout, reason = "a test may tell what it measured")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use orders_tests::{Bulk, Database, HOUR, Server, at};
use rstest_reuse::apply;

use crate::both_databases;

const MILLION: Bulk = Bulk { number: 1_000_000, at_once: 1 };
const SORTS: [&str; 4] = ["datetime", "-datetime", "created_at", "-created_at"];
/// How much longer than the first page another may take, and what is too short to be compared.
const RATIO: u32 = 5;
const FLOOR: Duration = Duration::from_millis(40);
/// How long a page may take for which orders are looked at in vain.
const MOST: Duration = Duration::from_millis(500);

#[apply(both_databases)]
fn every_page_is_as_fast_as_the_first_and_a_stream_takes_no_room(database: Database) {
    let scratch = database.fresh();
    let server = Server::start(&scratch);
    let start = Instant::now();
    MILLION.store(&mut scratch.sql());
    println!("{database:?}: stored in {:?}", start.elapsed());
    for sort in SORTS {
        for services in ["", "&service=4", "&service=10", "&service=1&service=2&service=10"] {
            compare_pages(&server, sort, services);
        }
        for filter in filters_without_an_index(sort) {
            let path = format!("/orders?sort={sort}&{filter}");
            let [taken] = times(&server, [&path]);
            println!("{path}: {taken:?}");
            assert!(taken <= MOST, "{path}: {taken:?}");
        }
    }
    stream(&server, "/orders.ndjson", MILLION.number);
    stream(&server, "/orders.csv?sort=-created_at", MILLION.number + 1);
    let [head] = times(&server, ["HEAD /orders.ndjson"]);
    assert!(head <= MOST, "a HEAD reads no million orders: {head:?}");
}

/// Compares the first page of a list with pages deep in it, entered by a bound and by a cursor.
fn compare_pages(server: &Server, sort: &str, services: &str) {
    for from in [250_000, 900_000] {
        let first = format!("/orders?sort={sort}{services}");
        let entered = format!("/orders?sort={sort}&{}{services}", bound(sort, from));
        let cursor = server.get(&entered).json()["next_cursor"].clone();
        let went_on = format!("{entered}&cursor={}", cursor.as_str().unwrap_or_default());
        let paths = [first.as_str(), &entered, if cursor.is_null() { &entered } else { &went_on }];
        let [first, entered, went_on] = times(server, paths);
        println!("{first:?}, {entered:?}, {went_on:?}: {}", paths[1]);
        let most = (first * RATIO).max(FLOOR);
        assert!(
            entered <= most && went_on <= most,
            "{first:?}, {entered:?}, {went_on:?}: {paths:?}"
        );
    }
}

/// A bound behind which a list by this sort starts after so many orders.
fn bound(sort: &str, from: i64) -> String {
    let place = if sort.starts_with('-') { MILLION.number - from } else { from };
    let (name, time) = match sort.trim_start_matches('-') {
        "datetime" => ("", Bulk::FIRST + place * 3 * HOUR),
        _ => ("created_", Bulk::MADE + place * 10),
    };
    let end = if sort.starts_with('-') { "to" } else { "from" };
    format!("{name}{end}={}", at(time))
}

/// Fees, and bounds on the time that the list is not sorted by: a narrow one and a wide one.
fn filters_without_an_index(sort: &str) -> [String; 4] {
    let (prefix, first, step) = match sort.trim_start_matches('-') {
        "datetime" => ("created_", Bulk::MADE, 10),
        _ => ("", Bulk::FIRST, 3 * HOUR),
    };
    [
        "min_fee=999.99&max_fee=999.99".to_owned(),
        "min_fee=5000".to_owned(),
        format!("{prefix}from={}&{prefix}to={}", at(first), at(first + 8 * step)),
        format!("{prefix}from={}", at(first + 500_000 * step)),
    ]
}

/// How long each of these takes, by turns: the least of a few, since what else the machine does can
/// only add to it.
fn times<const N: usize>(server: &Server, paths: [&str; N]) -> [Duration; N] {
    let mut least = [Duration::MAX; N];
    for _ in 0..7 {
        for (path, least) in paths.iter().zip(&mut least) {
            let (method, path) = path.split_once(' ').unwrap_or(("GET", path));
            let start = Instant::now();
            drop(server.request(method, path).send().assert_status(200));
            *least = start.elapsed().min(*least);
        }
    }
    least
}

/// Reads a stream to its end, and checks that the server needs little memory to send it.
fn stream(server: &Server, path: &str, lines: i64) {
    let (before, start) = (server.resident_kib(), Instant::now());
    let mut socket = TcpStream::connect(server.address()).unwrap();
    let host = server.address();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let (mut piece, mut seen, mut tail, mut most) = (vec![0; 1 << 16], 0, Vec::new(), before);
    for step in 0.. {
        let length = socket.read(&mut piece).unwrap();
        if length == 0 {
            break;
        }
        let piece = piece.get(..length).unwrap();
        seen += piece.split(|byte| *byte == b'\n').count() - 1;
        tail.extend_from_slice(piece);
        tail.drain(..tail.len().saturating_sub(7));
        if step % 100 == 0 {
            most = most.max(server.resident_kib());
        }
    }
    println!("{path}: {:?}, from {before} to {most} KiB", start.elapsed());
    assert_eq!(tail, b"\r\n0\r\n\r\n", "{path} is whole");
    // The head and the sizes of chunks have lines, too.
    assert!(i64::try_from(seen).unwrap() >= lines, "{seen} lines of {path}");
    assert!(most - before < 50 * 1024, "{path}: from {before} to {most} KiB");
}

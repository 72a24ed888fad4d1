//! A million orders: the last page takes as long as the first, and all of them are streamed in
//! little memory.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use orders_tests::{Bulk, Database, HOUR, Server, at};
use rstest::rstest;

const MILLION: Bulk = Bulk { number: 1_000_000, at_once: 1 };
const SORTS: [&str; 4] = ["datetime", "-datetime", "created_at", "-created_at"];
/// How much longer than the first page another may take, and what is too short to be compared.
const RATIO: u32 = 5;
const FLOOR: Duration = Duration::from_millis(25);

#[rstest]
fn every_page_is_as_fast_as_the_first_and_a_stream_takes_no_room(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(scratch) = database.fresh() else { return };
    let server = Server::start(&scratch);
    MILLION.store(&mut scratch.sql());
    for sort in SORTS {
        for filter in ["", "&service=4", "&service=10", "&service=1&service=2&service=10"] {
            let first = time(&server, &format!("/orders?sort={sort}{filter}"));
            for from in [250_000, 999_000] {
                // Deep in the list by a bound, and by the cursor of the page that starts there.
                let bound = deep(sort, from);
                let page = format!("/orders?sort={sort}&{bound}{filter}");
                let entered = time(&server, &page);
                let cursor = server.get(&page).json()["next_cursor"].clone();
                let cursor = cursor.as_str().map(|cursor| format!("&cursor={cursor}"));
                let went_on = time(&server, &format!("{page}{}", cursor.unwrap_or_default()));
                for taken in [entered, went_on] {
                    let most = (first * RATIO).max(FLOOR);
                    assert!(taken <= most, "{page}: {taken:?}, the first page {first:?}");
                }
            }
        }
        // No index leads to these: each page looks at some orders, and says where it stopped.
        for filter in ["min_fee=999.99&max_fee=999.99", "min_fee=5000"] {
            let taken = time(&server, &format!("/orders?sort={sort}&{filter}"));
            assert!(taken <= Duration::from_millis(500), "{sort} {filter}: {taken:?}");
        }
    }
    stream(&server, "/orders.ndjson", b'\n', MILLION.number);
    stream(&server, "/orders.csv?sort=-created_at", b'\n', MILLION.number + 1);
    let head = Instant::now();
    server.request("HEAD", "/orders.ndjson").send().assert_status(200);
    assert!(head.elapsed() < Duration::from_millis(500), "{:?}", head.elapsed());
}

/// A bound behind which a list by this sort starts after so many orders.
fn deep(sort: &str, from: i64) -> String {
    let place = if sort.starts_with('-') { MILLION.number - from } else { from };
    let (name, time) = match sort.trim_start_matches('-') {
        "datetime" => ("", Bulk::FIRST + place * 3 * HOUR),
        _ => ("created_", Bulk::MADE + place * 10),
    };
    let end = if sort.starts_with('-') { "to" } else { "from" };
    format!("{name}{end}={}", at(time))
}

/// How long a page takes: the median of a few.
fn time(server: &Server, path: &str) -> Duration {
    let mut taken: Vec<Duration> = (0..5)
        .map(|_| {
            let start = Instant::now();
            drop(server.get(path).assert_status(200));
            start.elapsed()
        })
        .collect();
    taken.sort();
    *taken.get(2).unwrap()
}

/// Reads a stream to its end, and checks that the server needs little memory to send it.
fn stream(server: &Server, path: &str, end_of_line: u8, lines: i64) {
    let before = server.resident_kib();
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
        seen += piece.iter().filter(|byte| **byte == end_of_line).count();
        tail.extend_from_slice(piece);
        tail.drain(..tail.len().saturating_sub(7));
        if step % 100 == 0 {
            most = most.max(server.resident_kib());
        }
    }
    assert_eq!(tail, b"\r\n0\r\n\r\n", "{path} is whole");
    assert!(i64::try_from(seen).unwrap() >= lines, "{seen} lines of {path}");
    assert!(most - before < 50 * 1024, "{path}: from {before} to {most} KiB");
}

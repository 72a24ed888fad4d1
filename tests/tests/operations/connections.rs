//! Connections: slow ones are closed, idle ones are cheap; CORS; TLS and the reload of certificates.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use orders_tests::{Bulk, Database, Scratch, Server, Setup, certificate};
use rstest::rstest;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Connects, and reads a number of answers on the connection first.
fn connect(server: &Server, answers: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let host = server.address();
    for _ in 0..answers {
        write!(stream, "GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"}") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            read.extend(byte);
        }
    }
    stream
}

/// Whether the server has closed it.
fn is_cut(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let mut answer = [0; 4096];
    let cut = loop {
        match stream.read(&mut answer) {
            // An answer that says so comes before the end.
            Ok(1..) => {}
            Ok(0) => break true,
            Err(error) => break error.kind() != ErrorKind::WouldBlock,
        }
    };
    stream.set_nonblocking(false).unwrap();
    cut
}

#[rstest]
fn slow_heads_and_bodies_are_cut(#[values(Database::Sqlite)] database: Database) {
    let server = Server::fresh(database);
    let slow = [
        "GET /orders HTTP/1.1\r\nX-Slow: ",
        "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\n{",
        "GET /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\n",
    ];
    let mut streams = Vec::new();
    for answers in [0, 1, 3] {
        for head in slow {
            let mut stream = connect(&server, answers);
            stream.write_all(head.as_bytes()).unwrap();
            streams.push((answers, head, stream));
        }
    }
    let began = Instant::now();
    while !streams.is_empty() && began.elapsed() < Duration::from_secs(15) {
        sleep(Duration::from_millis(200));
        // A byte now and then, so that none is idle.
        streams.retain_mut(|(_, _, stream)| {
            drop(stream.write_all(b" "));
            !is_cut(stream)
        });
    }
    let left: Vec<_> = streams.iter().map(|(answers, head, _)| (answers, head)).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(began.elapsed() > Duration::from_secs(5), "nobody is hurried");
}

#[rstest]
fn a_slow_head_is_told_so_whichever_request_of_its_connection_it_is(
    #[values(Database::Sqlite)] database: Database,
) {
    let server = Server::fresh(database);
    let mut streams = [0, 1, 3].map(|answers| connect(&server, answers));
    for stream in &mut streams {
        stream.write_all(b"GET /orders HTTP/1.1\r\nX-Slow: ").unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    }
    for mut stream in streams {
        let mut answer = String::new();
        drop(stream.read_to_string(&mut answer));
        assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer:?}");
    }
}

#[rstest]
fn a_request_that_waits_behind_a_long_answer_is_not_late(
    #[values(Database::Sqlite)] database: Database,
) {
    let server = Server::fresh(database);
    // More than the system keeps on its way.
    Bulk { number: 100_000, at_once: 1 }.store(&mut server.scratch().sql());
    let mut stream = connect(&server, 1);
    let host = server.address();
    let both = format!(
        "GET /orders.ndjson HTTP/1.1\r\nHost: {host}\r\n\r\n\
         GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    );
    let (first, second) = both.split_at(both.find("GET /healthz").unwrap());
    stream.write_all(first.as_bytes()).unwrap();
    sleep(Duration::from_millis(300));
    stream.write_all(second.as_bytes()).unwrap();
    sleep(Duration::from_secs(12));
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).unwrap();
    assert!(answers.ends_with(b"}"), "the second is answered, too");
    let last = String::from_utf8_lossy(&answers[answers.len() - 2_000..]).into_owned();
    assert!(last.contains("0\r\n\r\nHTTP/1.1 200 OK"), "{last}");
}

/// The 99th percentile of a number of reads.
fn p99(server: &Server, reads: usize) -> Duration {
    let client = server.another();
    let mut times: Vec<Duration> = (0..reads)
        .map(|_| {
            let began = Instant::now();
            drop(client.get("/orders/223").assert_status(200));
            let took = began.elapsed();
            sleep(Duration::from_millis(1));
            took
        })
        .collect();
    times.sort();
    *times.get(reads * 99 / 100).unwrap()
}

/// Connections that send their head byte by byte, until all are closed.
fn bother(server: &Server, number: usize, gone: &AtomicBool) -> Duration {
    let mut slow: Vec<TcpStream> = (0..number).map(|_| connect(server, 0)).collect();
    let began = Instant::now();
    while !slow.is_empty() && began.elapsed() < Duration::from_secs(30) {
        slow.retain_mut(|stream| {
            drop(stream.write_all(b"G"));
            !is_cut(stream)
        });
        sleep(Duration::from_millis(500));
    }
    gone.store(true, Ordering::SeqCst);
    assert!(slow.is_empty(), "{} of {number} were not cut", slow.len());
    began.elapsed()
}

/// What else the machine does slows single rounds down, with and without slow connections: of
/// several, taken in turns, those count that were disturbed least.
#[rstest]
fn a_thousand_slow_connections_hurt_nobody_and_are_cut(
    #[values(Database::Sqlite)] database: Database,
) {
    /// What the system itself takes now and then to wake a process up.
    const FLOOR: Duration = Duration::from_millis(5);
    let server = Server::with_sample_data(database);
    let _first = p99(&server, 500);
    let mut rounds = Vec::new();
    while rounds.len() < 3 {
        let alone = (0..2).map(|_| p99(&server, 500)).min().unwrap();
        let gone = AtomicBool::new(false);
        let beside = scope(|threads| {
            let bothered = threads.spawn(|| bother(&server, 1_000, &gone));
            // They are all there, and none is cut yet.
            sleep(Duration::from_secs(2));
            let beside = (0..2).map(|_| p99(&server, 500)).min().unwrap();
            assert!(!gone.load(Ordering::SeqCst), "they were there all the while");
            let took = bothered.join().unwrap();
            assert!(took < Duration::from_secs(15), "{took:?} until all were cut");
            beside
        });
        rounds.push((alone, beside));
    }
    let alone = rounds.iter().map(|round| round.0).min().unwrap();
    let beside = rounds.iter().map(|round| round.1).min().unwrap();
    assert!(beside <= (alone * 2).max(FLOOR), "without and beside slow connections: {rounds:?}");
}

#[rstest]
fn ten_thousand_idle_connections_are_served_in_little_memory(
    #[values(Database::Sqlite)] database: Database,
) {
    let server = Server::with_sample_data(database);
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: files.maximum, ..files };
    let raised = rustix::process::setrlimit(rustix::process::Resource::Nofile, raised);
    assert!(raised.is_ok());
    let enough = files.maximum.is_none_or(|most| most >= 11_000);
    assert!(enough, "this needs 11 000 open files (ulimit -n), the system allows {files:?}");
    let before = server.resident_kib();
    let mut idle: Vec<TcpStream> = (0..10_000).map(|_| connect(&server, 1)).collect();
    let with = server.resident_kib();
    assert!(with < 200 * 1024, "{with} KiB with ten thousand connections, {before} KiB without");
    server.get("/orders/223").assert_status(200);
    let some = idle.iter_mut().step_by(1_000);
    some.for_each(|stream| assert!(!is_cut(stream), "an idle connection is kept"));
    drop(idle);
    let gone = Instant::now();
    while server.open_files() >= 100 && gone.elapsed() < Duration::from_secs(30) {
        sleep(Duration::from_millis(100));
    }
    assert!(server.open_files() < 100, "they are gone, with all that was theirs");
    // Memory is released a few seconds later, even without requests.
    let most = before + 20 * 1024;
    while server.resident_kib() > most && gone.elapsed() < Duration::from_mins(1) {
        sleep(Duration::from_millis(100));
    }
    let left = server.resident_kib();
    assert!(left <= most, "{left} KiB are left of {with} KiB, {before} KiB before");
    // Their resources are free again.
    let again: Vec<TcpStream> = (0..10_000).map(|_| connect(&server, 1)).collect();
    let after = server.resident_kib();
    assert!(after < 200 * 1024, "{after} KiB with as many others, {with} KiB before");
    drop(again);
}

#[rstest]
fn only_named_sites_are_let_in(#[values(Database::Sqlite)] database: Database) {
    let scratch = database.fresh();
    let named = "https://console.example";
    let setup = Setup { arguments: &["--cors-origin", named, "--sample-data"], ..Setup::default() };
    let server = Server::start_as(&scratch, &setup);
    let ask = |method: &'static str, origin: &str| {
        server.request(method, "/orders/223").header("Origin", origin).send()
    };
    let preflight = ask("OPTIONS", named).assert_status(204);
    assert_eq!(preflight.header("Access-Control-Allow-Origin"), Some(named));
    assert!(preflight.header("Access-Control-Allow-Methods").unwrap().contains("DELETE"));
    assert!(preflight.header("Access-Control-Allow-Headers").unwrap().contains("X-API-Key"));
    let read = ask("GET", named).assert_status(200);
    assert_eq!(read.header("Access-Control-Allow-Origin"), Some(named));
    for method in ["OPTIONS", "GET"] {
        let foreign = ask(method, "https://evil.example");
        assert_eq!(foreign.header("Access-Control-Allow-Origin"), None);
    }
    ask("DELETE", "https://evil.example").problem(403, "forbidden");
    ask("DELETE", named).assert_status(204);
    let off = Server::with_sample_data(database);
    let answer = off.request("GET", "/orders/223").header("Origin", named).send();
    assert_eq!(answer.header("Access-Control-Allow-Origin"), None);
}

fn put(scratch: &Scratch, name: &str) {
    for (from, to) in [("key", "server.key"), ("pem", "server.pem")] {
        let from = certificate(&format!("{name}.{from}"));
        fs::copy(from, scratch.dir().join(to)).unwrap();
    }
}

/// Asks by TLS, trusting one certificate only; `None` if the server shows another.
fn ask_by_tls(server: &Server, trusted: &str) -> Option<String> {
    let mut roots = RootCertStore::empty();
    let pem = certificate(&format!("{trusted}.pem"));
    roots.add(CertificateDer::from_pem_file(pem).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(server.address()).unwrap());
    let request = "GET /orders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    Some(String::from_utf8_lossy(&answer).into_owned())
}

#[rstest]
fn tls_is_spoken_and_a_new_certificate_is_taken_up(#[values(Database::Sqlite)] database: Database) {
    let scratch = database.fresh();
    put(&scratch, "first");
    let setup = Setup {
        arguments: &["--tls-cert", "server.pem", "--tls-key", "server.key"],
        ..Setup::default()
    };
    let server = Server::start_as(&scratch, &setup);
    let answer = ask_by_tls(&server, "first").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("\"data\":[]"), "{answer}");
    assert_eq!(ask_by_tls(&server, "second"), None);
    // An incomplete request changes nothing.
    fs::copy(certificate("second.pem"), scratch.dir().join("server.pem")).unwrap();
    server.wait_for_log("not read again");
    assert!(ask_by_tls(&server, "first").is_some());
    put(&scratch, "second");
    server.wait_for_log("certificate was read again");
    assert!(ask_by_tls(&server, "second").is_some());
    // A client that never shakes hands is cut, too.
    let mut silent = TcpStream::connect(server.address()).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    assert!(matches!(silent.read(&mut [0]), Ok(0)) || is_cut(&mut silent));
}

#[test]
fn a_certificate_that_is_none_is_a_clear_error() {
    let scratch = Database::Sqlite.fresh();
    put(&scratch, "first");
    fs::copy(certificate("second.key"), scratch.dir().join("other.key")).unwrap();
    for (pem, key) in [
        ("none.pem", "server.key"),
        ("server.pem", "none.key"),
        ("server.pem", "other.key"),
        ("server.key", "server.key"),
    ] {
        let run =
            scratch.run(&["serve", "--bind", "127.0.0.1:0", "--tls-cert", pem, "--tls-key", key]);
        run.assert_refused(1, "");
    }
    scratch.run(&["serve", "--tls-cert", "server.pem"]).assert_refused(2, "tls-key");
}

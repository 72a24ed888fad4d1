//! Faults under constant load: responses come in time, acknowledged writes are there, rejected ones are
//! not, and the service recovers by itself.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use orders_tests::{
    Database, HOUR, Metrics, Postgres, Scratch, Server, Setup, SmallDisk, TcpProxy, order,
    under_load,
};
use rstest::rstest;

const NOON: i64 = 1_700_000_000_000;

/// A server on a PostgreSQL of its own, with the order that is read while something goes wrong.
fn on(scratch: &Scratch, url: &str) -> Server {
    let setup = Setup { url: Some(url), arguments: &["--sample-data"], ..Setup::default() };
    with_first(Server::start_as(scratch, &setup))
}

/// Of the sample data, only the services are wanted.
fn with_first(server: Server) -> Server {
    for id in ["223", "224", "225"] {
        server.delete(format!("/orders/{id}")).assert_status(204);
    }
    server.post("/orders", &order("first", NOON)).assert_status(201);
    server
}

#[rstest]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn postgres_is_restarted(#[values(false, true)] at_once: bool) {
    let mut postgres = Postgres::fresh();
    let scratch = Database::Sqlite.fresh();
    let server = on(&scratch, &postgres.url());
    let outcomes = under_load(&[&server], || {
        postgres.stop(at_once);
        sleep(Duration::from_secs(2));
        postgres.start();
    });
    outcomes.assert_kept(&server);
    let metrics = Metrics::of(&server);
    let lost = metrics.value("orders_database_errors_total", &[("kind", "unavailable")]);
    assert!(lost >= 1.0, "{metrics:?}");
    drop(server);
    drop(scratch.run(&["doctor", "--database-url", &postgres.url()]).assert_fine());
}

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn postgres_is_frozen_for_ten_seconds() {
    let postgres = Postgres::fresh();
    let scratch = Database::Sqlite.fresh();
    let server = on(&scratch, &postgres.url());
    let outcomes = under_load(&[&server], || {
        postgres.freeze();
        scope(|threads| {
            threads.spawn(|| sleep(Duration::from_secs(10)));
            // Requests that need no database get a response at once, the metrics within a second.
            let start = Instant::now();
            server.get("/healthz").assert_status(200);
            server.get("/readyz").problem(503, "database-unavailable");
            let metrics = Metrics::of(&server);
            assert!(metrics.sum("orders_database_up") < 0.5, "{metrics:?}");
            assert!(start.elapsed() < Duration::from_secs(10));
        });
        postgres.thaw();
    });
    outcomes.assert_kept(&server);
    assert!(Metrics::of(&server).sum("orders_database_up") > 0.5);
}

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn postgres_is_cut_off_without_a_word() {
    let postgres = Postgres::fresh();
    let scratch = Database::Sqlite.fresh();
    let proxy = TcpProxy::to(postgres.address());
    let url = postgres.url().replace(&postgres.address(), &proxy.address);
    let server = on(&scratch, &url);
    let near =
        Server::start_as(&scratch, &Setup { url: Some(&postgres.url()), ..Setup::default() });
    let outcomes = under_load(&[&server], || {
        proxy.black_hole();
        sleep(Duration::from_secs(1));
        // Another process has the lock after seconds: the session that is cut off is ended by
        // PostgreSQL.
        let start = Instant::now();
        let mut number = 0;
        while near.post("/orders", &order(&format!("near{number}"), NOON - 24 * HOUR)).status != 201
        {
            number += 1;
            assert!(start.elapsed() < Duration::from_secs(15), "tried {number} times");
        }
        near.delete(format!("/orders/near{number}")).assert_status(204);
        sleep(Duration::from_secs(6).saturating_sub(start.elapsed()));
        proxy.restore();
    });
    outcomes.assert_kept(&server);
}

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn lists_that_hang_use_up_their_pool_and_hold_up_nothing_else() {
    let scratch = Database::Postgres.fresh();
    let server =
        Server::start_as(&scratch, &Setup { arguments: &["--sample-data"], ..Setup::default() });
    let mut sql = scratch.sql();
    // Lists of a service's orders need this table; reads by id do not.
    sql.run("BEGIN; LOCK TABLE order_services IN ACCESS EXCLUSIVE MODE").unwrap();
    scope(|threads| {
        // Distinct pages, because requests for the same page share one query.
        let lists: Vec<_> = (1..=30)
            .map(|limit| {
                let client = server.another();
                threads.spawn(move || {
                    let start = Instant::now();
                    let answer = client.get(format!("/orders?service=123&limit={limit}"));
                    (answer, start.elapsed())
                })
            })
            .collect();
        let is_used_up = |metrics: &Metrics| {
            let in_use = [("pool", "lists"), ("state", "in_use")];
            let most = metrics.value("orders_database_connections_max", &[("pool", "lists")]);
            metrics.value("orders_database_connections", &in_use) >= most
        };
        let start = Instant::now();
        while !is_used_up(&Metrics::of(&server)) {
            assert!(start.elapsed() < Duration::from_secs(3), "the pool is not used up");
        }
        for _ in 0..100 {
            let start = Instant::now();
            server.get("/orders/223").assert_status(200);
            assert!(start.elapsed() < Duration::from_secs(1));
        }
        let metrics = Metrics::of(&server);
        assert!(metrics.sum("orders_database_up") > 0.5, "it is not the database: {metrics:?}");
        for list in lists {
            let (answer, took) = list.join().unwrap();
            assert_eq!(answer.status, 503, "{answer}");
            assert!(answer.header("Retry-After").is_some(), "{answer}");
            assert!(took < Duration::from_secs(6), "{took:?}");
        }
    });
    sql.run("ROLLBACK").unwrap();
    let start = Instant::now();
    while server.get("/orders?service=123").status != 200 {
        assert!(start.elapsed() < Duration::from_secs(6), "it does not recover");
    }
    assert!(Metrics::of(&server).sum("orders_database_errors_total") >= 1.0);
    let ours = "SELECT count(*) AS number FROM pg_stat_activity \
                WHERE application_name = 'orders-api' AND datname = current_database()";
    assert!((1..20).contains(&sql.number(ours)), "connections are bounded");
}

#[test]
#[cfg_attr(not_root, ignore = "only root can mount a disk")]
fn the_disk_is_full() {
    let disk = SmallDisk::make(24);
    let scratch = Database::Sqlite.fresh();
    let file = disk.path().join("orders.db");
    let server = on(&scratch, file.to_str().unwrap());
    let outcomes = under_load(&[&server], || {
        let ballast = fill(&disk);
        sleep(Duration::from_secs(2));
        // What was free of the last pages of its files may take a few more.
        let start = Instant::now();
        while server.post("/orders", &order("full", NOON - 24 * HOUR)).status != 503 {
            drop(server.delete("/orders/full"));
            assert!(start.elapsed() < Duration::from_secs(20), "the disk is not full");
        }
        server.get("/readyz").assert_status(200);
        fs::remove_file(ballast).unwrap();
    });
    assert_eq!(outcomes.reads.1, 0, "reads need no room: {outcomes:?}");
    assert!(!outcomes.refused.is_empty());
    outcomes.assert_kept(&server);
    // And after a restart, too.
    drop(server);
    let server = Server::start_as(&scratch, &Setup { url: file.to_str(), ..Setup::default() });
    outcomes.assert_kept(&server);
}

/// Fills a disk up to its last page.
fn fill(disk: &SmallDisk) -> PathBuf {
    let ballast = disk.path().join("ballast");
    let mut filling = fs::File::create(&ballast).unwrap();
    while filling.write_all(&[1; 4_096]).is_ok() {}
    ballast
}

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
#[cfg_attr(not_root, ignore = "only root can mount a disk")]
fn postgres_has_no_room_for_its_tables() {
    let disk = SmallDisk::make(96);
    let postgres = Postgres::fresh_on(disk.path(), false);
    let scratch = Database::Sqlite.fresh();
    let server = on(&scratch, &postgres.url());
    let outcomes = under_load(&[&server], || {
        let ballast = fill(&disk);
        let start = Instant::now();
        let mut number = 0;
        // There may be some room in the last pages of its tables.
        while server
            .post("/orders", &order(&format!("full{number}"), NOON - (1 + number) * 24 * HOUR))
            .status
            != 503
        {
            number += 1;
            assert!(start.elapsed() < Duration::from_secs(30), "the disk is not full");
        }
        sleep(Duration::from_secs(1));
        server.get("/readyz").assert_status(200);
        fs::remove_file(ballast).unwrap();
        for number in 0..number {
            drop(server.delete(format!("/orders/full{number}")));
        }
    });
    assert_eq!(outcomes.reads.1, 0, "reads need no room: {outcomes:?}");
    assert!(!outcomes.refused.is_empty(), "{outcomes:?}");
    outcomes.assert_kept(&server);
    let metrics = Metrics::of(&server);
    assert!(metrics.value("orders_database_errors_total", &[("kind", "failed")]) >= 1.0);
}

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
#[cfg_attr(not_root, ignore = "only root can mount a disk")]
fn postgres_has_no_room_for_its_log_of_writes_and_is_started_again_once_it_has() {
    let disk = SmallDisk::make(96);
    let mut postgres = Postgres::fresh_on(disk.path(), true);
    let scratch = Database::Sqlite.fresh();
    let server = on(&scratch, &postgres.url());
    let outcomes = under_load(&[&server], || {
        let ballast = fill(&disk);
        let start = Instant::now();
        // It ends itself once it can write nothing any more.
        while server.get("/readyz").status == 200 {
            assert!(start.elapsed() < Duration::from_mins(1), "it goes on");
            sleep(Duration::from_millis(50));
        }
        server.get("/healthz").assert_status(200);
        fs::remove_file(ballast).unwrap();
        postgres.stop(true);
        postgres.start();
    });
    assert!(!outcomes.refused.is_empty(), "{outcomes:?}");
    outcomes.assert_kept(&server);
}

#[test]
#[cfg_attr(not_root, ignore = "only root can mount a disk")]
fn a_file_that_may_only_be_read_is_read_and_takes_writes_after_a_restart() {
    let disk = SmallDisk::make(24);
    let scratch = Database::Sqlite.fresh();
    let file = disk.path().join("orders.db");
    let url = file.to_str().unwrap();
    drop(on(&scratch, url));
    disk.make_read_only();
    let server = Server::start_as(&scratch, &Setup { url: Some(url), ..Setup::default() });
    for number in 0..3 {
        server.get("/orders/first").assert_status(200);
        assert_eq!(server.all("/orders").len(), 1);
        let refused = server.post("/orders", &order(&format!("r{number}"), NOON + 24 * HOUR));
        refused.problem(503, "database-unavailable");
        assert!(refused.header("Retry-After").is_some(), "{refused}");
    }
    assert!(!server.log().contains("panicked"), "{}", server.log());
    drop(server);
    disk.make_writable();
    let server = Server::start_as(&scratch, &Setup { url: Some(url), ..Setup::default() });
    server.post("/orders", &order("after", NOON + 24 * HOUR)).assert_status(201);
    assert_eq!(server.all("/orders").len(), 2);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let scratch = Database::Sqlite.fresh();
    drop(with_first(Server::start_as(
        &scratch,
        &Setup { arguments: &["--sample-data"], ..Setup::default() },
    )));
    let garbage = vec![0xa5; 8_192];
    for end in ["", "-wal", "-shm"] {
        drop(fs::remove_file(format!("{}{end}", scratch.file().display())));
    }
    fs::write(scratch.file(), &garbage).unwrap();
    let log = Server::try_start(&scratch, &Setup::default()).unwrap_err();
    assert!(log.contains("is not an SQLite database") && !log.contains("panicked"), "{log}");
    assert_eq!(fs::read(scratch.file()).unwrap(), garbage);
}

#[test]
fn pages_that_are_damaged_are_told_and_never_made_up() {
    let scratch = Database::Sqlite.fresh();
    let server =
        Server::start_as(&scratch, &Setup { arguments: &["--sample-data"], ..Setup::default() });
    server.post("/orders", &order("first", NOON)).assert_status(201);
    drop(server);
    let mut sql = scratch.sql();
    sql.run("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let page = sql.number("SELECT rootpage AS number FROM sqlite_schema WHERE name = 'orders'");
    let size = sql.number("SELECT page_size AS number FROM pragma_page_size");
    drop(sql);
    let mut bytes = fs::read(scratch.file()).unwrap();
    let from = usize::try_from((page - 1) * size).unwrap();
    bytes[from..from + usize::try_from(size).unwrap()].fill(0xa5);
    fs::write(scratch.file(), &bytes).unwrap();
    let server = Server::start(&scratch);
    for path in ["/orders/first", "/orders", "/orders/223"] {
        let answer = server.get(path);
        assert!(matches!(answer.status, 500 | 503), "{answer}");
    }
    let refused = server.post("/orders", &order("second", NOON + 24 * HOUR));
    assert!(matches!(refused.status, 500 | 503), "{refused}");
    server.get("/healthz").assert_status(200);
    server.get("/services/123").assert_status(200);
    assert!(Metrics::of(&server).sum("orders_database_errors_total") >= 1.0);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

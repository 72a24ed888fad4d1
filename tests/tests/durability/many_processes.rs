//! Several processes on one PostgreSQL: a rolling restart behind a proxy, and a failover to a standby.

use std::thread::sleep;
use std::time::Duration;

use orders_tests::{
    Client, Database, HOUR, OWN_KEY, Pooler, Postgres, Proxy, Scratch, Server, Setup, free_address,
    libfaketime, millis_of, order, under_load,
};

const NOON: i64 = 1_700_000_000_000;

/// A process as it runs behind a proxy, on an address that it keeps.
fn start(scratch: &Scratch, url: &str, bind: &str) -> Server {
    let setup = Setup {
        bind: Some(bind),
        arguments: &["--trust-proxy", "127.0.0.1", "--auth", "required"],
        variables: &[("ORDERS_API_KEY", OWN_KEY)],
        url: Some(url),
        // With the usual drain delay.
        drains: true,
        ..Setup::default()
    };
    Server::start_as(scratch, &setup)
}

/// Makes the order that is read meanwhile, and the service that it has.
fn prepare(client: &Client) {
    for id in [123, 456, 789] {
        let service = serde_json::json!({"id": id, "name": format!("service {id}")});
        client.post("/services", &service).assert_status(201);
    }
    client.post("/orders", &order("first", NOON)).assert_status(201);
}

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
#[cfg_attr(no_haproxy, ignore = "haproxy is not installed")]
fn a_rolling_restart_behind_a_proxy_fails_no_request() {
    let scratch = Database::Postgres.fresh();
    let addresses = [free_address(), free_address()];
    let mut servers = addresses.each_ref().map(|address| start(&scratch, &scratch.url(), address));
    let proxy = Proxy::before(&addresses[0], &addresses[1]);
    let client = proxy.client().with_key(OWN_KEY);
    prepare(&client);
    let outcomes = under_load(&[&client], || {
        for _ in 0..2 {
            for (server, address) in servers.iter_mut().zip(&addresses) {
                server.terminate();
                assert_eq!(server.wait(), Some(0), "{}", server.log());
                *server = start(&scratch, &scratch.url(), address);
                // Until the proxy has seen that it is there again.
                server.wait_for_log("listening on");
                sleep(Duration::from_secs(1));
            }
        }
    });
    assert!(outcomes.refused.is_empty() && outcomes.unknown.is_empty(), "{outcomes:?}");
    assert_eq!((outcomes.reads.1, outcomes.unanswered), (0, 0), "{outcomes:?}");
    outcomes.assert_kept(&client);
    scratch.assert_calm();
}

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn a_standby_is_promoted_and_nothing_that_was_acknowledged_is_lost() {
    let mut primary = Postgres::fresh();
    let scratch = Database::Sqlite.fresh();
    let standby = primary.standby();
    let both = format!(
        "postgres://orders@{},{}/orders?target_session_attrs=read-write",
        primary.address(),
        standby.address()
    );
    let servers = [free_address(), free_address()].map(|it| start(&scratch, &both, &it));
    let clients = servers.each_ref().map(|server| server.with_key(OWN_KEY));
    prepare(&clients[0]);
    let outcomes = under_load(&[&clients[0], &clients[1]], || {
        primary.stop(true);
        sleep(Duration::from_secs(1));
        standby.promote();
    });
    for client in &clients {
        outcomes.assert_kept(client);
    }
    for server in &servers {
        assert!(!server.log().contains("panicked"), "{}", server.log());
    }
}

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
#[cfg_attr(no_pgbouncer, ignore = "pgbouncer is not installed")]
fn two_processes_behind_a_pooler_that_keeps_sessions_apart_lose_nothing() {
    let mut postgres = Postgres::fresh();
    let scratch = Database::Sqlite.fresh();
    let pooler = Pooler::before(&postgres, "session");
    let servers = [free_address(), free_address()].map(|it| start(&scratch, &pooler.url(), &it));
    let clients = servers.each_ref().map(|server| server.with_key(OWN_KEY));
    prepare(&clients[0]);
    // Also when what is behind it goes away meanwhile.
    let outcomes = under_load(&[&clients[0], &clients[1]], || {
        sleep(Duration::from_secs(1));
        postgres.stop(false);
        postgres.start();
    });
    for client in &clients {
        outcomes.assert_kept(client);
    }
    for server in &servers {
        let log = server.log();
        assert!(!log.contains("panicked") && !log.contains("another session's"), "{log}");
    }
}

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
#[cfg_attr(no_faketime, ignore = "libfaketime is not installed")]
fn a_process_whose_clock_is_off_by_an_hour_does_no_harm() {
    let (scratch, library) = (Database::Postgres.fresh(), libfaketime());
    let arguments = &["--sample-data", "--log-format", "json", "--require-if-match"];
    let right = Server::start_as(&scratch, &Setup { arguments, ..Setup::default() });
    for id in ["223", "224", "225"] {
        let delete = right.request("DELETE", format!("/orders/{id}")).header("If-Match", "*");
        delete.send().assert_status(204);
    }
    right.post("/orders", &order("first", NOON)).assert_status(201);
    let variables = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME", "+1h"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let setup = Setup { arguments, variables: &variables, ..Setup::default() };
    let wrong = Server::start_as(&scratch, &setup);
    let logged = |server: &Server| {
        let log = server.log();
        let line = log.lines().find(|line| line.contains("listening on")).unwrap();
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        millis_of(line["time"].as_str().unwrap())
    };
    assert!(logged(&wrong) - logged(&right) > HOUR - 60_000, "its clock is another");
    let outcomes = under_load(&[&right, &wrong], || sleep(Duration::from_secs(1)));
    assert!(outcomes.refused.is_empty() && outcomes.unknown.is_empty(), "{outcomes:?}");
    outcomes.assert_kept(&wrong);
    // Times are those of the database, whoever wrote, so they rise with the sequence.
    let events = right.get("/events?limit=1000").assert_status(200).json();
    let times = events["data"].as_array().unwrap().iter();
    let times: Vec<i64> = times.map(|event| millis_of(event["time"].as_str().unwrap())).collect();
    assert!(times.is_sorted() && times.last().unwrap() - times.first().unwrap() < HOUR / 2);
    // So is the time by which a key expires.
    let arguments =
        ["keys", "create", "--name", "short", "--role", "reader", "--expires-in", "30m"];
    let made = scratch.run(&arguments).assert_fine().stdout;
    let key = made.trim_end().split_once(' ').unwrap().1;
    sleep(Duration::from_secs(1));
    for server in [&right, &wrong] {
        server.with_key(key).get("/orders?limit=1").assert_status(200);
    }
}

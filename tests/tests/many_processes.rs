//! Several processes on one PostgreSQL: restarted one after the other behind a proxy, and over a
//! change of the primary.

use std::thread::sleep;
use std::time::{Duration, Instant};

use orders_tests::{
    Client, Database, OWN_KEY, Postgres, Proxy, Scratch, Server, Setup, free_address, order,
    under_load,
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
fn a_rolling_restart_behind_a_proxy_fails_no_request() {
    let Some(scratch) = Database::Postgres.fresh() else { return };
    let addresses = [free_address(), free_address()];
    let Some(proxy) = Proxy::before(&addresses[0], &addresses[1]) else { return };
    let mut servers = addresses.each_ref().map(|address| start(&scratch, &scratch.url(), address));
    let client = proxy.client().with_key(OWN_KEY);
    wait_until_served(&client);
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

fn wait_until_served(client: &Client) {
    let patience = Instant::now() + Duration::from_secs(10);
    while client.get("/readyz").status != 200 {
        assert!(Instant::now() < patience, "the proxy finds nobody");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_standby_is_promoted_and_nothing_that_was_acknowledged_is_lost() {
    let Some(mut primary) = Postgres::fresh() else { return };
    let Some(scratch) = Database::Sqlite.fresh() else { return };
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

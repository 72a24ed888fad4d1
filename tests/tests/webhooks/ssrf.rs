//! No spelling of an address and no redirect leads a webhook to this machine or to a private network,
//! unless the operator allows it.

use orders_tests::{Database, Hook, Receiver, Reply, delivering, keyed, order};
use rstest_reuse::apply;
use serde_json::json;

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

#[apply(both_databases)]
fn no_spelling_of_an_address_inside_is_taken(database: Database) {
    let scratch = database.fresh();
    let (_server, admin) = keyed(&scratch, &["--sample-data"]);
    let receiver = Receiver::start();
    let port = receiver.port();
    let good = admin.post("/webhooks", &json!({"url": "https://example.com"})).assert_status(201);
    let good = format!("/webhooks/{}", good.json()["id"].as_str().unwrap());
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0x0.0x0.0x1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "0",
        "0.0.0.0",
        "127.255.255.254",
        "localhost",
        "LocalHost",
        "localhost.",
        "a.b.localhost",
        "ｌｏｃａｌｈｏｓｔ",
        "１２７.０.０.１",
        "127。0。0。1",
        "%31%32%37.0.0.1",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "[fd00::1]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        for url in [format!("https://{host}:{port}/"), format!("https://{host}/")] {
            let refused = admin.post("/webhooks", &json!({"url": url}));
            refused.problem(422, "webhook-url-refused");
            assert_eq!(refused.pointers(), ["/url"], "{url}");
            let patched = admin.request("PATCH", &*good).json(&json!({"url": url})).send();
            patched.problem(422, "webhook-url-refused");
        }
    }
    for url in ["http://example.com", "http://127.0.0.1"] {
        admin.post("/webhooks", &json!({"url": url})).problem(422, "webhook-url-refused");
    }
    assert!(receiver.received().is_empty());
}

#[apply(both_databases)]
fn what_is_registered_is_checked_again_at_each_delivery(database: Database) {
    let scratch = database.fresh();
    let receiver = Receiver::start();
    let path = {
        let (_server, admin) = delivering(&scratch, &[]);
        Hook::make(&admin, &receiver).path
    };
    // Registered while it was allowed; now it is not, by whatever name.
    let (_server, admin) = keyed(&scratch, &[]);
    let test = || admin.request("POST", format!("{path}/test")).send().assert_status(200).json();
    assert_eq!((&test()["delivered"], &test()["http_status"]), (&json!(false), &json!(null)));
    let set = |url: &str| {
        let statement = format!("UPDATE webhooks SET url = '{url}'");
        scratch.sql().run(&statement).unwrap();
    };
    let hostname = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    for host in ["127.0.0.1", "localhost", "ip6-localhost", "[::ffff:127.0.0.1]", hostname.trim()] {
        for scheme in ["http", "https"] {
            set(&format!("{scheme}://{host}:{}/", receiver.port()));
            let test = test();
            assert_eq!(test["delivered"], false, "{host} {test}");
        }
    }
    admin.post("/orders", &order("a", NOON)).assert_status(201);
    let hook = Hook { path, secret: String::new() };
    let held = hook.wait_until(&admin, |webhook| webhook["state"]["attempts"] == 1);
    assert_eq!(held["state"]["pending"], 1);
    assert!(receiver.received().is_empty());
}

#[apply(both_databases)]
fn no_redirect_is_followed(database: Database) {
    let scratch = database.fresh();
    let (_server, admin) = delivering(&scratch, &[]);
    let inside = Receiver::start();
    let to = inside.url();
    for status in [301, 302, 303, 307, 308] {
        let head = format!(
            "HTTP/1.1 {status} There\r\nLocation: {to}\r\nRefresh: 0; url={to}\r\nContent-Length: 0\r\n\r\n"
        );
        let receiver = Receiver::answering(move |_, _| Reply::Raw(head.clone()));
        let hook = Hook::make(&admin, &receiver);
        let test = admin.request("POST", format!("{}/test", hook.path)).send();
        let test = test.assert_status(200).json();
        assert_eq!((&test["delivered"], &test["http_status"]), (&json!(false), &json!(status)));
        assert_eq!(receiver.received().len(), 1);
    }
    assert!(inside.received().is_empty());
}

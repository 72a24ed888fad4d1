//! Webhooks: created, changed, rotated, tested, listed and deleted, and what is rejected.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use orders_tests::{
    Database, HOUR, Hook, OWN_KEY, Receiver, Reply, Server, Setup, certificate, delivering, keyed,
    order,
};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;
fn path(webhook: &Value) -> String {
    format!("/webhooks/{}", webhook["id"].as_str().unwrap())
}

fn secret(webhook: &Value) -> String {
    webhook["secret"].as_str().unwrap().to_owned()
}

#[apply(both_databases)]
fn an_endpoint_is_told_of_what_it_asks_for_signed(database: Database) {
    let scratch = database.fresh();
    let (server, admin) = delivering(&scratch, &["--log", "debug"]);
    let receiver = Receiver::start();
    let body = json!({"url": receiver.url(), "events": ["order.created", "order.deleted"],
        "description": "Tells the warehouse"});
    let made = admin.post("/webhooks", &body).assert_status(201);
    assert_eq!(made.header("Cache-Control"), Some("no-store"));
    let made_location = made.header("Location").unwrap().to_owned();
    let made = made.json();
    assert_eq!(made_location, path(&made));
    assert!(secret(&made).starts_with("whsec_"));
    let created = admin.post("/orders", &order("a", NOON)).assert_status(201).json();
    let mut changed = order("a", NOON);
    changed["totalfee"] = json!(7);
    let updated = admin.put("/orders/a", &changed).assert_status(200).json();
    admin.delete("/orders/a").assert_status(204);
    let received = receiver.wait_for(2);
    for request in &received {
        assert!(request.is_signed_with(&secret(&made)), "{request:?}");
        assert_eq!(request.line, "POST /hook?from=orders HTTP/1.1");
        assert_eq!(request.header("content-type"), "application/cloudevents+json");
        assert_eq!(request.header("host"), format!("127.0.0.1:{}", receiver.port()));
    }
    let [first, second] = [received[0].event(), received[1].event()];
    assert_eq!((&first["type"], &first["data"]["after"]), (&json!("order.created"), &created));
    assert_eq!((&second["type"], &second["data"]["before"]), (&json!("order.deleted"), &updated));
    assert_ne!(received[0].header("webhook-id"), received[1].header("webhook-id"));
    assert_eq!(admin.all("/orders/a/history")[0], first, "an event is the same everywhere");
    let hook = Hook { path: path(&made), secret: secret(&made) };
    hook.wait_until_idle(&admin);
    let log = hook.log(&admin);
    assert_eq!(log.len(), 2, "{log:?}");
    assert_eq!(log[0]["message_id"], received[1].header("webhook-id"));
    assert_eq!((&log[0]["status"], &log[0]["http_status"]), (&json!("succeeded"), &json!(204)));
    assert!(!server.log().contains(&secret(&made)));
}

#[apply(both_databases)]
fn webhooks_are_made_listed_changed_and_deleted(database: Database) {
    let scratch = database.fresh();
    let (_server, admin) = keyed(&scratch, &["--sample-data"]);
    let create = |body: &Value| admin.post("/webhooks", body).assert_status(201).json();
    let made = create(&json!({"url": "https://example.com/hook"}));
    assert_eq!((&made["events"], &made["description"]), (&json!(["order.*"]), &Value::Null));
    let mut shown = made.clone();
    shown.as_object_mut().unwrap().remove("secret");
    assert_eq!(admin.get(path(&made)).assert_status(200).json(), shown);
    let other = create(&json!({"url": "https://example.com", "description": null}));
    let all = admin.all("/webhooks");
    assert_eq!((all.len(), &all[0]), (2, &shown));
    let page = admin.get("/webhooks?limit=1").assert_status(200);
    assert!(page.header("Link").is_some());
    let rest = format!("/webhooks?cursor={}", page.json()["next_cursor"].as_str().unwrap());
    assert_eq!(admin.get(rest).assert_status(200).json()["data"][0]["id"], other["id"]);
    let patch = |body: &Value| {
        admin.request("PATCH", path(&made)).json(body).send().assert_status(200).json()
    };
    assert_eq!(patch(&json!({})), shown);
    let changed = patch(&json!({"url": "https://example.org/", "events": ["order.updated"],
        "description": "x", "disabled": true}));
    assert_eq!(changed["disabled_reason"], "operator");
    assert_eq!(admin.get(path(&made)).json(), changed);
    let back = patch(&json!({"description": null, "disabled": false}));
    assert_eq!((&back["description"], &back["disabled"]), (&Value::Null, &json!(false)));
    admin.delete(path(&made)).assert_status(204);
    admin.delete(path(&made)).problem(404, "not-found");
    for request in [
        admin.get(path(&made)),
        admin.request("PATCH", path(&made)).json(&json!({"disabled": true})).send(),
        admin.post(format!("{}/rotate", path(&made)), &json!({})),
        admin.request("POST", format!("{}/test", path(&made))).send(),
        admin.get(format!("{}/deliveries", path(&made))),
        admin.post(format!("{}/replay", path(&made)), &json!({"after": "0"})),
        admin.get("/webhooks/whk_1"),
    ] {
        request.problem(404, "not-found");
    }
    assert_eq!(admin.all("/webhooks").len(), 1);
}

#[apply(both_databases)]
fn what_is_wrong_with_a_webhook_is_told(database: Database) {
    let scratch = database.fresh();
    let (_server, admin) = keyed(&scratch, &["--sample-data"]);
    let url = "https://example.com";
    for (body, pointers) in [
        (json!({}), &["/url"][..]),
        (json!([]), &[""]),
        (json!({"url": 5, "events": "order.*", "secret": "x"}), &["/events", "/secret", "/url"]),
        (json!({"url": url, "events": []}), &["/events"]),
        (json!({"url": url, "events": ["order.*", "x", 3]}), &["/events/1", "/events/2"]),
        (json!({"url": url, "events": ["order.*", "order.*"]}), &["/events/1"]),
        (json!({"url": url, "events": vec!["order.*"; 3_000]}), &["/events"]),
        (json!({"url": url, "description": "a\u{0}b"}), &["/description"]),
        (json!({"url": url, "description": "x".repeat(501)}), &["/description"]),
        (json!({"url": "example.com"}), &["/url"]),
        (json!({"url": format!("{url}/{}", "x".repeat(50_000))}), &["/url"]),
        (json!({"url": "https://user:word@example.com"}), &["/url"]),
    ] {
        let refused = admin.post("/webhooks", &body);
        refused.problem(422, "invalid-webhook");
        assert_eq!(refused.pointers(), pointers, "{body}");
    }
    admin.post("/webhooks", &json!({"url": "x".repeat(100_000)})).problem(413, "body-too-large");
    let made = admin.post("/webhooks", &json!({"url": url})).assert_status(201).json();
    for after in [json!("-1"), json!("01"), json!(1.5), json!(null), json!("x")] {
        let refused = admin.post(format!("{}/replay", path(&made)), &json!({"after": after}));
        refused.problem(422, "invalid-webhook");
        assert_eq!(refused.pointers(), ["/after"], "{after}");
    }
    let log = format!("{}/deliveries", path(&made));
    admin.get(format!("{log}?status=lost")).problem(400, "invalid-parameter");
    admin.get(format!("{log}?cursor=x")).problem(400, "invalid-parameter");
    assert_eq!(
        admin.get(format!("{log}?status=failed")).assert_status(200).json()["data"],
        json!([])
    );
}

#[apply(both_databases)]
fn both_secrets_sign_while_they_overlap(database: Database) {
    let scratch = database.fresh();
    let (_server, admin) = delivering(&scratch, &["--log", "debug"]);
    let receiver = Receiver::start();
    let made = admin.post("/webhooks", &json!({"url": receiver.url()})).assert_status(201).json();
    let rotate = |body: &Value| {
        admin.post(format!("{}/rotate", path(&made)), body).assert_status(200).json()
    };
    let bare = admin.request("POST", format!("{}/rotate", path(&made))).send().assert_status(200);
    assert_eq!(bare.header("Cache-Control"), Some("no-store"));
    let (first, second, third) = (secret(&made), secret(&bare.json()), secret(&rotate(&json!({}))));
    let signed_by = |number: usize, secrets: [&str; 3]| {
        let at = NOON + i64::try_from(number).unwrap() * 24 * HOUR;
        admin.post("/orders", &order(&number.to_string(), at)).assert_status(201);
        let received = receiver.wait_for(number).pop().unwrap();
        secrets.map(|secret| received.is_signed_with(secret))
    };
    assert_eq!(signed_by(1, [&first, &second, &third]), [true, true, true]);
    let fourth = secret(&rotate(&json!({"overlap": "0s"})));
    assert_eq!(signed_by(2, [&first, &third, &fourth]), [false, false, true]);
    let fifth = secret(&rotate(&json!({"overlap": "1s"})));
    assert_eq!(signed_by(3, [&third, &fourth, &fifth]), [false, true, true]);
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(signed_by(4, [&third, &fourth, &fifth]), [false, false, true]);
}

#[apply(both_databases)]
fn a_test_says_what_became_of_it(database: Database) {
    let scratch = database.fresh();
    let (_server, admin) = delivering(&scratch, &["--log", "debug"]);
    let receiver = Receiver::answering(|_, place| Reply::Status([200, 500, 302][place.min(2)]));
    let made = admin.post("/webhooks", &json!({"url": receiver.url()})).assert_status(201).json();
    let test = || {
        let test = admin.request("POST", format!("{}/test", path(&made))).send();
        test.assert_status(200).json()
    };
    let fine = test();
    assert_eq!((&fine["delivered"], &fine["http_status"]), (&json!(true), &json!(200)));
    let [received] = &receiver.received()[..] else { panic!("one came") };
    assert!(received.is_signed_with(&secret(&made)));
    assert_eq!(received.event()["type"], "webhook.test");
    for status in [500, 302] {
        let bad = test();
        assert_eq!((&bad["delivered"], &bad["http_status"]), (&json!(false), &json!(status)));
        assert!(bad["error"].is_string(), "{bad}");
    }
    let closed = format!("http://127.0.0.1:{}", receiver.port());
    drop(receiver);
    admin.request("PATCH", path(&made)).json(&json!({"url": closed})).send().assert_status(200);
    let dead = test();
    assert_eq!((&dead["delivered"], &dead["http_status"]), (&json!(false), &Value::Null));
    assert!(admin.all(&format!("{}/deliveries", path(&made))).is_empty(), "a test is no delivery");
}

#[apply(both_databases)]
fn a_change_is_done_once_under_its_idempotency_key(database: Database) {
    let scratch = database.fresh();
    let (_server, admin) = keyed(&scratch, &["--sample-data"]);
    let send = |method: &str, path: &str, key: &str, body: &Value| {
        admin.request(method, path).header("Idempotency-Key", key).json(body).send()
    };
    let body = json!({"url": "https://example.com"});
    let made = send("POST", "/webhooks", "make", &body).assert_status(201).json();
    send("POST", "/webhooks", "make", &body).problem(409, "already-done");
    send("POST", "/webhooks", "make", &json!({"url": "https://example.org"}))
        .problem(422, "idempotency-key-reused");
    assert_eq!(admin.all("/webhooks").len(), 1);
    let rotate = format!("{}/rotate", path(&made));
    send("POST", &rotate, "rotate", &json!({})).assert_status(200);
    send("POST", &rotate, "rotate", &json!({})).problem(409, "already-done");
    let replay = format!("{}/replay", path(&made));
    for (method, path, key, body, status) in [
        ("PATCH", path(&made), "patch", json!({"disabled": true}), 200),
        ("POST", replay, "replay", json!({"after": 0}), 200),
        ("DELETE", path(&made), "delete", json!({}), 204),
    ] {
        let request = || {
            let request = admin.request(method, path.as_str()).header("Idempotency-Key", key);
            if method == "DELETE" { request.send() } else { request.json(&body).send() }
        };
        let first = request().assert_status(status);
        let again = request().assert_status(status);
        assert_eq!(again.header("Idempotency-Replayed"), Some("true"));
        assert_eq!(first.body, again.body);
    }
}

#[apply(both_databases)]
fn only_admins_with_a_key_have_webhooks_and_secrets_stay_secret(database: Database) {
    let scratch = database.fresh();
    let open = Server::start(&scratch);
    open.get("/webhooks").problem(403, "forbidden");
    open.post("/webhooks", &json!({"url": "https://example.com"})).problem(403, "forbidden");
    drop(open);
    let (server, admin) = keyed(&scratch, &["--sample-data", "--log", "trace"]);
    for role in ["reader", "writer"] {
        let key =
            admin.post("/keys", &json!({"name": "x", "role": role})).assert_status(201).json();
        let client = server.with_key(key["key"].as_str().unwrap());
        client.get("/webhooks").problem(403, "forbidden");
        client.post("/webhooks", &json!({"url": "https://example.com"})).problem(403, "forbidden");
    }
    server.get("/webhooks").problem(401, "unauthenticated");
    let url = "https://example.com/token-that-nobody-should-see";
    let made = admin.post("/webhooks", &json!({"url": url})).assert_status(201).json();
    let rotated = admin.post(format!("{}/rotate", path(&made)), &json!({})).assert_status(200);
    let secrets = [secret(&made), secret(&rotated.json())];
    let answers = [
        admin.get("/webhooks"),
        admin.get(path(&made)),
        admin.request("PATCH", path(&made)).json(&json!({"disabled": true})).send(),
        admin.post(format!("{}/replay", path(&made)), &json!({"after": "0"})),
        admin.get(format!("{}/deliveries", path(&made))),
    ];
    for secret in &secrets {
        let bare = secret.trim_start_matches("whsec_");
        for answer in &answers {
            assert!(!answer.text().contains(bare), "{answer}");
        }
        assert!(!server.log().contains(bare), "a secret is in the log");
    }
    assert!(!server.log().contains("token-that-nobody"), "a URL may hold a secret, too");
}

#[apply(both_databases)]
fn there_may_be_a_thousand_webhooks(database: Database) {
    let scratch = database.fresh();
    let (_server, admin) = keyed(&scratch, &[]);
    let body = json!({"url": "https://example.com"});
    let made = admin.post("/webhooks", &body).assert_status(201).json();
    let columns = "url, events, created_at_ms, updated_at_ms, position, attempts, next_attempt_ms, \
                   generation, lease_until_ms";
    let mut sql = scratch.sql();
    for number in 1..1_000 {
        let copy = format!(
            "INSERT INTO webhooks (id, {columns}) SELECT 'whk_{number:016x}', {columns} \
             FROM webhooks WHERE id = '{}'",
            made["id"].as_str().unwrap()
        );
        sql.run(&copy).unwrap();
    }
    admin.post("/webhooks", &body).problem(409, "too-many-webhooks");
    assert_eq!(admin.all("/webhooks").len(), 1_000);
    admin.delete(path(&made)).assert_status(204);
    admin.post("/webhooks", &body).assert_status(201);
}

#[test]
fn the_sample_of_the_documentation_verifies_what_is_sent() {
    let scratch = Database::Sqlite.fresh();
    let (_server, admin) = delivering(&scratch, &[]);
    let receiver = Receiver::start();
    let hook = Hook::make(&admin, &receiver);
    admin.post("/orders", &order("a", NOON)).assert_status(201);
    let request = receiver.wait_for(1).remove(0);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/WEBHOOKS.md");
    let text = std::fs::read_to_string(file).unwrap();
    let sample = text.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!(request.header(name)))).collect();
    let body = String::from_utf8(request.body.clone()).unwrap();
    let calls = format!(
        "{sample}\nimport json\nheaders = json.loads({headers:?})\nbody = {body:?}.encode()\n\
         secret = {secret:?}\nprint(verify(secret, headers, body), verify(secret, headers, body + b' '),\n\
         verify(secret, headers, body, time.time() + 1000), verify('whsec_AAAA', headers, body))",
        headers = Value::from(headers).to_string(),
        secret = hook.secret,
    );
    let run = std::process::Command::new("python3").args(["-c", &calls]).output().unwrap();
    let printed = String::from_utf8_lossy(&run.stdout).into_owned();
    assert_eq!(printed.trim(), "True False False False", "{run:?}");
}

#[apply(both_databases)]
fn over_tls_the_certificate_must_be_one_that_is_trusted(database: Database) {
    let scratch = database.fresh();
    let [first, key, second] = ["first.pem", "first.key", "second.pem"].map(certificate);
    let receiver = Receiver::with_tls(&first, &key);
    for (trusted, delivered) in [(&first, true), (&second, false)] {
        let setup = Setup {
            arguments: &["--allow-private-webhooks"],
            variables: &[("ORDERS_API_KEY", OWN_KEY), ("SSL_CERT_FILE", trusted.to_str().unwrap())],
            ..Setup::default()
        };
        let server = Server::start_as(&scratch, &setup);
        let admin = server.with_key(OWN_KEY);
        for host in ["localhost", "127.0.0.1"] {
            let url = format!("https://{host}:{}/hook", receiver.port());
            let made = admin.post("/webhooks", &json!({"url": url})).assert_status(201).json();
            let test = admin.request("POST", format!("{}/test", path(&made))).send();
            let test = test.assert_status(200).json();
            assert_eq!(test["delivered"], delivered, "{host} {test}");
        }
    }
    assert_eq!(receiver.received().len(), 2);
    // Plain HTTP where TLS is spoken, and a name that the certificate has not.
    let (_server, admin) = delivering(&scratch, &[]);
    let made = admin.post("/webhooks", &json!({"url": receiver.url()})).assert_status(201).json();
    let test = admin.request("POST", format!("{}/test", path(&made))).send().assert_status(200);
    assert_eq!(test.json()["delivered"], false);
}

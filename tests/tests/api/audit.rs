//! The audit trail: who changed what besides orders, and who signed in.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail")]

use orders_tests::{Answer, Client, Database, OWN_KEY, Scratch, Server, Setup};
use orders_tests::{make_key, send_form, sign_in};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

/// A server with an admin key from the command line, and a client with it.
fn keyed(database: Database) -> (Scratch, Server, String, Client) {
    let scratch = database.fresh();
    let (id, key) = make_key(&scratch, "admin");
    let server = Server::start(&scratch);
    let admin = server.with_key(&key);
    (scratch, server, id, admin)
}

/// The actions of all entries, with their targets.
fn actions(admin: &Client) -> Vec<(String, Value)> {
    let entries = admin.all("/audit").into_iter();
    entries
        .map(|entry| (entry["action"].as_str().unwrap().to_owned(), entry["target"].clone()))
        .collect()
}

fn request_id(answer: &Answer) -> Value {
    answer.header("X-Request-Id").unwrap().into()
}

#[apply(both_databases)]
fn every_change_leaves_one_entry_with_its_author_and_request(database: Database) {
    let (_, server, id, admin) = keyed(database);
    let mut made: Vec<(&str, Value, Answer)> = Vec::new();
    let post = |path: &str, body: Value| admin.post(path, &body);
    let service = json!("7");
    made.push((
        "service.created",
        service.clone(),
        post("/services", json!({"id": 7, "name": "A"})),
    ));
    let renamed = admin.put("/services/7", &json!({"name": "B"}));
    made.push(("service.updated", service.clone(), renamed));
    made.push(("service.deleted", service, admin.delete("/services/7")));
    let key = post("/keys", json!({"name": "k", "role": "reader"}));
    let key_id = key.json()["id"].clone();
    let of_key = format!("/keys/{}", key_id.as_str().unwrap());
    made.push(("key.created", key_id.clone(), key));
    made.push(("key.rotated", key_id.clone(), post(&format!("{of_key}/rotate"), json!({}))));
    made.push(("key.revoked", key_id, admin.delete(&of_key)));
    let webhook = post("/webhooks", json!({"url": "https://example.com/hook"}));
    let webhook_id = webhook.json()["id"].clone();
    let of_webhook = format!("/webhooks/{}", webhook_id.as_str().unwrap());
    made.push(("webhook.created", webhook_id.clone(), webhook));
    let disabled = admin.request("PATCH", &*of_webhook).json(&json!({"disabled": true})).send();
    made.push(("webhook.updated", webhook_id.clone(), disabled));
    let replayed = post(&format!("{of_webhook}/replay"), json!({"after": "0"}));
    made.push(("webhook.replayed", webhook_id.clone(), replayed));
    let rotated = post(&format!("{of_webhook}/rotate"), json!({}));
    made.push(("webhook.rotated", webhook_id.clone(), rotated));
    made.push(("webhook.deleted", webhook_id, admin.delete(&of_webhook)));

    let entries = admin.all("/audit");
    assert_eq!(entries[0]["action"], "key.created", "by the command line");
    assert_eq!(entries.len(), made.len() + 1, "{entries:?}");
    for (entry, (action, target, answer)) in entries.iter().skip(1).zip(&made) {
        assert!((200..300).contains(&answer.status), "{action}: {answer}");
        assert_eq!((&entry["action"], &entry["target"]), (&json!(action), target));
        assert_eq!((&entry["actor"], &entry["request_id"]), (&json!(id), &request_id(answer)));
        let members = entry.as_object().unwrap().keys().map(String::as_str);
        let names = ["id", "time", "actor", "action", "target", "request_id"];
        assert!(members.eq(names), "{entry}");
        let line = format!("{action} {} by {id} ", target.as_str().unwrap());
        server.wait_for_log(&line);
        let log = server.log();
        let logged: Vec<&str> = log.lines().filter(|logged| logged.contains(&line)).collect();
        assert_eq!(logged.len(), 1, "{logged:?}");
        let request = entry["request_id"].as_str().unwrap();
        assert!(logged[0].contains("INFO") && logged[0].contains(request), "{logged:?}");
    }
}

#[apply(both_databases)]
fn what_changes_nothing_leaves_no_entry(database: Database) {
    let (_, _server, _, admin) = keyed(database);
    admin.post("/services", &json!({"id": 7, "name": "A"})).assert_status(201);
    let create = |name: &str| {
        let request = admin.request("POST", "/services").header("Idempotency-Key", "once");
        request.json(&json!({"name": name})).send()
    };
    create("B").assert_status(201);
    let before = admin.all("/audit");
    // Replayed, unchanged, rejected.
    assert_eq!(create("B").assert_status(201).header("Idempotency-Replayed"), Some("true"));
    create("C").problem(422, "idempotency-key-reused");
    admin.put("/services/7", &json!({"name": "A"})).assert_status(200);
    admin.post("/services", &json!({"id": 7, "name": "D"})).problem(409, "service-exists");
    admin.post("/services", &json!({"id": 0})).problem(422, "invalid-service");
    admin.delete("/services/8").problem(404, "not-found");
    admin.delete("/keys/key_0123456789abcdef").problem(404, "not-found");
    assert_eq!(admin.all("/audit"), before);
    assert_eq!(before.len(), 3);
}

#[apply(both_databases)]
fn a_change_that_cannot_be_recorded_is_not_made(database: Database) {
    let (scratch, _server, _, admin) = keyed(database);
    scratch.sql().run("ALTER TABLE audit RENAME TO audit_elsewhere").unwrap();
    let refused = admin.post("/services", &json!({"id": 7, "name": "A"}));
    assert!(refused.status >= 500, "{refused}");
    admin.get("/services/7").problem(404, "not-found");
    scratch.sql().run("ALTER TABLE audit_elsewhere RENAME TO audit").unwrap();
    admin.post("/services", &json!({"id": 7, "name": "A"})).assert_status(201);
}

#[apply(both_databases)]
fn the_list_is_paged_and_for_admins_only(database: Database) {
    let (scratch, server, _, admin) = keyed(database);
    for id in 1..=5 {
        let service = json!({"id": id, "name": format!("S{id}")});
        admin.post("/services", &service).assert_status(201);
    }
    let all = admin.get("/audit").assert_status(200).json();
    let all = all["data"].as_array().unwrap();
    let page = admin.get("/audit?limit=2").assert_status(200);
    assert_eq!(page.json()["data"].as_array().unwrap()[..], all[..2]);
    assert!(page.header("Link").unwrap().contains("rel=\"next\""));
    let cursor = page.json()["next_cursor"].as_str().unwrap().to_owned();
    let next = admin.get(format!("/audit?limit=3&cursor={cursor}")).assert_status(200);
    assert_eq!(next.json()["data"].as_array().unwrap()[..], all[2..5]);
    admin.get(format!("/keys?cursor={cursor}")).problem(400, "invalid-parameter");
    admin.get("/audit?actor=x").problem(400, "invalid-parameter");
    for role in ["reader", "writer"] {
        let (_, key) = make_key(&scratch, role);
        server.with_key(&key).get("/audit").problem(403, "forbidden");
    }
    server.get("/audit").problem(401, "unauthenticated");
}

#[apply(both_databases)]
fn commands_leave_entries(database: Database) {
    let scratch = database.fresh();
    let (id, _) = make_key(&scratch, "reader");
    let rotated = scratch.run(&["keys", "rotate", &id]).assert_fine();
    drop(scratch.run(&["keys", "revoke", &id]).assert_fine());
    drop(scratch.run(&["keys", "revoke", &id]));
    drop(scratch.run(&["keys", "rotate-session-secret"]).assert_fine());
    drop(scratch.run(&["policy", "set", "--window", "2h"]).assert_fine());
    drop(scratch.run(&["seed"]).assert_fine());
    let file = scratch.dir().join("more.json");
    std::fs::write(&file, r#"{"services": [{"id": 9, "name": "More"}], "orders": []}"#).unwrap();
    drop(scratch.run(&["import", file.to_str().unwrap()]).assert_fine());
    let setup = Setup { variables: &[("ORDERS_API_KEY", OWN_KEY)], ..Setup::default() };
    let server = Server::start_as(&scratch, &setup);
    let admin = server.with_key(OWN_KEY);
    let expected = [
        ("key.created", json!(id), "command-line"),
        ("key.rotated", json!(id), "command-line"),
        ("key.revoked", json!(id), "command-line"),
        ("session_secret.rotated", Value::Null, "command-line"),
        ("policy.updated", Value::Null, "command-line"),
        ("service.created", json!("123"), "seed"),
        ("service.created", json!("789"), "seed"),
        ("service.created", json!("456"), "seed"),
        ("service.created", json!("9"), "import"),
    ];
    let entries = admin.all("/audit");
    assert_eq!(entries.len(), expected.len(), "{entries:?}");
    for (entry, (action, target, actor)) in entries.iter().zip(expected) {
        assert_eq!((&entry["action"], &entry["target"]), (&json!(action), &target));
        assert_eq!((&entry["actor"], &entry["request_id"]), (&json!(actor), &Value::Null));
    }
    let secret = rotated.stdout.trim_end().rsplit('_').next().unwrap().to_owned();
    assert!(!admin.get("/audit").text().contains(&secret));
}

#[apply(both_databases)]
fn sign_ins_leave_entries_failed_ones_too(database: Database) {
    let (_, server, id, admin) = keyed(database);
    let key = admin.key().unwrap();
    let session = sign_in(&server, key);
    let wrong = format!("key=key_0123456789abcdef_{}&next=%2F", "0".repeat(64));
    let failed = send_form(&server, "/console/sign-in", "", &wrong).assert_status(422);
    send_form(&server, "/console/sign-in", "", "key=no+key&next=%2F").assert_status(422);
    send_form(&server, "/console/sign-out", &session, "").assert_status(303);
    let entries = admin.all("/audit");
    let expected = [
        ("session.created", json!(id), json!(id)),
        ("session.failed", json!("anonymous"), json!("key_0123456789abcdef")),
        ("session.failed", json!("anonymous"), Value::Null),
        ("session.ended", json!(id), json!(id)),
    ];
    assert_eq!(entries.len(), 1 + expected.len(), "{entries:?}");
    for (entry, (action, actor, target)) in entries[1..].iter().zip(expected) {
        assert_eq!(entry["action"], action);
        assert_eq!((&entry["actor"], &entry["target"]), (&actor, &target));
    }
    assert_eq!(entries[2]["request_id"], request_id(&failed));
    server.wait_for_log("session.failed key_0123456789abcdef by anonymous");
    let text = admin.get("/audit").text();
    assert!(!text.contains("no key") && !text.contains(&"0".repeat(64)));
    // What an admin does in the console names its key, too.
    let session = sign_in(&server, key);
    send_form(&server, "/console/services", &session, "name=New").assert_status(303);
    let last = admin.all("/audit").pop().unwrap();
    assert_eq!((&last["action"], &last["actor"]), (&json!("service.created"), &json!(id)));
}

#[apply(both_databases)]
fn a_flood_of_failed_sign_ins_does_not_fill_the_database(database: Database) {
    let (scratch, server, _, admin) = keyed(database);
    for _ in 0..150 {
        send_form(&server, "/console/sign-in", "", "key=wrong&next=%2F").assert_status(422);
    }
    let failed =
        || actions(&admin).into_iter().filter(|(action, _)| action == "session.failed").count();
    assert!((60..100).contains(&failed()), "{}", failed());
    // Also over days, and the rest of the trail stays.
    let rows = vec!["(1, 'anonymous', 'session.failed')"; 1_200].join(",");
    scratch
        .sql()
        .run(&format!("INSERT INTO audit (time_ms, actor, action) VALUES {rows}"))
        .unwrap();
    let server = server.restart();
    let admin = server.with_key(admin.key().unwrap());
    send_form(&server, "/console/sign-in", "", "key=wrong&next=%2F").assert_status(422);
    let trail = actions(&admin);
    assert_eq!(trail.len(), 1_001);
    assert_eq!(trail[0].0, "key.created");
}

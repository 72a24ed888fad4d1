//! The pages of admins: keys and webhooks.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use orders_tests::{Database, Server, make_key, open_page, send_form, sign_in};
use rstest::rstest;
use serde_json::json;

#[rstest]
fn an_admin_makes_and_revokes_keys_and_nobody_else_does(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(scratch) = database.fresh() else { return };
    let open_server = Server::start(&scratch);
    assert_eq!(
        open_page(&open_server, "/console/admin", "").status,
        403,
        "open to nobody without a key"
    );
    let [writer, admin] = ["writer", "admin"].map(|role| make_key(&scratch, role).1);
    let server = open_server;
    let (writes, administers) = (sign_in(&server, &writer), sign_in(&server, &admin));
    assert_eq!(open_page(&server, "/console/admin", &writes).status, 403);
    assert_eq!(send_form(&server, "/console/keys", &writes, "name=x&role=admin").status, 403);
    let hook = json!({"url": "https://example.com/<hook>", "description": "<i>for</i> the office"});
    server.with_key(&admin).post("/webhooks", &hook).assert_status(201);
    let page = open_page(&server, "/console/admin", &administers).assert_status(200).text();
    assert!(page.contains("delivering") && !page.contains("<hook>") && !page.contains("<i>"));

    let form = "token=one&name=Front+desk&role=reader&days=30";
    let made = send_form(&server, "/console/keys", &administers, form).assert_status(200).text();
    let key = made.split("<code id=\"made\">").nth(1).unwrap().split('<').next().unwrap();
    server.with_key(key).get("/orders").assert_status(200);
    let again = send_form(&server, "/console/keys", &administers, form).assert_status(409).text();
    assert!(!again.contains(key), "it is shown once");
    for wrong in ["name=&role=reader", "name=x&role=god", "name=x&role=reader&days=-1"] {
        assert_eq!(send_form(&server, "/console/keys", &administers, wrong).status, 422, "{wrong}");
    }
    let id = key.get(..20).unwrap();
    let revoked = send_form(&server, &format!("/console/keys/{id}/revoke"), &administers, "");
    assert_eq!(revoked.status, 303, "{revoked}");
    server.with_key(key).get("/orders").assert_status(401);
    let page = open_page(&server, "/console/admin", &administers).text();
    assert!(page.contains("Front desk") && page.contains("revoked"));
}

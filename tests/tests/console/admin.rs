//! The console's pages for admins: keys and webhooks.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

use orders_tests::{
    Answer, Browser, Client, Database, Looks, OWN_KEY, Receiver, Reply, Server, delivering,
    encoded, make_key, open_page, order, send_form, sign_in,
};
use rstest_reuse::apply;
use serde_json::json;

use crate::both_databases;

#[apply(both_databases)]
fn an_admin_makes_and_revokes_keys_and_nobody_else_does(database: Database) {
    let scratch = database.fresh();
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
    let rotate = format!("/console/keys/{id}/rotate");
    let form = "token=two&overlap=0s";
    let rotated = send_form(&server, &rotate, &administers, form).assert_status(200).text();
    let former = key;
    let key = made_in(&rotated);
    assert!(key.starts_with(id) && key != former, "{rotated}");
    server.with_key(former).get("/orders").assert_status(401);
    server.with_key(&key).get("/orders").assert_status(200);
    let again = send_form(&server, &rotate, &administers, form).assert_status(409);
    assert!(!again.text().contains(&key), "it is shown once");
    assert_eq!(send_form(&server, &rotate, &administers, "overlap=x").status, 422);
    assert_eq!(send_form(&server, &rotate, &writes, form).status, 403);
    let revoked = send_form(&server, &format!("/console/keys/{id}/revoke"), &administers, "");
    assert_eq!(revoked.status, 303, "{revoked}");
    server.with_key(&key).get("/orders").assert_status(401);
    assert_eq!(send_form(&server, &rotate, &administers, "overlap=1h").status, 404);
    let page = open_page(&server, "/console/admin", &administers).text();
    assert!(page.contains("Front desk") && page.contains("revoked"));
}

/// The secret that a page shows.
fn made_in(page: &str) -> String {
    let made = page.split("<code id=\"made\">").nth(1).expect("a secret is shown");
    made.split('<').next().unwrap().to_owned()
}

/// Makes a webhook by the form: its page, and what signs.
fn make_webhook(server: &Client, cookie: &str, form: &str) -> (String, String) {
    let page = send_form(server, "/console/webhooks", cookie, form).assert_status(200).text();
    let path = page.split("action=\"/console/webhooks/").nth(1).unwrap().split('/').next().unwrap();
    (format!("/console/webhooks/{path}"), made_in(&page))
}

/// Opens a page until it shows a text.
fn wait_for(server: &Client, path: &str, cookie: &str, text: &str) -> Answer {
    let began = std::time::Instant::now();
    loop {
        let page = open_page(server, path, cookie).assert_status(200);
        if page.text().contains(text) {
            return page;
        }
        assert!(began.elapsed().as_secs() < 60, "{text} does not come: {page}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[apply(both_databases)]
fn an_admin_makes_tests_changes_replays_and_ends_a_webhook(database: Database) {
    let scratch = database.fresh();
    let (server, admin) = delivering(&scratch, &[]);
    let (administers, writes) =
        (sign_in(&server, OWN_KEY), sign_in(&server, &make_key(&scratch, "writer").1));
    let receiver =
        Receiver::answering(|_, place| Reply::Status(if place == 1 { 500 } else { 204 }));
    let form = format!(
        "token=a&url={}&description=%3Ci%3Eoffice%3C%2Fi%3E&event=order.created&event=order.deleted",
        encoded(&receiver.url())
    );
    assert_eq!(send_form(&server, "/console/webhooks", &writes, &form).status, 403);
    let (path, secret) = make_webhook(&server, &administers, &form);
    assert!(secret.starts_with("whsec_"));
    let again = send_form(&server, "/console/webhooks", &administers, &form).assert_status(409);
    assert!(!again.text().contains(&secret), "it is shown once");
    let page = open_page(&server, &path, &administers).assert_status(200).text();
    assert!(page.contains("&#60;i&#62;office") && !page.contains(&secret), "{page}");
    let action =
        |name: &str, form: &str| send_form(&server, &format!("{path}/{name}"), &administers, form);
    for (name, form) in [
        ("", ""),
        ("/test", ""),
        ("/rotate", "overlap=0s"),
        ("/replay", "after=0"),
        ("/delete", ""),
    ] {
        let path = format!("{path}{name}");
        assert_eq!(send_form(&server, &path, &writes, form).status, 403, "{name}");
        let foreign = server
            .request("POST", &path)
            .header("Cookie", &administers)
            .header("Origin", "http://evil.example")
            .header("Content-Type", orders_tests::FORM)
            .body(form)
            .send();
        foreign.problem(403, "forbidden");
    }
    assert_eq!(open_page(&server, &path, &writes).status, 403);

    let tried = action("test", "").assert_status(200).text();
    assert!(tried.contains("The test was delivered: 204"), "{tried}");
    assert!(action("test", "").text().contains("The test failed"), "the second is refused");
    assert!(receiver.received()[0].is_signed_with(&secret));
    let rotated = made_in(&action("rotate", "token=r&overlap=0s").assert_status(200).text());
    assert_ne!(rotated, secret);

    admin.post("/orders", &order("o", 1_700_000_000_000)).assert_status(201);
    let page = wait_for(&server, &path, &administers, "<td>succeeded</td>");
    assert!(page.text().contains("<td>created</td>"), "{page}");
    let before = receiver.received().len();
    assert!(receiver.received()[before - 1].is_signed_with(&rotated));
    let failed = open_page(&server, &format!("{path}?status=failed"), &administers).text();
    assert!(failed.contains("No such deliveries"), "{failed}");
    let sequence = page.text();
    let after = sequence.rsplit("name=\"after\" value=\"").next().unwrap();
    let after = after.split('"').next().unwrap();
    action("replay", &format!("token=p&after={after}")).assert_status(303);
    let began = std::time::Instant::now();
    while receiver.received().len() == before {
        assert!(began.elapsed().as_secs() < 60, "nothing is delivered again");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(action("replay", "after=999999").assert_status(410).text().contains("role=\"alert\""));
    assert_eq!(action("replay", "after=x").status, 422);

    // Paused, nothing is delivered; what is wrong changes nothing, and what was written stays.
    let change = |form: &str| send_form(&server, &path, &administers, form);
    let url = encoded(&receiver.url());
    change(&format!("url={url}&event=order.*&state=paused")).assert_status(303);
    let id = path.rsplit('/').next().unwrap();
    let shown = admin.get(format!("/webhooks/{id}")).assert_status(200).json();
    assert_eq!((&shown["disabled"], &shown["events"]), (&json!(true), &json!(["order.*"])));
    assert_eq!(shown["description"], json!(null));
    for (form, why) in [
        (format!("url={url}"), "Choose at least"),
        ("url=ftp%3A%2F%2Fx&event=order.*".to_owned(), "The URL"),
        (format!("url={url}&event=order.*&description={}", "x".repeat(501)), "500 characters"),
    ] {
        let refused = change(&form).assert_status(422).text();
        assert!(refused.contains(why), "{why}: {refused}");
    }
    assert_eq!(admin.get(format!("/webhooks/{id}")).json(), shown, "nothing was changed");
    change(&format!("url={url}&event=order.*&state=active")).assert_status(303);
    assert_eq!(admin.get(format!("/webhooks/{id}")).json()["disabled"], false);

    let gone = action("delete", "").assert_status(303);
    assert_eq!(gone.header("Location"), Some("/console/admin#webhooks"));
    assert_eq!(open_page(&server, &path, &administers).status, 404);
    assert_eq!(action("delete", "").status, 404);
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn an_admin_does_it_all_in_a_browser_without_scripts() {
    let scratch = Database::Sqlite.fresh();
    let (server, admin) = delivering(&scratch, &[]);
    let looks = Looks { runs_scripts: false, ..Looks::default() };
    let browser = Browser::at(&server, looks);
    let receiver = Receiver::start();
    browser.open("/console/admin");
    browser.write("#key", OWN_KEY);
    browser.click("main .primary");
    browser.write("#name", "Front desk");
    browser.click(".filters .primary");
    browser.wait_for_text("shown only once");
    browser.click("[aria-label^=Revoke]");
    browser.click("details[open] button.danger[aria-label^='Revoke key']");
    browser.wait_for_text("revoked");
    browser.click("details.card summary");
    browser.write("#url", &receiver.url());
    browser.click("details.card .primary");
    browser.wait_for_text("Signing secret");
    browser.click("[action$=test] button");
    browser.wait_for_text("The test was delivered: 204");
    browser.click("[name=state][value=paused]");
    browser.click("[data-edit] .primary");
    // As the page has it that comes back, which no click does to the one before.
    drop(browser.wait("[name=state][value=paused][checked]"));
    assert_eq!(admin.all("/webhooks")[0]["disabled"], true);
    browser.click("summary.danger");
    browser.click("[action$=delete] button");
    browser.wait_for_text("There are no webhooks");
    assert!(admin.all("/webhooks").is_empty());
    browser.assert_clean(&["401"]);
}

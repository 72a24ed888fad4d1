//! The console as it is sent: who gets in and how far, what its answers weigh, and what of it a
//! hostile page could use.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::thread::sleep;
use std::time::{Duration, Instant};

use orders_tests::{
    Answer, Browser, Client, Database, Looks, MINUTE, Scratch, Server, Setup, at, millis_of,
};
use rstest::rstest;
use serde_json::json;

const FORM: &str = "application/x-www-form-urlencoded";

fn make_key(scratch: &Scratch, role: &str) -> (String, String) {
    let made = scratch.run(&["keys", "create", "--name", "<b>Ann</b>", "--role", role]);
    let printed = made.assert_fine().stdout;
    let (id, key) = printed.trim_end().split_once(' ').unwrap();
    (id.to_owned(), key.to_owned())
}

/// Sends a form as a browser does, from the service's own page.
fn send(client: &Client, path: &str, cookie: &str, form: &str) -> Answer {
    let origin = format!("http://{}", client.address());
    client
        .request("POST", path)
        .header("Origin", &origin)
        .header("Cookie", cookie)
        .header("Content-Type", FORM)
        .header("Accept", "text/html")
        .body(form)
        .send()
}

fn open(client: &Client, path: &str, cookie: &str) -> Answer {
    client.request("GET", path).header("Cookie", cookie).header("Accept", "text/html").send()
}

fn sign_in(client: &Client, key: &str) -> String {
    let answer = send(client, "/console/sign-in", "", &format!("key={key}&next=%2F"));
    assert_eq!((answer.status, answer.header("Location")), (303, Some("/")), "{answer}");
    let cookie = answer.header("Set-Cookie").unwrap();
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains(key), "the cookie does not hold the key");
    cookie.split(';').next().unwrap().to_owned()
}

#[rstest]
fn a_session_can_do_what_its_key_can_and_ends_with_it(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(scratch) = database.fresh() else { return };
    let [reader, (writer_id, writer), admin] =
        ["reader", "writer", "admin"].map(|role| make_key(&scratch, role));
    let setup = Setup { arguments: &["--sample-data"], ..Setup::default() };
    let server = Server::start_as(&scratch, &setup);
    // Without a session there is a page to sign in, and nothing else.
    let stranger = open(&server, "/", "").assert_status(200);
    assert!(
        stranger.text().contains("/console/sign-in") && !stranger.text().contains("Inspection")
    );
    let asked = open(&server, "/console/orders/223", "").assert_status(401);
    assert!(asked.text().contains("value=\"/console/orders/223\""), "{asked}");
    let wrong = send(&server, "/console/sign-in", "", "key=wrong&next=%2F").assert_status(422);
    assert!(wrong.header("Set-Cookie").is_none());
    let foreign = server
        .request("POST", "/console/sign-in")
        .header("Origin", "http://evil.example")
        .header("Content-Type", FORM)
        .body(format!("key={writer}"))
        .send();
    foreign.problem(403, "forbidden");

    let [reads, writes, administers] =
        [&reader.1, &writer, &admin.1].map(|key| sign_in(&server, key));
    for (session, may_write, may_administer) in
        [(&reads, false, false), (&writes, true, false), (&administers, true, true)]
    {
        let page = open(&server, "/?date=2022-11-01", session).assert_status(200).text();
        assert!(page.contains("Inspection"));
        assert_eq!(page.contains("/console/new-order"), may_write);
        let page = open(&server, "/console/orders/223", session).assert_status(200).text();
        assert_eq!(page.contains("Delete this order"), may_write);
        let page = open(&server, "/console/services", session).assert_status(200).text();
        assert_eq!(page.contains("New service"), may_administer);
        let status = send(&server, "/console/new-order", session, "").status;
        assert_eq!(status, if may_write { 422 } else { 403 });
        let status = send(&server, "/console/services", session, "name=").status;
        assert_eq!(status, if may_administer { 422 } else { 403 });
        // The scripts of the pages ask the API by the same session.
        let api = server.request("GET", "/orders/223").header("Cookie", session).send();
        api.assert_status(200);
    }
    // A session changes nothing unless the browser says that one of our own pages asks.
    let delete = |headers: &[(&'static str, &str)]| {
        let mut request = server.request("DELETE", "/orders/223").header("Cookie", &writes);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.send()
    };
    delete(&[]).problem(403, "forbidden");
    delete(&[("Sec-Fetch-Site", "cross-site")]).problem(403, "forbidden");
    delete(&[("Origin", "http://evil.example")]).problem(403, "forbidden");
    delete(&[("Sec-Fetch-Site", "same-origin")]).assert_status(204);
    // What is changed of a session makes it none.
    for odd in
        [writes.replace('.', ":"), format!("{writes}0"), writes.replace(&writer_id, &admin.0)]
    {
        assert_eq!(open(&server, "/console/orders", &odd).status, 401);
    }
    let page = open(&server, "/console/orders/223", &reads).assert_status(200).text();
    assert!(page.contains("&#60;b&#62;Ann&#60;/b&#62;"), "the history names the key: {page}");

    drop(scratch.run(&["keys", "revoke", &writer_id]).assert_fine());
    let revoked = Instant::now();
    while open(&server, "/console/orders", &writes).status != 401 {
        assert!(revoked.elapsed() < Duration::from_secs(1), "the session goes on");
        sleep(Duration::from_millis(20));
    }
    let out = send(&server, "/console/sign-out", &reads, "");
    assert!(out.header("Set-Cookie").unwrap().starts_with("orders_session=; "), "{out}");
}

#[test]
fn a_session_begins_and_ends_in_a_browser() {
    let Some(scratch) = Database::Sqlite.fresh() else { return };
    let (_, key) = make_key(&scratch, "reader");
    let setup = Setup { arguments: &["--sample-data"], ..Setup::default() };
    let server = Server::start_as(&scratch, &setup);
    let Some(browser) = Browser::at(&server, Looks::default()) else { return };
    browser.open("/?view=week&date=2022-11-01");
    browser.write("#key", "key_0123456789abcdef_0");
    browser.click("main .primary");
    browser.wait_for_text("The key is not known");
    browser.write("#key", &key);
    browser.click("main .primary");
    drop(browser.wait("[data-id='223']"));
    assert_eq!(browser.path(), "/?view=week&date=2022-11-01");
    assert!(browser.all("[data-new], [data-may-write]").is_empty());
    assert_eq!(browser.script("return document.cookie.includes('orders_session')"), false);
    browser.click(".who button");
    drop(browser.wait("#key"));
    browser.assert_clean(&["422"]);
}

#[rstest]
fn a_month_of_five_thousand_orders_is_light_and_asked_for_at_once(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(scratch) = database.fresh() else { return };
    drop(scratch.run(&["policy", "set", "--window", "5m"]).assert_fine());
    let setup = Setup { arguments: &["--sample-data"], ..Setup::default() };
    let server = Server::start_as(&scratch, &setup);
    let first = millis_of("2026-11-01T00:00:00.000Z");
    let services = ["123", "456", "789"];
    let operation = |n: usize| {
        let millis = first + i64::try_from(n).unwrap() * 8 * MINUTE;
        let service = services.get(n % 3).unwrap();
        json!({"op": "create", "order": {"datetime": at(millis), "totalfee": n, "services": [{"id": service}]}})
    };
    let operations: Vec<_> = (0..5000).map(operation).collect();
    let batch = json!({"mode": "atomic", "operations": operations});
    server.post("/orders/batch", &batch).assert_status(200);
    for view in ["month", "week", "day", "timeline"] {
        let page = server
            .request("GET", format!("/?view={view}&date=2026-11-10"))
            .header("Accept-Encoding", "gzip, deflate, br")
            .send()
            .assert_status(200);
        assert_eq!(page.header("Content-Encoding"), Some("gzip"));
        let length = page.body.len();
        assert!(length <= 100 * 1024, "{view}: {length} bytes");
    }
    let page = server.get("/?view=month&date=2026-11-10").assert_status(200).text();
    assert!(page.contains("5000 orders shown"), "{page}");
    if let Database::Postgres = database {
        let mut sql = scratch.sql();
        sql.run("CREATE EXTENSION pg_stat_statements").unwrap();
        sql.run("SELECT pg_stat_statements_reset()").unwrap();
        server.get("/?view=month&date=2026-11-10").assert_status(200);
        // Beside what looks at keys, policy and events from time to time.
        let asked = "SELECT sum(calls)::bigint AS number FROM pg_stat_statements \
                     JOIN pg_database ON pg_database.oid = dbid WHERE datname = current_database() \
                     AND query LIKE '%orders%' AND query NOT LIKE '%pg_stat%'";
        assert_eq!(sql.number(asked), 1);
    }
}

#[rstest]
fn a_form_that_is_sent_twice_is_done_once(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(server) = Server::fresh(database) else { return };
    let page = open(&server, "/console/new-order?at=2022-11-03T09:00:00.5Z", "").text();
    let token = page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(page.contains("value=\"2022-11-03T09:00:00.500\""), "{page}");
    let form = format!(
        "token={token}&tz=UTC&was=2022-11-03T09:00:00.500Z&datetime=2022-11-03T09:00:00.500&fee=1&service=123"
    );
    let first = send(&server, "/console/new-order", "", &form);
    let again = send(&server, "/console/new-order", "", &form);
    assert_eq!((first.status, again.status), (303, 303), "{first} {again}");
    assert_eq!(first.header("Location"), again.header("Location"));
    assert_eq!(server.all("/orders").len(), 1);
    let other = send(&server, "/console/new-order", "", &form.replace("fee=1", "fee=2"));
    assert!(other.status == 422 && other.text().contains("sent before"), "{other}");
    for (wrong, what) in [
        (form.replace("fee=1", "fee=-1"), "between 0 and"),
        (form.replace("service=123", ""), "The services"),
        (form.replace("service=123", "service=9"), "is gone"),
        (form.replace("T09", "T99"), "no such time"),
        (form.replace("datetime=2022-11-03T09:00:00.500", ""), "Choose a date"),
    ] {
        let form = wrong.replace(token, "another");
        let answer = send(&server, "/console/new-order", "", &form);
        assert!(answer.status == 422 && answer.text().contains(what), "{what}: {answer}");
    }
    // A form without the version that it was made for changes nothing.
    let id = first.header("Location").unwrap().rsplit('/').next().unwrap().to_owned();
    let blind = "datetime=2022-11-04T09:00&fee=3&service=123&tz=UTC";
    assert_eq!(send(&server, &format!("/console/orders/{id}"), "", blind).status, 412);
    assert_eq!(send(&server, &format!("/console/orders/{id}/delete"), "", "").status, 412);
    assert_eq!(server.get(format!("/orders/{id}")).json()["version"], 1);
}

#[rstest]
fn pages_and_their_files_are_sent_so_that_nothing_foreign_gets_in(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(server) = Server::with_sample_data(database) else { return };
    for path in
        ["/", "/console/orders", "/console/sign-in", "/console/orders/none", "/console/none"]
    {
        let page = open(&server, path, "");
        let policy = page.header("Content-Security-Policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"),
            "{policy}"
        );
        for (name, value) in [
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Cache-Control", "private, no-store"),
        ] {
            assert_eq!(page.header(name), Some(value), "{name}");
        }
        let html = page.text();
        for banned in ["<script>", "<style", " style=", " onclick=", "http:", "https:", "=\"//"] {
            assert!(!html.contains(banned), "{banned} in {path}");
        }
        for file in html.split('"').filter(|part| part.starts_with("/console/assets/")) {
            let file = server.get(file).assert_status(200);
            let kept = file.header("Cache-Control").unwrap();
            assert!(kept.contains("immutable"), "{kept}");
            assert!(!file.text().contains("//cdn") && !file.text().contains("url(http"));
        }
    }
    // Programs are told of problems as anywhere else.
    server.get("/console/orders/none").problem(404, "not-found");
    server.get("/console/assets/0/none.js").problem(404, "not-found");
    let old = server.get("/console/assets/0/console.js").assert_status(200);
    assert_eq!(old.header("Cache-Control"), Some("no-cache"));
}

#[rstest]
fn figures_add_up(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let Some(server) = Server::fresh(database) else { return };
    for (id, time, fee, services) in [
        ("a", "2022-11-01T00:15:00Z", "100.25", &["123"][..]),
        ("b", "2022-11-01T22:45:00Z", "999999999999.99", &["123", "456"]),
        ("c", "2022-11-30T23:59:59.999Z", "0.10", &["789"]),
        ("outside", "2022-12-01T12:00:00Z", "7", &["789"]),
    ] {
        let services: Vec<_> = services.iter().map(|id| json!({"id": id})).collect();
        let order = json!({"id": id, "datetime": time, "totalfee": fee, "services": services});
        server.post("/orders", &order).assert_status(201);
    }
    let page = open(&server, "/console/figures?from=2022-11-01&to=2022-11-30", "").text();
    let plain = page.replace('\u{a0}', " ");
    for part in [
        "<b class=\"big\">3</b> orders with fees of <b class=\"big\">1 000 000 000 100.34</b>",
        "<tr><td>1 Nov</td><td class=\"number\">2</td></tr>",
        "<tr><td>1 Nov</td><td class=\"number\">1 000 000 000 100.24</td></tr>",
        "<tr><td>30 Nov</td><td class=\"number\">0.10</td></tr>",
        "<tr><td>22</td><td class=\"number\">1</td></tr>",
    ] {
        assert!(plain.contains(part), "{part}: {plain}");
    }
    // By the clocks of the zone, the second of them is on the next day, and so is the last.
    let kolkata =
        open(&server, "/console/figures?from=2022-11-02&to=2022-11-30&tz=Asia/Kolkata", "");
    assert!(kolkata.text().contains("<b class=\"big\">1</b> orders"), "{kolkata}");
    for odd in ["?from=x&to=y", "?from=9998-12-31&to=0002-01-01", "?from=0002-01-01&to=9998-12-31"]
    {
        open(&server, &format!("/console/figures{odd}"), "").assert_status(200);
    }
}

#[rstest]
fn an_admin_makes_and_revokes_keys_and_nobody_else_does(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let Some(scratch) = database.fresh() else { return };
    let open_server = Server::start(&scratch);
    assert_eq!(
        open(&open_server, "/console/admin", "").status,
        403,
        "open to nobody without a key"
    );
    let [writer, admin] = ["writer", "admin"].map(|role| make_key(&scratch, role).1);
    let server = open_server;
    let (writes, administers) = (sign_in(&server, &writer), sign_in(&server, &admin));
    assert_eq!(open(&server, "/console/admin", &writes).status, 403);
    assert_eq!(send(&server, "/console/keys", &writes, "name=x&role=admin").status, 403);
    let hook = json!({"url": "https://example.com/<hook>", "description": "<i>for</i> the office"});
    server.with_key(&admin).post("/webhooks", &hook).assert_status(201);
    let page = open(&server, "/console/admin", &administers).assert_status(200).text();
    assert!(page.contains("delivering") && !page.contains("<hook>") && !page.contains("<i>"));

    let form = "token=one&name=Front+desk&role=reader&days=30";
    let made = send(&server, "/console/keys", &administers, form).assert_status(200).text();
    let key = made.split("<code id=\"made\">").nth(1).unwrap().split('<').next().unwrap();
    server.with_key(key).get("/orders").assert_status(200);
    let again = send(&server, "/console/keys", &administers, form).assert_status(409).text();
    assert!(!again.contains(key), "it is shown once");
    for wrong in ["name=&role=reader", "name=x&role=god", "name=x&role=reader&days=-1"] {
        assert_eq!(send(&server, "/console/keys", &administers, wrong).status, 422, "{wrong}");
    }
    let id = key.get(..20).unwrap();
    let revoked = send(&server, &format!("/console/keys/{id}/revoke"), &administers, "");
    assert_eq!(revoked.status, 303, "{revoked}");
    server.with_key(key).get("/orders").assert_status(401);
    let page = open(&server, "/console/admin", &administers).text();
    assert!(page.contains("Front desk") && page.contains("revoked"));
}

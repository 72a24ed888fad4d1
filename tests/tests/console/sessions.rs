//! Sessions of the console: sign-in, roles, sign-out.

use std::thread::sleep;
use std::time::{Duration, Instant};

use orders_tests::{
    Browser, Database, FORM, Looks, OWN_KEY, Raw, Server, Setup, make_key, open_page, send_form,
    sign_in,
};
use rstest_reuse::apply;

use crate::both_databases;

#[apply(both_databases)]
fn a_session_can_do_what_its_key_can_and_ends_with_it(database: Database) {
    let scratch = database.fresh();
    let [reader, (writer_id, writer), admin] =
        ["reader", "writer", "admin"].map(|role| make_key(&scratch, role));
    let setup = Setup { arguments: &["--sample-data"], ..Setup::default() };
    let server = Server::start_as(&scratch, &setup);
    // Without a session there is a page to sign in, and nothing else.
    let stranger = open_page(&server, "/", "").assert_status(200);
    assert!(
        stranger.text().contains("/console/sign-in") && !stranger.text().contains("Inspection")
    );
    let asked = open_page(&server, "/console/orders/223", "").assert_status(401);
    assert!(asked.text().contains("value=\"/console/orders/223\""), "{asked}");
    let wrong = send_form(&server, "/console/sign-in", "", "key=wrong&next=%2F").assert_status(422);
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
        let page = open_page(&server, "/?date=2022-11-01", session).assert_status(200).text();
        assert!(page.contains("Inspection"));
        assert_eq!(page.contains("/console/new-order"), may_write);
        let page = open_page(&server, "/console/orders/223", session).assert_status(200).text();
        assert_eq!(page.contains("Delete this order"), may_write);
        let page = open_page(&server, "/console/services", session).assert_status(200).text();
        assert_eq!(page.contains("New service"), may_administer);
        let status = send_form(&server, "/console/new-order", session, "").status;
        assert_eq!(status, if may_write { 422 } else { 403 });
        let status = send_form(&server, "/console/services", session, "name=").status;
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
        assert_eq!(open_page(&server, "/console/orders", &odd).status, 401);
    }
    let page = open_page(&server, "/console/orders/223", &reads).assert_status(200).text();
    assert!(page.contains("&#60;b&#62;Ann&#60;/b&#62;"), "the history names the key: {page}");

    drop(scratch.run(&["keys", "revoke", &writer_id]).assert_fine());
    let revoked = Instant::now();
    while open_page(&server, "/console/orders", &writes).status != 401 {
        assert!(revoked.elapsed() < Duration::from_secs(1), "the session goes on");
        sleep(Duration::from_millis(20));
    }
}

#[apply(both_databases)]
fn signing_out_ends_a_copied_cookie_on_every_process_and_no_other_session(database: Database) {
    let scratch = database.fresh();
    let (id, key) = make_key(&scratch, "writer");
    let own = Setup { variables: &[("ORDERS_API_KEY", OWN_KEY)], ..Setup::default() };
    let (server, other) = (Server::start_as(&scratch, &own), Server::start_as(&scratch, &own));
    let status =
        |server: &Server, cookie: &str| open_page(server, "/console/orders", cookie).status;
    let (mine, elsewhere) = (sign_in(&server, &key), sign_in(&server, &key));
    let environments = sign_in(&server, OWN_KEY);
    assert_ne!(mine, elsewhere, "each session is one of its own");
    let last = if mine.ends_with('0') { '1' } else { '0' };
    let forged = format!("{}{last}", mine.get(..mine.len() - 1).unwrap());
    for cookie in [&forged, "", "orders_session=a.1.b.c"] {
        assert_eq!(send_form(&server, "/console/sign-out", cookie, "").status, 303);
    }
    let blind = server.request("POST", "/console/sign-out").header("Cookie", &mine).send();
    blind.problem(403, "forbidden");
    for (server, cookie) in [(&server, &mine), (&other, &mine), (&other, &environments)] {
        assert_eq!(status(server, cookie), 200, "nobody has signed out");
    }
    let events = format!(
        "GET /events/stream HTTP/1.1\r\nHost: {}\r\nCookie: {mine}\r\nConnection: close\r\n\r\n",
        server.address()
    );
    let stream = Raw::connect(server.address()).send(&events).read_past("HTTP/1.1 200 OK");

    let out = send_form(&server, "/console/sign-out", &mine, "");
    assert!(out.header("Set-Cookie").unwrap().starts_with("orders_session=; "), "{out}");
    assert_eq!(status(&server, &mine), 401, "the copy is of no use at once");
    send_form(&other, "/console/sign-out", &environments, "").assert_status(303);
    assert_soon(|| status(&other, &mine) == 401 && status(&server, &environments) == 401);
    // Requests in progress end, too.
    drop(stream.read_to_end());
    for server in [&server, &other] {
        assert_eq!(status(server, &elsewhere), 200, "another session of the same key goes on");
    }
    let again = other.restart();
    assert_eq!((status(&again, &mine), status(&again, &elsewhere)), (401, 200));
    again.with_key(&key).get("/orders").assert_status(200);
    drop(scratch.run(&["keys", "revoke", &id]).assert_fine());
    assert_soon(|| status(&again, &elsewhere) == 401);
}

#[apply(both_databases)]
fn a_new_session_secret_ends_all_sessions_on_every_process(database: Database) {
    let scratch = database.fresh();
    let (_, key) = make_key(&scratch, "writer");
    let own = Setup { variables: &[("ORDERS_API_KEY", OWN_KEY)], ..Setup::default() };
    let servers = [Server::start_as(&scratch, &own), Server::start_as(&scratch, &own)];
    let status =
        |server: &Server, cookie: &str| open_page(server, "/console/orders", cookie).status;
    let sessions = [sign_in(&servers[0], &key), sign_in(&servers[1], OWN_KEY)];
    for (server, session) in servers.iter().zip(&sessions) {
        assert_eq!(status(server, session), 200);
    }
    let run = scratch.run(&["keys", "rotate-session-secret"]).assert_fine();
    assert!(run.stdout.is_empty(), "no secret is printed: {run:?}");
    for server in &servers {
        assert_soon(|| sessions.iter().all(|session| status(server, session) == 401));
        server.with_key(&key).get("/orders").assert_status(200);
        assert_eq!(status(server, &sign_in(server, &key)), 200);
    }
}

#[test]
fn a_restored_database_has_no_session() {
    let scratch = Database::Sqlite.fresh();
    let (_, key) = make_key(&scratch, "reader");
    let server = Server::start(&scratch);
    let sessions = [sign_in(&server, &key), sign_in(&server, &key)];
    let backup = scratch.dir().join("backup.db");
    drop(scratch.run(&["backup", backup.to_str().unwrap()]).assert_fine());
    // The backup does not know of it.
    send_form(&server, "/console/sign-out", &sessions[0], "").assert_status(303);
    drop(server);
    drop(scratch.run(&["restore", backup.to_str().unwrap()]).assert_fine());
    let server = Server::start(&scratch);
    for session in &sessions {
        assert_eq!(open_page(&server, "/console/orders", session).status, 401);
    }
    assert_eq!(open_page(&server, "/console/orders", &sign_in(&server, &key)).status, 200);
}

#[apply(both_databases)]
fn what_the_database_stores_starts_no_session(database: Database) {
    let scratch = database.fresh();
    let (id, _) = make_key(&scratch, "admin");
    let server = Server::start(&scratch);
    let stored = |column: &str, table: &str| {
        let hex = match database {
            Database::Sqlite => format!("lower(hex({column}))"),
            Database::Postgres => format!("encode({column}, 'hex')"),
        };
        scratch.sql().texts(&format!("SELECT {hex} AS text FROM {table}")).remove(0)
    };
    let (hash, secret) =
        (stored("hash", "api_key_secrets"), stored("session_secret", "api_key_state"));
    assert_eq!((hash.len(), secret.len()), (64, 64));
    for proof in [&hash, &secret, &format!("{hash}{secret}")] {
        for holder in [&id, "environment"] {
            let cookie =
                format!("orders_session={holder}.99999999999999.0102030405060708090a0b0c.{proof}");
            assert_eq!(open_page(&server, "/console/orders", &cookie).status, 401);
            let api = server.request("GET", "/keys").header("Cookie", &cookie).send();
            api.problem(401, "unauthenticated");
        }
        server.with_key(proof).get("/keys").problem(401, "unauthenticated");
        server.with_key(&format!("{id}_{proof}")).get("/keys").problem(401, "unauthenticated");
    }
}

#[apply(both_databases)]
fn whoever_signs_in_and_out_all_day_fills_no_table(database: Database) {
    let scratch = database.fresh();
    let (key, other) = (make_key(&scratch, "reader").1, make_key(&scratch, "reader").1);
    let server = Server::start(&scratch);
    let (first, others) = (sign_in(&server, &key), sign_in(&server, &other));
    let mut ended = Vec::new();
    for _ in 0..70 {
        let cookie = sign_in(&server, &key);
        send_form(&server, "/console/sign-out", &cookie, "").assert_status(303);
        ended.push(cookie);
    }
    assert!(scratch.sql().number("SELECT count(*) AS number FROM ended_sessions") <= 64);
    let status = |cookie: &str| open_page(&server, "/console/orders", cookie).status;
    assert!(ended.iter().all(|cookie| status(cookie) == 401), "each stays ended");
    assert_eq!(status(&first), 401, "so many at once end what the key had begun before");
    assert_eq!((status(&sign_in(&server, &key)), status(&others)), (200, 200));
    // What would have ended by itself need not be remembered.
    scratch.sql().run("UPDATE ended_sessions SET end_ms = 1").unwrap();
    send_form(&server, "/console/sign-out", &others, "").assert_status(303);
    assert_eq!(scratch.sql().number("SELECT count(*) AS number FROM ended_sessions"), 1);
}

/// Checks that something is so within the second that a change to keys and sessions may take.
fn assert_soon(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(1), "it goes on");
        sleep(Duration::from_millis(20));
    }
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn a_session_begins_and_ends_in_a_browser() {
    let scratch = Database::Sqlite.fresh();
    let (_, key) = make_key(&scratch, "reader");
    let setup = Setup { arguments: &["--sample-data"], ..Setup::default() };
    let server = Server::start_as(&scratch, &setup);
    let browser = Browser::at(&server, Looks::default());
    browser.open("/?view=week&date=2022-11-01");
    browser.write("#key", "key_0123456789abcdef_0");
    browser.click("main .primary");
    browser.wait_for_text("The key is unknown");
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

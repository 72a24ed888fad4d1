//! The console's pages without a browser: their size, their headers, their forms and reports.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use orders_tests::{Database, MINUTE, Server, Setup, at, millis_of, open_page, order, send_form};
use rstest_reuse::apply;
use serde_json::json;

use crate::both_databases;

/// When the orders of the sample data are, in epoch milliseconds.
const SAMPLE: i64 = 1_667_301_071_111;

#[apply(both_databases)]
fn a_month_of_five_thousand_orders_is_light_and_asked_for_at_once(database: Database) {
    let scratch = database.fresh();
    drop(scratch.run(&["migrate"]).assert_fine());
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
        sql.count_statements_anew();
        server.get("/?view=month&date=2026-11-10").assert_status(200);
        // Beside what looks at keys, policy and events from time to time.
        let asked = "SELECT sum(calls)::bigint AS number FROM pg_stat_statements \
                     JOIN pg_database ON pg_database.oid = dbid WHERE datname = current_database() \
                     AND query LIKE '%orders%' AND query NOT LIKE '%pg_stat%'";
        assert_eq!(sql.number(asked), 1);
    }
}

#[apply(both_databases)]
fn a_form_that_is_sent_twice_is_done_once(database: Database) {
    let server = Server::fresh(database);
    let page = open_page(&server, "/console/new-order?at=2022-11-03T09:00:00.5Z", "").text();
    let token = page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(page.contains("value=\"2022-11-03T09:00:00.500\""), "{page}");
    let form = format!(
        "token={token}&tz=UTC&was=2022-11-03T09:00:00.500Z&datetime=2022-11-03T09:00:00.500&fee=1&service=123"
    );
    let first = send_form(&server, "/console/new-order", "", &form);
    let again = send_form(&server, "/console/new-order", "", &form);
    assert_eq!((first.status, again.status), (303, 303), "{first} {again}");
    assert_eq!(first.header("Location"), again.header("Location"));
    assert_eq!(server.all("/orders").len(), 1);
    let other = send_form(&server, "/console/new-order", "", &form.replace("fee=1", "fee=2"));
    assert!(other.status == 422 && other.text().contains("sent before"), "{other}");
    for (wrong, what) in [
        (form.replace("fee=1", "fee=-1"), "between 0 and"),
        (form.replace("service=123", ""), "The services"),
        (form.replace("service=123", "service=9"), "no longer exists"),
        (form.replace("T09", "T99"), "does not exist in"),
        (form.replace("datetime=2022-11-03T09:00:00.500", ""), "Choose a date"),
    ] {
        let form = wrong.replace(token, "another");
        let answer = send_form(&server, "/console/new-order", "", &form);
        assert!(answer.status == 422 && answer.text().contains(what), "{what}: {answer}");
    }
    // A form without its version changes nothing.
    let id = first.header("Location").unwrap().rsplit('/').next().unwrap().to_owned();
    let blind = "datetime=2022-11-04T09:00&fee=3&service=123&tz=UTC";
    assert_eq!(send_form(&server, &format!("/console/orders/{id}"), "", blind).status, 412);
    assert_eq!(send_form(&server, &format!("/console/orders/{id}/delete"), "", "").status, 412);
    assert_eq!(server.get(format!("/orders/{id}")).json()["version"], 1);
}

#[apply(both_databases)]
fn pages_and_their_files_are_sent_so_that_nothing_foreign_gets_in(database: Database) {
    let server = Server::with_sample_data(database);
    for path in
        ["/", "/console/orders", "/console/sign-in", "/console/orders/none", "/console/none"]
    {
        let page = open_page(&server, path, "");
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
    // Programs get the usual problem documents.
    server.get("/console/orders/none").problem(404, "not-found");
    server.get("/console/assets/0/none.js").problem(404, "not-found");
    let old = server.get("/console/assets/0/console.js").assert_status(200);
    assert_eq!(old.header("Cache-Control"), Some("no-cache"));
}

#[test]
fn with_an_assets_directory_a_changed_file_is_served_at_the_next_request() {
    let scratch = Database::Sqlite.fresh();
    let style = scratch.write("console.css", "p { color: red }");
    let directory = Path::new(&style).parent().unwrap().to_str().unwrap().to_owned();
    let setup = Setup { arguments: &["--assets-dir", &directory], ..Setup::default() };
    let server = Server::start_as(&scratch, &setup);
    let page = open_page(&server, "/", "").assert_status(200).text();
    let path = page.split('"').find(|part| part.ends_with("/console.css")).unwrap();
    for content in ["p { color: red }", "p { color: blue }"] {
        drop(scratch.write("console.css", content));
        let file = server.get(path).assert_status(200);
        assert_eq!(
            (file.text(), file.header("Cache-Control")),
            (content.to_owned(), Some("no-cache"))
        );
    }
    // Only the files that the pages name are served.
    drop(scratch.write("secret.css", "p {}"));
    for file in ["secret.css", "zone.js", "..%2Fconsole.css"] {
        server.get(path.replace("console.css", file)).assert_status(404);
    }
    let missing = scratch.dir().join("missing");
    scratch
        .run(&["serve", "--assets-dir", missing.to_str().unwrap()])
        .assert_refused(2, "directory");
}

#[apply(both_databases)]
fn figures_add_up(database: Database) {
    let server = Server::fresh(database);
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
    let page = open_page(&server, "/console/figures?from=2022-11-01&to=2022-11-30", "").text();
    // Whitespace between elements means nothing.
    let words = page.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let plain = words.replace("> <", "><").replace('\u{a0}', " ");
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
        open_page(&server, "/console/figures?from=2022-11-02&to=2022-11-30&tz=Asia/Kolkata", "");
    assert!(kolkata.text().contains("<b class=\"big\">1</b> orders"), "{kolkata}");
    for odd in ["?from=x&to=y", "?from=9998-12-31&to=0002-01-01", "?from=0002-01-01&to=9998-12-31"]
    {
        open_page(&server, &format!("/console/figures{odd}"), "").assert_status(200);
    }
}

#[apply(both_databases)]
fn what_the_rule_refused_is_counted_over_all_processes_and_restarts(database: Database) {
    let server = Server::with_sample_data(database);
    let mut other = Server::start(server.scratch());
    for (server, number) in [(&server, 3), (&other, 2)] {
        for _ in 0..number {
            server.post("/orders", &order("late", SAMPLE + MINUTE)).assert_status(409);
        }
    }
    // Each process flushes its counts every few seconds, and once more at shutdown.
    wait_for_refusals(&server, 5);
    other.post("/orders", &order("late", SAMPLE + MINUTE)).assert_status(409);
    other.terminate();
    assert_eq!(other.wait(), Some(0));
    let server = server.restart();
    let page = open_page(&server, "/console/figures", "").assert_status(200).text();
    assert_eq!(refusals(&page), 6);
    let rows = page.split("Rejected conflicts by week</th>").nth(1).unwrap();
    let rows = rows.split("</table>").next().unwrap();
    let numbers = rows.split("<td class=\"number\">").skip(1);
    let number = |cell: &str| cell.split('<').next().unwrap().parse::<u64>().unwrap();
    assert_eq!(numbers.map(number).sum::<u64>(), 6, "{rows}");
    let past = open_page(&server, "/console/figures?from=2022-11-01&to=2022-11-30", "").text();
    assert_eq!(refusals(&past), 0, "they count for the day on which it was asked");
}

/// How many rejections a page of reports shows.
fn refusals(page: &str) -> u64 {
    let before = page.split("</b> conflicts were rejected").next().unwrap();
    before.rsplit('>').next().unwrap().parse().unwrap()
}

fn wait_for_refusals(server: &Server, number: u64) {
    let began = Instant::now();
    while refusals(&open_page(server, "/console/figures", "").text()) < number {
        assert!(began.elapsed() < Duration::from_secs(30), "they are not noted");
        sleep(Duration::from_millis(200));
    }
}

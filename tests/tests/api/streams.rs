//! Streams of orders as NDJSON, CSV and iCalendar: complete, or visibly cut short.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail")]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use orders_tests::{Answer, Bulk, Client, Database, HOUR, Raw, Server, order};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;
const TYPES: [(&str, &str); 3] =
    [("ndjson", "application/x-ndjson"), ("csv", "text/csv"), ("ics", "text/calendar")];

fn with(database: Database, bulk: Bulk) -> Server {
    let server = Server::start(&database.fresh());
    bulk.store(&mut server.scratch().sql());
    server
}

/// A server with orders that name the services of these names, one each.
fn with_services(database: Database, names: &[&str]) -> Server {
    let server = Server::start(&database.fresh());
    for (number, name) in (1..).zip(names) {
        server.post("/services", &json!({"id": number, "name": name})).assert_status(201);
        let mut body = order(&format!("-{number}"), NOON + i64::from(number) * 3 * HOUR);
        body["services"] = json!([{"id": number}]);
        server.post("/orders", &body).assert_status(201);
    }
    server
}

fn accepting(client: &Client, path: &str, accept: &str) -> Answer {
    client.request("GET", path).header("Accept", accept).send()
}

fn lines_of(answer: &Answer) -> Vec<Value> {
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The value of a property in each entry of a calendar, its lines unfolded.
fn entries(calendar: &str, property: &str) -> Vec<String> {
    let unfolded = calendar.replace("\r\n ", "");
    let values = unfolded.lines().filter_map(|line| line.strip_prefix(property));
    values.map(|value| value.trim_start_matches(':').to_owned()).collect()
}

#[apply(both_databases)]
fn a_stream_has_what_the_pages_of_the_list_have(database: Database) {
    let server = with(database, Bulk { number: 2_500, at_once: 3 });
    for query in [
        "",
        "sort=-datetime",
        "sort=created_at&service=4",
        "sort=-created_at&service=2&service=10&expand=services",
        "min_fee=999",
        "from=2002-01-01T00:00:00Z&max_fee=100&sort=created_at",
        "service=11",
    ] {
        let listed = server.all(&format!("/orders?{query}"));
        let ids: Vec<&str> = listed.iter().map(|order| order["id"].as_str().unwrap()).collect();
        for (extension, media) in TYPES {
            let at_path = server.get(format!("/orders.{extension}?{query}")).assert_status(200);
            let accepted = accepting(&server, &format!("/orders?{query}"), media);
            assert_eq!(accepted.assert_status(200).body, at_path.body, "{media} {query}");
        }
        assert_eq!(lines_of(&server.get(format!("/orders.ndjson?{query}"))), listed, "{query}");
        let table = server.get(format!("/orders.csv?{query}")).text();
        let first_cells = table.lines().skip(1).map(|line| line.split(',').next().unwrap());
        assert_eq!(first_cells.collect::<Vec<_>>(), ids, "{query}");
        let calendar = server.get(format!("/orders.ics?{query}")).text();
        let uids: Vec<String> = ids.iter().map(|id| format!("{id}@orders")).collect();
        assert_eq!(entries(&calendar, "UID"), uids, "{query}");
    }
}

#[apply(both_databases)]
fn a_stream_of_nothing_is_whole(database: Database) {
    let server = Server::fresh(database);
    assert_eq!(server.get("/orders.ndjson").assert_status(200).text(), "");
    assert_eq!(
        server.get("/orders.csv").assert_status(200).text(),
        "id,datetime,totalfee,services,version,created_at,updated_at\r\n"
    );
    let calendar = server.get("/orders.ics").assert_status(200).text();
    assert!(calendar.starts_with("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:"), "{calendar}");
    assert!(calendar.ends_with("\r\nEND:VCALENDAR\r\n"), "{calendar}");
    assert!(!calendar.contains("VEVENT"), "{calendar}");
}

#[apply(both_databases)]
fn a_stream_says_what_it_is(database: Database) {
    let server = Server::with_sample_data(database);
    for (extension, media, content_type) in [
        ("ndjson", "application/x-ndjson", "application/x-ndjson"),
        ("csv", "text/csv", "text/csv; charset=utf-8; header=present"),
        ("ics", "text/calendar", "text/calendar; charset=utf-8"),
    ] {
        let at_path = server.get(format!("/orders.{extension}")).assert_status(200);
        let accepted = accepting(&server, "/orders", media).assert_status(200);
        for answer in [&at_path, &accepted] {
            assert_eq!(answer.header("Content-Type"), Some(content_type));
            assert_eq!(answer.header("ETag"), None);
            assert_eq!(answer.header("Link"), None);
            assert!(answer.header("X-Request-Id").is_some());
        }
        assert_eq!(accepted.header("Vary"), Some("Accept"));
        let file = at_path.header("Content-Disposition").unwrap_or_default();
        assert_eq!(file.ends_with(&format!("\"orders.{extension}\"")), extension != "ndjson");
        for path in [format!("/orders.{extension}"), "/orders".to_owned()] {
            let head = server.request("HEAD", path).header("Accept", media).send();
            assert_eq!((head.status, head.body.len()), (200, 0), "{head}");
            assert_eq!(head.header("Content-Type"), Some(content_type), "{head}");
        }
    }
    assert_eq!(server.get("/orders").header("Vary"), Some("Accept"));
}

#[apply(both_databases)]
fn what_is_wanted_most_is_answered_and_nothing_else(database: Database) {
    let server = Server::with_sample_data(database);
    for (accept, answered) in [
        ("*/*", "application/json"),
        ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", "application/json"),
        ("text/*", "text/csv"),
        ("TEXT/Calendar", "text/calendar"),
        ("text/csv;q=0.5, application/x-ndjson", "application/x-ndjson"),
        ("application/*;q=0.2, text/csv;q=0.1", "application/json"),
        ("application/json;q=0, application/*", "application/x-ndjson"),
    ] {
        let answer = accepting(&server, "/orders", accept).assert_status(200);
        let media = answer.header("Content-Type").unwrap_or_default().split(';').next();
        assert_eq!(media, Some(answered), "{accept}");
    }
    for accept in ["image/png", "text/html", "text/csv;q=0, text/html", "application/json;q=0"] {
        let refused = accepting(&server, "/orders", accept);
        refused.problem(406, "not-acceptable");
        assert_eq!(refused.header("Vary"), Some("Accept"));
    }
    for (extension, media) in TYPES {
        let path = format!("/orders.{extension}");
        for accept in [media, "*/*", "text/html, */*;q=0.1"] {
            accepting(&server, &path, accept).assert_status(200);
        }
        for accept in ["application/json", &format!("{media};q=0, */*")] {
            accepting(&server, &path, accept).problem(406, "not-acceptable");
        }
        // What is wrong with the query comes before what is accepted.
        accepting(&server, &format!("{path}?sort=x"), "image/png")
            .problem(400, "invalid-parameter");
    }
    accepting(&server, "/orders?cursor=x", "image/png").problem(400, "invalid-parameter");
}

#[apply(both_databases)]
fn a_stream_has_no_pages(database: Database) {
    let server = Server::with_sample_data(database);
    let cursor = server.get("/orders?limit=1").json()["next_cursor"].clone();
    let cursor = format!("cursor={}", cursor.as_str().unwrap());
    for (extension, media) in TYPES {
        for (parameter, name) in [("limit=10", "limit"), (cursor.as_str(), "cursor")] {
            for answer in [
                server.get(format!("/orders.{extension}?{parameter}")),
                accepting(&server, &format!("/orders?{parameter}"), media),
            ] {
                let problem = answer.problem(400, "invalid-parameter");
                assert!(problem["detail"].as_str().unwrap().contains(name), "{answer}");
            }
        }
    }
}

#[apply(both_databases)]
fn no_cell_of_a_table_is_taken_for_a_formula(database: Database) {
    let names = [
        "=1+1",
        "+1, \"one\"",
        "-a;b",
        "@SUM(A1)",
        "plain",
        "a=b",
        "x;=1+2;y",
        "＝1",
        "a, -1",
        "a\"=1",
    ];
    let server = with_services(database, &names);
    let table = server.get("/orders.csv?expand=services").text();
    assert_eq!(table.matches("\r\n").count(), table.matches('\n').count(), "{table}");
    assert!(table.lines().next().unwrap().ends_with(",updated_at,service_names"), "{table}");
    let lines: Vec<&str> = table.lines().skip(1).collect();
    let cells = [
        "'=1+1",
        "\"'+1, \"\"one\"\"\"",
        "'-a;b",
        "'@SUM(A1)",
        "plain",
        "a=b",
        "x;'=1+2;y",
        "'＝1",
        "\"a, '-1\"",
        "\"a\"\"'=1\"",
    ];
    assert_eq!(lines.len(), cells.len());
    for ((number, line), cell) in (1..).zip(lines).zip(cells) {
        assert!(line.starts_with(&format!("'-{number},20")), "{line}");
        assert!(line.contains(&format!("Z,100,{number},1,20")), "{line}");
        assert!(line.ends_with(&format!("Z,{cell}")), "{line}");
    }
    // Several services in one cell, in the order given.
    let mut body = order("many", NOON + 300 * HOUR);
    body["services"] = json!([{"id": 3}, {"id": 1}]);
    body["totalfee"] = json!("0.50");
    server.post("/orders", &body).assert_status(201);
    let table = server.get("/orders.csv").text();
    assert!(table.lines().last().unwrap().contains(",0.5,3 1,1,"), "{table}");
}

#[apply(both_databases)]
fn csv_has_a_byte_order_mark_if_that_is_asked_for(database: Database) {
    let server = Server::with_sample_data(database);
    let bytes = |path: &str, accept: &str| accepting(&server, path, accept).assert_status(200).body;
    for path in ["/orders.csv", "/orders"] {
        let plain = bytes(path, "text/csv");
        assert!(plain.starts_with(b"id,"));
        assert_eq!(bytes(&format!("{path}?bom=false"), "text/csv"), plain);
        let marked = bytes(&format!("{path}?bom=true"), "text/csv");
        assert_eq!(marked, [b"\xEF\xBB\xBF", &plain[..]].concat());
    }
    for (path, accept) in [
        ("/orders.csv?bom=1", "*/*"),
        ("/orders.ics?bom=true", "*/*"),
        ("/orders.ndjson?bom=true", "*/*"),
    ] {
        accepting(&server, path, accept).problem(400, "invalid-parameter");
    }
}

#[apply(both_databases)]
fn a_response_to_http_1_0_has_no_chunks(database: Database) {
    let server = Server::with_sample_data(database);
    for path in ["/orders.csv", "/orders.ndjson", "/orders.ics"] {
        let chunked = server.get(path).assert_status(200);
        assert_eq!(chunked.header("Transfer-Encoding"), Some("chunked"));
        for connection in ["close", "keep-alive"] {
            let text =
                whole(&server, &format!("GET {path} HTTP/1.0\r\nConnection: {connection}\r\n\r\n"));
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let head = head.to_lowercase();
            assert!(head.contains(" 200 ") && !head.contains("transfer-encoding"), "{head}");
            assert!(head.contains("connection: close") || !head.contains("connection:"), "{head}");
            assert_eq!(body, chunked.text(), "{path}");
        }
    }
}

/// All that a server sends until it closes the connection.
fn whole(server: &Server, request: &str) -> String {
    let mut connection = TcpStream::connect(server.address()).unwrap();
    connection.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    connection.read_to_string(&mut text).unwrap();
    text
}

#[apply(both_databases)]
fn a_calendar_is_one_that_others_can_read(database: Database) {
    let long =
        "Prüfung, Wartung; Öl \\ Filter und alles andere, was in keine Zeile passt: ".repeat(2);
    let server = with_services(database, &[long.trim(), "Short"]);
    let calendar = server.get("/orders.ics").text();
    for line in calendar.split_inclusive('\n') {
        assert!(line.ends_with("\r\n") && line.len() <= 75 + 2, "{line:?}");
    }
    let summaries = entries(&calendar, "SUMMARY");
    let escaped = long.trim().replace('\\', "\\\\").replace(',', "\\,").replace(';', "\\;");
    assert_eq!(summaries, [escaped.as_str(), "Short"]);
    assert_eq!(entries(&calendar, "DTSTART"), ["20231115T011320Z", "20231115T041320Z"]);
    assert_eq!(entries(&calendar, "SEQUENCE"), ["0", "0"]);
    // A changed order keeps its UID, and SEQUENCE counts its changes.
    let mut changed = order("-1", NOON + 240 * HOUR);
    changed["services"] = json!([{"id": 2}, {"id": 1}]);
    let changed = server.put("/orders/-1", &changed).assert_status(200).json();
    let calendar = server.get("/orders.ics").text();
    assert_eq!(entries(&calendar, "UID"), ["-2@orders", "-1@orders"]);
    assert_eq!(entries(&calendar, "SEQUENCE"), ["0", "1"]);
    assert_eq!(entries(&calendar, "SUMMARY")[1], format!("Short\\, {escaped}"));
    let updated_at = changed["updated_at"].as_str().unwrap();
    let second = updated_at.split('.').next().unwrap().replace(['-', ':'], "") + "Z";
    assert_eq!(entries(&calendar, "LAST-MODIFIED")[1], second);
    assert_eq!(entries(&calendar, "DTSTAMP")[1], second);
}

/// The whole response on a new connection, including its head.
fn bytes_of(server: &Server, path: &str) -> Vec<u8> {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address());
    Raw::connect(server.address()).send(request).read_to_end()
}

#[apply(both_databases)]
fn a_stream_that_fails_half_way_is_without_its_last_chunk(database: Database) {
    let bulk = Bulk { number: 2_500, at_once: 1 };
    let server = with(database, bulk);
    for (extension, _) in TYPES {
        let bytes = bytes_of(&server, &format!("/orders.{extension}"));
        assert!(bytes.ends_with(b"\r\n0\r\n\r\n"), "a whole stream ends with its last chunk");
    }
    // What only a stray client of the database could write.
    let last = bulk.nth(2_499).id;
    let break_it = format!("UPDATE orders SET services = '[]' WHERE id = '{last}'");
    server.scratch().sql().run(&break_it).unwrap();
    for (extension, _) in TYPES {
        let path = format!("/orders.{extension}");
        let bytes = bytes_of(&server, &path);
        assert!(bytes.starts_with(b"HTTP/1.1 200"), "{extension}");
        assert!(bytes.windows(8).any(|eight| eight == b"10001999"), "two pages were sent");
        assert!(!bytes.ends_with(b"0\r\n\r\n"), "{extension}");
        assert!(!String::from_utf8_lossy(&bytes).contains("END:VCALENDAR"));
        assert!(server.request("GET", &path).try_send().is_err(), "a client sees that it is cut");
        server.wait_for_log(&format!("{path}, cut short"));
        // Without chunks, only a reset shows it.
        let mut connection = TcpStream::connect(server.address()).unwrap();
        connection.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
        let ended = connection.read_to_end(&mut Vec::new());
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset, "{extension}");
    }
    // A stream that fails at once is an ordinary problem.
    server
        .get(format!("/orders.csv?from={}", orders_tests::at(bulk.nth(2_499).datetime)))
        .problem(500, "internal-error");
    server.get("/healthz").assert_status(200);
}

#[apply(both_databases)]
fn clients_that_stop_reading_hold_nobody_up(database: Database) {
    let bulk = Bulk { number: 100_000, at_once: 1 };
    let server = with(database, bulk);
    let request = format!(
        "GET /orders.ndjson HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        server.address()
    );
    // More than there are connections to the database, or threads.
    let mut stalled: Vec<Raw> = (0..12)
        .map(|_| Raw::connect(server.address()).send(&request).read_past("\r\n\r\n"))
        .collect();
    for step in 0..20 {
        let id = format!("new{step}");
        let mut body = order(&id, NOON + step * 24 * HOUR);
        body["services"] = json!([{"id": 1}]);
        server.post("/orders", &body).assert_status(201);
        assert_eq!(server.get("/orders?sort=-created_at&limit=1").json()["data"][0]["id"], id);
        server.delete(format!("/orders/{id}")).assert_status(204);
    }
    assert_eq!(server.get("/orders.csv?service=10").text().lines().count(), 101);
    if database == Database::Postgres {
        let held = server.scratch().sql().number(
            "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = current_database() \
             AND pid <> pg_backend_pid() AND (state LIKE 'idle in%' OR backend_xmin IS NOT NULL)",
        );
        assert_eq!(held, 0, "no transaction and no snapshot is held");
    }
    // A client that continues gets the rest; the others may disconnect.
    let bytes = stalled.pop().unwrap().read_to_end();
    drop(stalled);
    assert!(bytes.ends_with(b"\r\n0\r\n\r\n"), "the stream goes on to its end");
    let lines = bytes.windows(8).filter(|eight| eight == b"{\"id\":\"o").count();
    assert_eq!(i64::try_from(lines).unwrap(), bulk.number);
}

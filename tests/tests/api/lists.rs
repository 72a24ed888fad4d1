//! Lists of orders: pages, cursors, filters, and invalid queries.
#![expect(clippy::indexing_slicing, reason = "a test may fail")]

use orders_tests::{Answer, Client, Database, HOUR, Scratch, Server, at, keyed, order};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

/// A server with orders `o000`, `o001`, … three hours apart, every third of them for service 456.
fn with_orders(database: Database, number: i64) -> (Scratch, Server) {
    let scratch = database.fresh();
    let mut orders: Vec<Value> = (0..number).map(nth).collect();
    // Not in the order of the list.
    orders.reverse();
    let services = json!([{"id": 123, "name": "Inspection"}, {"id": 456, "name": "Analysis"}, {"id": 789, "name": "Testing"}]);
    let file =
        scratch.write("orders.json", json!({"services": services, "orders": orders}).to_string());
    drop(scratch.run(&["import", &file, "--on-conflict", "accept-group"]).assert_fine());
    let server = Server::start(&scratch);
    (scratch, server)
}

fn nth(n: i64) -> Value {
    let mut body = order(&format!("o{n:03}"), NOON + n * 3 * HOUR);
    if n % 3 == 0 {
        body["services"] = json!([{"id": 456}, {"id": 123}]);
    }
    body
}

fn ids(page: &Value) -> Vec<String> {
    let data = page["data"].as_array().into_iter().flatten();
    data.map(|order| order["id"].as_str().unwrap_or_default().to_owned()).collect()
}

fn range(from: i64, to: i64) -> Vec<String> {
    (from..to).map(|n| format!("o{n:03}")).collect()
}

/// The path of the next page, as the `Link` header gives it.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("Link")?;
    let (target, parameters) = link.strip_prefix('<').and_then(|rest| rest.split_once('>'))?;
    assert_eq!(parameters.replace(' ', ""), ";rel=\"next\"", "{answer}");
    let path = target.find("/orders").and_then(|start| target.get(start..));
    path.map(ToOwned::to_owned)
}

/// Follows the links from a path to the end; the ids of each page.
fn pages(client: &Client, path: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut path = path.to_owned();
    loop {
        let answer = client.get(&path).assert_status(200);
        let page = answer.json();
        pages.push(ids(&page));
        let link = next(&answer);
        assert_eq!(link.is_some(), page["next_cursor"].is_string(), "{answer}");
        match link {
            Some(link) => path = link,
            None => return pages,
        }
    }
}

#[apply(both_databases)]
fn an_empty_list_is_a_page_without_members(database: Database) {
    let server = Server::fresh(database);
    let answer = server.get("/orders").assert_status(200);
    assert_eq!(answer.json(), json!({"data": [], "next_cursor": null}));
    assert_eq!(answer.header("Link"), None);
    assert_eq!(answer.header("ETag"), None);
}

#[apply(both_databases)]
fn orders_are_listed_by_their_datetime_as_they_are_read(database: Database) {
    let (_, server) = with_orders(database, 7);
    server.post("/orders", &order("old", -62_135_596_800_000)).assert_status(201);
    server.post("/orders", &order("before-1970", -1)).assert_status(201);
    server.post("/orders", &order("last", 253_402_300_799_999)).assert_status(201);
    let listed = server.get("/orders").assert_status(200).json();
    let mut expected = vec!["old".to_owned(), "before-1970".to_owned()];
    expected.extend(range(0, 7));
    expected.push("last".to_owned());
    assert_eq!(ids(&listed), expected);
    for order in listed["data"].as_array().into_iter().flatten() {
        let id = order["id"].as_str().unwrap_or_default();
        assert_eq!(&server.get(format!("/orders/{id}")).json(), order);
    }
}

#[apply(both_databases)]
fn following_the_pages_yields_every_order_once(database: Database) {
    let (_, server) = with_orders(database, 120);
    let sizes = |path: &str| pages(&server, path).iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes("/orders"), [100, 20]);
    assert_eq!(sizes("/orders?limit=1000"), [120]);
    assert_eq!(sizes("/orders?limit=120"), [120]);
    assert_eq!(sizes("/orders?limit=119"), [119, 1]);
    // No empty page at the end.
    assert_eq!(sizes("/orders?limit=40"), [40, 40, 40]);
    assert_eq!(sizes("/orders?limit=1").len(), 120);
    for limit in [1, 7, 40, 100] {
        assert_eq!(pages(&server, &format!("/orders?limit={limit}")).concat(), range(0, 120));
    }
}

#[apply(both_databases)]
fn orders_at_one_instant_are_paged_by_their_id(database: Database) {
    let scratch = database.fresh();
    let names = ["B", "a", "0123", "123", "_", "~", "-", ".x", "Z", "b"];
    let orders: Vec<Value> = names.iter().map(|id| order(id, NOON)).collect();
    let data = json!({"services": [{"id": 123, "name": "Inspection"}], "orders": orders});
    let file = scratch.write("orders.json", data.to_string());
    drop(scratch.run(&["import", &file, "--on-conflict", "accept-group"]).assert_fine());
    let server = Server::start(&scratch);
    let mut sorted = names.map(ToOwned::to_owned).to_vec();
    sorted.sort();
    for limit in [1, 3, 10] {
        assert_eq!(pages(&server, &format!("/orders?limit={limit}")).concat(), sorted);
    }
}

#[apply(both_databases)]
fn pages_stay_stable_while_others_write(database: Database) {
    let (_, server) = with_orders(database, 30);
    let first = server.get("/orders?limit=10").json();
    assert_eq!(ids(&first), range(0, 10));
    // Before the cursor: deleted, added, moved; at the cursor: deleted; after it: deleted, added.
    for gone in ["o000", "o003", "o009", "o010", "o015"] {
        server.delete(format!("/orders/{gone}")).assert_status(204);
    }
    server.post("/orders", &order("new-before", NOON)).assert_status(201);
    server.post("/orders", &order("new-behind", NOON + 15 * 3 * HOUR)).assert_status(201);
    let cursor = first["next_cursor"].as_str().unwrap_or_default();
    let rest = pages(&server, &format!("/orders?limit=10&cursor={cursor}")).concat();
    let mut expected = range(11, 30);
    expected.retain(|id| id != "o015");
    expected.insert(4, "new-behind".to_owned());
    assert_eq!(rest, expected);
}

#[apply(both_databases)]
fn times_and_services_filter(database: Database) {
    let (_, server) = with_orders(database, 20);
    let ask = |query: &str| pages(&server, &format!("/orders?{query}")).concat();
    let time = |n: i64| at(NOON + n * 3 * HOUR);
    // Half-open: `from` is in, `to` is not.
    assert_eq!(ask(&format!("from={}", time(5))), range(5, 20));
    assert_eq!(ask(&format!("to={}", time(5))), range(0, 5));
    assert_eq!(ask(&format!("from={}&to={}", time(5), time(9))), range(5, 9));
    assert_eq!(ask(&format!("from={}&to={}&limit=1", time(5), time(9))), range(5, 9));
    assert_eq!(ask(&format!("from={}", at(NOON + 15 * HOUR + 1))), range(6, 20));
    assert_eq!(ask(&format!("from={}&to={}", time(5), time(5))), Vec::<String>::new());
    assert_eq!(ask("from=2023-11-15T14:13:20%2B01:00&to=2023-11-15t16:13:20z"), range(5, 6));
    let third: Vec<String> = range(0, 20).into_iter().step_by(3).collect();
    assert_eq!(ask("service=456"), third);
    assert_eq!(ask("service=456&limit=2"), third);
    assert_eq!(ask("service=123"), range(0, 20));
    // Any of them, and each order once.
    assert_eq!(ask("service=456&service=123&limit=3"), range(0, 20));
    assert_eq!(ask("service=456&service=789"), third);
    assert_eq!(ask("service=456&service=456"), third);
    assert_eq!(ask("service=789"), Vec::<String>::new());
    // A service that does not exist is no error.
    assert_eq!(ask("service=999"), Vec::<String>::new());
    assert_eq!(ask("service=999&service=456"), third);
    assert_eq!(ask(&format!("service=456&from={}&to={}", time(3), time(9))), ["o003", "o006"]);
    // What moved and what changed its services is found where it is now.
    server.put("/orders/o003", &order("o003", NOON + 100 * 3 * HOUR)).assert_status(200);
    assert_eq!(
        ask("service=456"),
        third.iter().filter(|id| *id != "o003").cloned().collect::<Vec<_>>()
    );
    assert_eq!(ask(&format!("from={}", time(99))), ["o003"]);
    server.delete("/orders/o006").assert_status(204);
    assert_eq!(ask(&format!("service=456&from={}&to={}", time(3), time(10))), ["o009"]);
}

#[apply(both_databases)]
fn a_cursor_belongs_to_its_filters(database: Database) {
    let (_, server) = with_orders(database, 20);
    let first = server.get("/orders?service=123&limit=5").json();
    let cursor = first["next_cursor"].as_str().unwrap_or_default();
    let again =
        server.get(format!("/orders?service=123&limit=3&cursor={cursor}")).assert_status(200);
    assert_eq!(ids(&again.json()), range(5, 8), "the size of a page is not a filter");
    server
        .get(format!("/orders?sort=datetime&service=123&service=123&cursor={cursor}"))
        .assert_status(200);
    for other in [
        "",
        "service=456&",
        "service=123&service=456&",
        "service=123&from=2000-01-01T00:00:00Z&",
        "service=123&created_from=2000-01-01T00:00:00Z&",
        "service=123&created_to=9000-01-01T00:00:00Z&",
        "service=123&min_fee=0&",
        "service=123&max_fee=999&",
        "service=123&sort=-datetime&",
        "service=123&sort=created_at&",
        "service=123&sort=-created_at&",
    ] {
        let answer = server.get(format!("/orders?{other}limit=5&cursor={cursor}"));
        answer.problem(400, "invalid-parameter");
        assert!(answer.text().contains("cursor"), "{answer}");
    }
    let halved = cursor.get(..cursor.len() / 2).unwrap_or_default();
    let long = "A".repeat(3_000);
    for broken in ["", "x", "null", "0", "..", "%00", "%ff", "====", "e30", "e30=", halved, &long] {
        server
            .get(format!("/orders?service=123&cursor={broken}"))
            .problem(400, "invalid-parameter");
    }
    // Another list's cursor fits no better.
    let services = server.get("/services?limit=1").json();
    let foreign = services["next_cursor"].as_str().unwrap_or_default();
    server.get(format!("/orders?cursor={foreign}")).problem(400, "invalid-parameter");
}

#[apply(both_databases)]
fn a_wrong_parameter_is_named(database: Database) {
    let (_, server) = with_orders(database, 3);
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("limit=abc", "limit"),
        ("limit=1.5", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limit=%31%00", "limit"),
        ("limit", "limit"),
        ("from=", "from"),
        ("from=yesterday", "from"),
        ("from=2022-11-01", "from"),
        ("from=2022-11-01T00:00:00", "from"),
        ("from=2022-02-30T00:00:00Z", "from"),
        ("to=1", "to"),
        ("to=2022-11-01T11:11:60Z", "to"),
        ("from=2022-11-01T00:00:00Z&from=2022-11-01T00:00:00Z", "from"),
        ("to=2022-11-01T00:00:00Z&to=2022-11-02T00:00:00Z", "to"),
        ("from=2022-11-01T00:00:00.001Z&to=2022-11-01T00:00:00Z", "from"),
        ("created_from=", "created_from"),
        ("created_from=today", "created_from"),
        ("created_to=2022-11-01", "created_to"),
        ("created_to=2022-11-01T00:00:00Z&created_to=2022-11-01T00:00:00Z", "created_to"),
        ("created_from=2022-11-01T00:00:00.001Z&created_to=2022-11-01T00:00:00Z", "created_from"),
        ("min_fee=", "min_fee"),
        ("min_fee=-1", "min_fee"),
        ("min_fee=1.001", "min_fee"),
        ("min_fee=1,5", "min_fee"),
        ("min_fee=%2B1", "min_fee"),
        ("min_fee=1e99", "min_fee"),
        ("min_fee=1&min_fee=1", "min_fee"),
        ("max_fee=NaN", "max_fee"),
        ("max_fee=1000000000000", "max_fee"),
        ("max_fee=0x10", "max_fee"),
        ("min_fee=100.01&max_fee=100", "min_fee"),
        ("sort=", "sort"),
        ("sort=totalfee", "sort"),
        ("sort=%2Bdatetime", "sort"),
        ("sort=--datetime", "sort"),
        ("sort=Datetime", "sort"),
        ("sort=datetime,id", "sort"),
        ("sort=datetime&sort=datetime", "sort"),
        ("service=", "service"),
        ("service=abc", "service"),
        ("service=0", "service"),
        ("service=0123", "service"),
        ("service=-1", "service"),
        ("service=1.0", "service"),
        ("service=9007199254740992", "service"),
        ("service=123&service=x", "service"),
        ("service=123,456", "service"),
        ("cursor=a&cursor=b", "cursor"),
        ("colour=red", "colour"),
        ("Limit=1", "Limit"),
        ("offset=5", "offset"),
        ("page=2", "page"),
        ("=1", ""),
        ("limit=5&x", "x"),
        ("%6cimit=0", "limit"),
    ] {
        let answer = server.get(format!("/orders?{query}"));
        let problem = answer.problem(400, "invalid-parameter");
        let text = format!("{} {}", problem["detail"], problem["errors"]);
        assert!(text.contains(name), "{name} is not named in {answer}");
    }
    for query in ["", "&", "limit=5&", "%6cimit=5", "limit=%35", "min_fee=1e2&max_fee=100.00"] {
        server.get(format!("/orders?{query}")).assert_status(200);
    }
}

#[apply(both_databases)]
fn every_query_names_all_its_errors_at_once(database: Database) {
    let scratch = database.fresh();
    let (_server, admin) = keyed(&scratch, &["--sample-data"]);
    let hook = admin.post("/webhooks", &json!({"url": "https://example.com"})).json();
    let deliveries = format!("/webhooks/{}/deliveries", hook["id"].as_str().unwrap());
    for (path, query, names) in [
        ("/orders", "from=a&to=b&limit=x&zz=1&zz=2", &["from", "limit", "to", "zz"][..]),
        ("/orders?x=1", "expand=y&limit=0", &["expand", "limit", "x"]),
        ("/orders/223", "expand=y&limit=5", &["expand", "limit"]),
        ("/availability", "limit=0&slots=0&zz=1", &["from", "limit", "slots", "to", "zz"]),
        ("/availability", "from=x&service=x&service=y", &["from", "service", "to"]),
        ("/events", "after=x&limit=x&zz=1", &["after", "limit", "zz"]),
        ("/events/stream", "after=x&lastEventId=x&limit=1", &["after", "lastEventId", "limit"]),
        ("/services", "limit=0&zz=1", &["limit", "zz"]),
        ("/keys", "limit=0&zz=1", &["limit", "zz"]),
        ("/webhooks", "limit=0&zz=1", &["limit", "zz"]),
        (&deliveries, "status=lost&limit=0&zz=1", &["limit", "status", "zz"]),
        ("/policy", "a=1&b=2", &["a", "b"]),
    ] {
        let separator = if path.contains('?') { '&' } else { '?' };
        let answer = admin.get(format!("{path}{separator}{query}"));
        answer.problem(400, "invalid-parameter");
        let problem = answer.json();
        let errors = problem["errors"].as_array().unwrap();
        assert_eq!(problem["parameter"], errors[0]["parameter"]);
        let mut found: Vec<&str> =
            errors.iter().map(|error| error["parameter"].as_str().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, names, "{path} {query}");
        for name in names {
            assert!(problem["detail"].as_str().unwrap().contains(&format!("{name:?}")), "{answer}");
        }
    }
    let many: Vec<String> = (0..500).map(|number| format!("p{number}=1")).collect();
    let errors = admin.get(format!("/orders?{}", many.join("&"))).json();
    assert_eq!(errors["errors"].as_array().unwrap().len(), 100);
}

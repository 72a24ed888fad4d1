//! The API reference as a reader sees it: no operation without a summary, a description and examples, no
//! member without its meaning, and no example that is not true.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use std::process::Command;

use orders_tests::{Answer, Client, Database, OWN_KEY, Receiver, Server, delivering, document};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

/// The text of a member, which must be there.
fn text<'v>(what: &str, value: &'v Value, name: &str) -> &'v str {
    let text = value[name].as_str().unwrap_or_default().trim();
    assert!(!text.is_empty(), "{what} has no {name}");
    text
}

/// Each operation: its name, such as `GET /orders`, and its description.
fn operations() -> Vec<(String, &'static Value)> {
    let paths = document().paths();
    let all = paths.flat_map(|(path, operations)| {
        operations.into_iter().map(move |(method, of)| (format!("{method} {path}"), of))
    });
    all.collect()
}

/// The contents of a request body or of a response, by media type.
fn contents(of: &Value) -> impl Iterator<Item = (&String, &Value)> {
    of["content"].as_object().into_iter().flatten()
}

/// The arguments of the only `curl` command of an operation, as a shell splits them.
fn arguments(what: &str, operation: &Value) -> Vec<String> {
    let sample = &operation["x-codeSamples"][0];
    assert_eq!(sample["lang"], "Shell", "{what} has no command");
    let script = format!("curl() {{ printf '%s\\0' \"$@\"; }}\n{}", text(what, sample, "source"));
    let run = Command::new("sh").args(["-euc", &script]).env("ORDERS_API_KEY", OWN_KEY).output();
    let run = run.expect("there is a shell");
    assert!(run.status.success(), "{what}: {}", String::from_utf8_lossy(&run.stderr));
    let printed = String::from_utf8(run.stdout).expect("commands are text");
    printed.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn every_operation_has_a_summary_a_description_and_a_command() {
    for (what, operation) in operations() {
        let (summary, description) =
            (text(&what, operation, "summary"), text(&what, operation, "description"));
        assert!(description != summary && description.ends_with('.'), "{what}: {description}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            text(&format!("{what} {}", parameter["name"]), parameter, "description");
        }
        let url = arguments(&what, operation);
        assert!(url.iter().any(|one| one.starts_with("http://127.0.0.1:8080/")), "{what}: {url:?}");
        let has_body = !operation["requestBody"].is_null();
        assert_eq!(has_body, url.iter().any(|one| one == "--data"), "{what}: {url:?}");
    }
}

#[test]
fn every_body_has_an_example_that_its_schema_accepts() {
    let document = document();
    let mut checked = 0;
    let mut check = |what: &str, of: &Value| {
        for (media, content) in contents(of) {
            let what = format!("{what} {media}");
            let several = content["examples"].as_object().into_iter().flatten();
            let several = several.map(|(_, one)| &document.resolve(one)["value"]);
            let examples: Vec<&Value> = content.get("example").into_iter().chain(several).collect();
            assert!(!examples.is_empty(), "{what} has no example");
            for example in examples {
                let fault = document.fault(&what, &content["schema"], example);
                assert_eq!(fault, None, "{what}: {example}");
                checked += 1;
            }
        }
    };
    for (what, operation) in operations() {
        check(&format!("the request of {what}"), &operation["requestBody"]);
        for (status, response) in operation["responses"].as_object().unwrap() {
            check(&format!("{what} {status}"), response);
        }
    }
    assert!(checked > 200, "{checked}");
}

#[test]
fn the_examples_of_streams_are_lines_that_their_objects_accept() {
    let document = document();
    let lines = [
        ("/events/stream", "text/event-stream", "data: ", "Event"),
        ("/orders.ndjson", "application/x-ndjson", "", "Order"),
    ];
    for (path, media, start, name) in lines {
        let content = &document.json["paths"][path]["get"]["responses"]["200"]["content"][media];
        let mut lines = content["example"].as_str().unwrap().lines();
        let line = lines.find_map(|line| line.strip_prefix(start)).unwrap();
        let value = serde_json::from_str(line).unwrap();
        let schema = &document.json["components"]["schemas"][name];
        assert_eq!(document.fault(name, schema, &value), None, "{path}: {line}");
    }
}

/// Fails for a member of an object without its meaning, however deep.
fn check_members(what: &str, schema: &Value) {
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let what = format!("{what}.{name}");
        text(&what, member, "description");
        check_members(&what, member);
    }
    check_members_of_parts(what, schema);
}

fn check_members_of_parts(what: &str, schema: &Value) {
    if schema["items"].is_object() {
        check_members(&format!("{what}[]"), &schema["items"]);
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        for part in schema[choice].as_array().into_iter().flatten() {
            check_members(what, part);
        }
    }
}

#[test]
fn every_member_of_every_body_has_a_meaning() {
    for (name, schema) in document().json["components"]["schemas"].as_object().unwrap() {
        check_members(name, schema);
    }
}

/// Sends the command of an operation to a server. In the body and the path, the ids and the URL of the
/// example are replaced with those that exist here.
fn send(client: &Client, arguments: &[String], here: &[(&str, &str)]) -> Answer {
    let replaced = |text: &str| {
        here.iter().fold(text.to_owned(), |text, (example, real)| text.replace(example, real))
    };
    let (mut method, mut path, mut headers, mut body) = (None, None, Vec::new(), None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--request" => method = rest.next(),
            "--header" => headers.push(rest.next().unwrap().split_once(": ").unwrap()),
            "--data" => body = rest.next(),
            url => path = url.strip_prefix("http://127.0.0.1:8080").map(replaced),
        }
    }
    let default = if body.is_some() { "POST" } else { "GET" };
    let request = client.request(method.map_or(default, String::as_str), path.unwrap());
    let request = headers.into_iter().fold(request, |request, (name, value)| {
        let known = name == "X-API-Key";
        if known { request } else { request.header(name, value) }
    });
    match body {
        Some(body) => request.body(replaced(body)).send(),
        None => request.send(),
    }
}

/// Whether two values have the same members, however deep. `null` is like any value; of an array the
/// first items count.
fn is_alike(example: &Value, real: &Value) -> bool {
    match (example, real) {
        (Value::Object(example), Value::Object(real)) => {
            example.len() == real.len()
                && example
                    .iter()
                    .all(|(name, value)| real.get(name).is_some_and(|real| is_alike(value, real)))
        }
        (Value::Array(example), Value::Array(real)) => {
            example.is_empty() == real.is_empty()
                && example.iter().zip(real).all(|(example, real)| is_alike(example, real))
        }
        (Value::Null, _) | (_, Value::Null) => true,
        (example, real) => std::mem::discriminant(example) == std::mem::discriminant(real),
    }
}

/// Sends the command of an operation to a server that has what the examples are about: the sample data, a
/// key, a webhook with a delivery, and a deleted order if the operation restores one.
fn check_against_a_server(what: &str, operation: &Value) {
    let scratch = Database::Sqlite.fresh();
    let (_server, admin) = delivering(&scratch, &[]);
    let receiver = Receiver::start();
    let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
    let key = admin.post("/keys", &json!({"name": "billing", "role": "writer"}));
    let key = id(&key.assert_status(201).json());
    let hook = admin.post("/webhooks", &json!({"url": receiver.url(), "events": ["order.*"]}));
    let hook = id(&hook.assert_status(201).json());
    let changed = json!({"totalfee": 100.5});
    admin.request("PATCH", "/orders/225").json(&changed).send().assert_status(200);
    if what.contains("/restore") {
        admin.delete("/orders/223").assert_status(204);
    }
    assert!(!receiver.wait_for(1).is_empty());
    if what == "DELETE /services/{id}" {
        admin.delete("/orders/223").assert_status(204);
    }
    let url = receiver.url();
    let here = [
        ("key_5f1d3a0c7a544a0e", key.as_str()),
        ("whk_5f1d3a0c7a544a0e", hook.as_str()),
        ("https://example.com/hook", url.as_str()),
    ];
    let answer = send(&admin, &arguments(what, operation), &here);
    let success = operation["responses"].as_object().unwrap().keys().next().unwrap();
    let answer = answer.assert_status(success.parse().unwrap());
    let media = answer.header("Content-Type").unwrap_or_default().split(';').next().unwrap();
    let contents = &operation["responses"][success]["content"];
    let example = &contents[media]["example"];
    if contents.is_null() {
        assert!(answer.body.is_empty(), "{what}: {answer}");
    } else if what == "GET /openapi.json" {
        assert_eq!(example["openapi"], answer.json()["openapi"]);
    } else if media == "application/json" {
        let real = answer.json();
        assert!(is_alike(example, &real), "{what}: the example {example}, the response {real}");
    } else {
        let start = |text: &str| text.lines().next().unwrap_or_default()[..4].to_lowercase();
        let is_page = matches!(media, "text/html" | "text/csv" | "text/calendar" | "text/plain");
        let example = example.as_str().unwrap();
        assert!(!is_page || start(example) == start(&answer.text()), "{what}: {example}, {answer}");
    }
}

#[test]
fn every_command_of_the_reference_succeeds_as_its_example_shows() {
    for (what, operation) in operations() {
        // Its response has no end; `events/sse.rs` tests it.
        if what != "GET /events/stream" {
            check_against_a_server(&what, operation);
        }
    }
}

/// What a browser accepts.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[apply(both_databases)]
fn a_problem_type_is_a_page_for_browsers_and_json_for_other_clients(database: Database) {
    let server = Server::fresh(database);
    let get = |code: &str, accept: &str| {
        server.request("GET", format!("/problems/{code}")).header("Accept", accept).send()
    };
    for code in document().json["components"]["examples"].as_object().unwrap().keys() {
        let page = get(code, BROWSER).assert_status(200);
        assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
        assert!(page.header("Content-Security-Policy").unwrap().contains("default-src 'none'"));
        let (json, html) = (get(code, "*/*").assert_status(200).json(), page.text());
        for shown in ["title", "type"] {
            assert!(html.contains(json[shown].as_str().unwrap()), "{code} {shown}: {html}");
        }
        assert!(html.contains("request_id") && html.contains("/docs"), "{code}: {html}");
        assert_eq!(json, get(code, "application/json").json());
    }
    for accept in [BROWSER, "*/*"] {
        get("none", accept).problem(404, "not-found");
        let vary = get("not-found", accept);
        assert!(vary.headers.get_all("Vary").iter().any(|one| one == "Accept"), "{accept}");
    }
    get("not-found", "image/png").problem(406, "not-acceptable");
}

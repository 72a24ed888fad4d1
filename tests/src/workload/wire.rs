//! Converts requests of a history to HTTP, and responses to those of a history.

use serde_json::{Value, json};

use crate::history::{Change, Conflict, Ending, Event, Kind, Neighbour, Order, Request, Told};
use crate::time::{at, millis_of};
use crate::{Answer, Client};

/// Sends a request and waits for its end.
pub(super) fn send(client: &Client, request: &Request, key: Option<&str>) -> Ending {
    let (method, path, body) = spelled(request);
    let if_match = match request {
        Request::Update { if_match, .. } | Request::Delete { if_match, .. } => *if_match,
        Request::Create { .. }
        | Request::Restore { .. }
        | Request::Batch { .. }
        | Request::Read { .. }
        | Request::Free { .. } => None,
    };
    let if_match = if_match.map(|version| format!("\"{version}\""));
    let mut asked = client.request(method, path);
    if let Some(if_match) = &if_match {
        asked = asked.header("If-Match", if_match);
    }
    if let Some(key) = key {
        asked = asked.header("Idempotency-Key", key);
    }
    if let Some(body) = &body {
        asked = asked.json(body);
    }
    match asked.try_send() {
        Ok(answer) => ending(&answer),
        Err(error) => Ending::Unknown(error.to_string()),
    }
}

fn spelled(request: &Request) -> (&'static str, String, Option<Value>) {
    match request {
        Request::Create { .. } => ("POST", "/orders".to_owned(), Some(order_body(request))),
        Request::Update { id, change, .. } => {
            let all =
                change.datetime.is_some() && change.fee.is_some() && change.services.is_some();
            let method = if all { "PUT" } else { "PATCH" };
            (method, format!("/orders/{id}"), Some(order_body(request)))
        }
        Request::Delete { id, .. } => ("DELETE", format!("/orders/{id}"), None),
        Request::Restore { id } => ("POST", format!("/orders/{id}/restore"), None),
        Request::Read { id } => ("GET", format!("/orders/{id}"), None),
        Request::Free { from, to, services } => {
            let within = format!("/availability?from={}&to={}", at(*from), at(*to));
            let services = services.iter().map(|id| format!("service={id}"));
            let query: Vec<String> = std::iter::once(within).chain(services).collect();
            ("GET", query.join("&"), None)
        }
        Request::Batch { atomic, operations } => {
            let mode = if *atomic { "atomic" } else { "each" };
            let operations: Vec<Value> = operations.iter().map(part_of_batch).collect();
            let body = json!({"mode": mode, "operations": operations});
            ("POST", "/orders/batch".to_owned(), Some(body))
        }
    }
}

fn part_of_batch(request: &Request) -> Value {
    let (mut part, if_match) = match request {
        Request::Create { .. } => (json!({"op": "create", "order": order_body(request)}), None),
        Request::Update { id, if_match, .. } => {
            (json!({"op": "replace", "id": id, "order": order_body(request)}), *if_match)
        }
        Request::Delete { id, if_match } => (json!({"op": "delete", "id": id}), *if_match),
        Request::Restore { .. }
        | Request::Read { .. }
        | Request::Free { .. }
        | Request::Batch { .. } => {
            unreachable!("no part of a batch")
        }
    };
    if let Some(version) = if_match {
        part["if_match"] = json!(version);
    }
    part
}

fn order_body(request: &Request) -> Value {
    let change = match request {
        Request::Create { datetime, fee, services, .. } => {
            Change { datetime: Some(*datetime), fee: Some(*fee), services: Some(services.clone()) }
        }
        Request::Update { change, .. } => change.clone(),
        Request::Delete { .. }
        | Request::Restore { .. }
        | Request::Batch { .. }
        | Request::Read { .. }
        | Request::Free { .. } => Change::default(),
    };
    let mut body = json!({});
    if let Request::Create { id: Some(id), .. } = request {
        body["id"] = json!(id);
    }
    if let Some(datetime) = change.datetime {
        body["datetime"] = json!(at(datetime));
    }
    if let Some(fee) = change.fee {
        body["totalfee"] = json!(fee);
    }
    if let Some(services) = change.services {
        let services = services.iter().map(|id| json!({"id": id.to_string()}));
        body["services"] = services.collect();
    }
    body
}

fn ending(answer: &Answer) -> Ending {
    if answer.status == 503 {
        let code = code_of(&answer.json());
        return match code.as_str() {
            "overloaded" | "database-unavailable" => Ending::NotDone(code),
            _ => Ending::Unknown(code),
        };
    }
    let told = match answer.status {
        204 => Told::Deleted,
        status => read_told(status, &answer.json()),
    };
    Ending::Told { told, replayed: answer.header("Idempotency-Replayed") == Some("true") }
}

fn read_told(status: u16, body: &Value) -> Told {
    if let Some(results) = body["results"].as_array() {
        let one = |result: &Value| {
            let status = result["status"].as_u64().and_then(|status| status.try_into().ok());
            let status = status.expect("a result has a status");
            match (&result["order"], &result["problem"]) {
                (Value::Null, Value::Null) => Told::Deleted,
                (Value::Null, problem) => read_told(status, problem),
                (order, _) => Told::Order(status, read_order(order)),
            }
        };
        return Told::Results(status, results.iter().map(one).collect());
    }
    if let Some(stretches) = body["data"].as_array() {
        let ends = |one: &Value| (millis_of(text(&one["start"])), millis_of(text(&one["end"])));
        return Told::Free(stretches.iter().map(ends).collect());
    }
    if body["type"].is_null() {
        return Told::Order(status, read_order(body));
    }
    Told::Refused(status, code_of(body), body["conflicts"].as_array().map(|_| read_conflict(body)))
}

fn code_of(problem: &Value) -> String {
    text(&problem["type"]).trim_start_matches("/problems/").to_owned()
}

fn read_conflict(body: &Value) -> Conflict {
    let one = |other: &Value| Neighbour {
        gap: other["gap_ms"].as_i64().expect("a conflict has a gap"),
        datetime: millis_of(text(&other["datetime"])),
        id: text(&other["order_id"]).to_owned(),
        services: {
            let mut services = numbers(&other["services"]);
            services.sort_unstable();
            services
        },
    };
    let mut nearest: Vec<Neighbour> =
        body["conflicts"].as_array().into_iter().flatten().map(one).collect();
    assert!(nearest.is_sorted_by_key(|other| other.gap.abs()), "the nearest first: {body}");
    // The contract does not define the order of equally distant ones.
    nearest.sort_by(|a, b| (a.gap.abs(), a.datetime, &a.id).cmp(&(b.gap.abs(), b.datetime, &b.id)));
    let count = body["conflict_count"].as_u64().and_then(|count| count.try_into().ok());
    let instant = |value: &Value| value.as_str().map(millis_of);
    Conflict {
        nearest,
        count: count.expect("conflicts are counted"),
        previous: instant(&body["suggestions"]["previous"]),
        next: instant(&body["suggestions"]["next"]),
    }
}

/// Reads an order of a response.
pub(super) fn read_order(body: &Value) -> Order {
    Order {
        id: text(&body["id"]).to_owned(),
        datetime: millis_of(text(&body["datetime"])),
        fee: body["totalfee"].as_u64().expect("fees of a workload are whole"),
        services: body["services"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|service| text(&service["id"]).parse().expect("ids of services are digits"))
            .collect(),
        version: body["version"].as_u64().expect("an order has a version"),
        created_at: millis_of(text(&body["created_at"])),
        updated_at: millis_of(text(&body["updated_at"])),
    }
}

/// Reads an event of the feed.
pub(super) fn read_event(body: &Value) -> Event {
    let order = |value: &Value| (!value.is_null()).then(|| read_order(value));
    Event {
        sequence: text(&body["sequence"]).parse().expect("a sequence is a number"),
        kind: match text(&body["type"]) {
            "order.created" => Kind::Created,
            "order.updated" => Kind::Updated,
            "order.deleted" => Kind::Deleted,
            "order.restored" => Kind::Restored,
            other => panic!("no type of an event: {other}"),
        },
        id: text(&body["subject"]).to_owned(),
        time: millis_of(text(&body["time"])),
        before: order(&body["data"]["before"]),
        after: order(&body["data"]["after"]),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn numbers(value: &Value) -> Vec<u64> {
    let number = |one: &Value| one.as_str().and_then(|digits| digits.parse().ok());
    value.as_array().into_iter().flatten().filter_map(number).collect()
}

//! Bodies of JSON: any, orders, patches, batches.

use bolero::check;
use orders_core::decide::Versions;
use orders_core::{Operation, OrderId};
use serde_json::Value;

use super::texts::texts;
use super::{CASES, OF_JSON, ORDERS, order_with};
use crate::http::json;
use crate::http::json::Json;
use crate::http::problem::Code;
use crate::orders::request::OrderPatchBody;
use crate::orders::response::OrderView;

/// Returns how deep a value is nested. Asserts that no object in it has a duplicate member.
fn depth(json: &Json<'_>) -> usize {
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => 0,
        Json::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Json::Object(members) => {
            let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), members.len(), "a duplicate member");
            1 + members.iter().map(|(_, json)| depth(json)).max().unwrap_or(0)
        }
    }
}

#[test]
fn any_json() {
    check!().with_iterations(CASES).with_max_len(256).for_each(|bytes: &[u8]| {
        for text in texts(bytes, ORDERS, OF_JSON) {
            // Serde accepts the same language, with the exceptions of each branch.
            let serde = serde_json::from_slice::<Value>(&text);
            match (json::parse(&text), serde) {
                (Ok(ours), Ok(_)) => assert!(depth(&ours) <= 127),
                (Err(_), Err(_)) => {}
                (Ok(_), Err(error)) => {
                    assert!(error.to_string().starts_with("number out of range"), "{error}");
                }
                (Err(error), Ok(_)) => {
                    let (why, text) = (error.to_string(), String::from_utf8_lossy(&text));
                    assert!(why.contains("duplicate") || why.contains("deeper"), "{why}: {text:?}");
                }
            }
        }
    });
}

#[test]
fn order_body() {
    check!().with_iterations(CASES).with_max_len(128).for_each(|bytes: &[u8]| {
        for text in texts(bytes, ORDERS, OF_JSON) {
            let Ok(json) = json::parse(&text) else { continue };
            match crate::orders::request::read_order(&json) {
                Err(errors) => assert!(!errors.is_empty(), "a rejection has a reason"),
                Ok(body) => {
                    let order = order_with(body.id.clone(), body.content.clone());
                    let written = serde_json::to_vec(&OrderView::new(&order)).unwrap();
                    let again = crate::orders::request::read_order(&json::parse(&written).unwrap())
                        .unwrap();
                    let id = order.id.clone();
                    assert_eq!((again.id, again.content), (Some(id), body.content.clone()));
                    // A whole order is also a valid patch.
                    let patch = crate::orders::request::read_order_patch(&order.id, &json).unwrap();
                    assert_eq!(patch.0, body.content.clone().into());
                    assert_eq!(
                        crate::orders::request::read_replacement(&order.id, &json),
                        Ok(body.content)
                    );
                }
            }
        }
    });
}

#[test]
fn order_patch_body() {
    const PATCHES: &[&str] = &[
        r#"{"totalfee":1}"#,
        r#"{"id":"a","services":[{"id":1}],"datetime":"2022-11-01T11:11:11.111Z"}"#,
        "{}",
    ];
    let id = OrderId::parse("a").unwrap();
    check!().with_iterations(CASES).with_max_len(128).for_each(|bytes: &[u8]| {
        for text in texts(bytes, PATCHES, OF_JSON) {
            let Ok(json) = json::parse(&text) else { continue };
            let Ok(OrderPatchBody(patch)) = crate::orders::request::read_order_patch(&id, &json)
            else {
                continue;
            };
            let Json::Object(members) = &json else { unreachable!("a patch is an object") };
            let has = |name: &str| members.iter().any(|(member, _)| member == name);
            assert_eq!(patch.datetime.is_some(), has("datetime"));
            assert_eq!(patch.total_fee.is_some(), has("totalfee"));
            assert_eq!(patch.services.is_some(), has("services"));
        }
    });
}

const BATCHES: &[&str] = &[
    r#"{"mode":"each","operations":[{"op":"create","order":{"id":"a","datetime":"2022-11-01T11:11:11Z","totalfee":1,"services":[{"id":1}]}}]}"#,
    r#"{"mode":"atomic","dry_run":true,"operations":[{"op":"replace","id":"a","if_match":3,"order":{"datetime":"2022-11-01T11:11:11Z","totalfee":1,"services":[{"id":1}]}},{"op":"delete","id":"b","if_match":1}]}"#,
    r#"{"mode":"each","operations":[{"op":"delete","id":"b"},{"op":"delete","id":"."},{"op":"create","order":{}}]}"#,
];

/// Writes an operation as a client would.
fn write(operation: &Operation) -> String {
    let content = |id, content: &orders_core::OrderContent| {
        serde_json::to_string(&OrderView::new(&order_with(Some(id), content.clone()))).unwrap()
    };
    let version = |if_match: &Option<Versions>| match if_match {
        Some(Versions::Among(versions)) => format!(",\"if_match\":{}", versions[0]),
        Some(Versions::AllBut(_)) | None => String::new(),
    };
    match operation {
        Operation::Create { id, content: new } => {
            format!("{{\"op\":\"create\",\"order\":{}}}", content(id.id().clone(), new))
        }
        Operation::Update { id, if_match, patch } => {
            let new = orders_core::OrderContent {
                datetime: patch.datetime.unwrap(),
                total_fee: patch.total_fee.unwrap(),
                services: patch.services.clone().unwrap(),
            };
            let (order, version) = (content(id.clone(), &new), version(if_match));
            format!("{{\"op\":\"replace\",\"id\":\"{id}\"{version},\"order\":{order}}}")
        }
        Operation::Delete { id, if_match } => {
            format!("{{\"op\":\"delete\",\"id\":\"{id}\"{}}}", version(if_match))
        }
        Operation::Import(_) | Operation::Restore { .. } => unreachable!("no batch has these"),
    }
}

#[test]
fn batch_body() {
    check!().with_iterations(CASES).with_max_len(128).for_each(|bytes: &[u8]| {
        for text in texts(bytes, BATCHES, OF_JSON) {
            let Ok(json) = json::parse(&text) else { continue };
            let body = match crate::orders::batch_request::read_batch(&json, false) {
                Ok(body) => body,
                Err(problem) => {
                    let code = problem.code();
                    assert!(matches!(code, Code::MalformedJson | Code::InvalidBatch), "{code:?}");
                    continue;
                }
            };
            assert!((1..=10_000).contains(&body.operations.len()));
            let operations: Vec<&Operation> =
                body.operations.iter().filter_map(|read| read.as_ref().ok()).collect();
            let list: Vec<String> = operations.iter().map(|operation| write(operation)).collect();
            if list.is_empty() {
                continue;
            }
            let again = format!("{{\"mode\":\"each\",\"operations\":[{}]}}", list.join(","));
            let again = crate::orders::batch_request::read_batch(
                &json::parse(again.as_bytes()).unwrap(),
                false,
            );
            let again = again.ok().unwrap().operations;
            for (operation, again) in operations.into_iter().zip(again) {
                // A generated id is now written as a chosen one.
                let again = again.ok().unwrap();
                assert_eq!(write(&again), write(operation));
            }
        }
    });
}

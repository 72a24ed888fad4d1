//! Values, orders and refusals as the HTTP API spells them, written and read again.
#![cfg(feature = "serde")]
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fmt::Debug;
use std::num::NonZeroU64;

use orders_core::decide::{IdempotencyKey, Neighbour, OrderConflict};
use orders_core::key::Role;
use orders_core::order::Group;
use orders_core::service::ServiceName;
use orders_core::webhook::EventPatterns;
use orders_core::{
    EventKind, Fee, Order, OrderContent, OrderId, Policy, Refusal, Scope, Service, ServiceId,
    Services, Timestamp,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Written as `shown`, and the same when it is read again.
fn assert_spelled<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, shown: &Value) {
    assert_eq!(serde_json::to_value(value).unwrap(), *shown);
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&text).unwrap(), *value, "{text}");
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn id(number: i64) -> ServiceId {
    number.try_into().unwrap()
}

fn conflict() -> OrderConflict {
    OrderConflict {
        policy: Policy::default(),
        nearest: vec![Neighbour {
            order_id: "223".parse().unwrap(),
            datetime: at("2022-11-01T11:11:11.111Z"),
            gap_ms: -1_800_000,
            services: vec![id(123)],
        }],
        count: 1,
        previous: Some(at("2022-11-01T08:11:11.111Z")),
        next: None,
    }
}

#[test]
fn values_are_their_texts_and_numbers() {
    assert_spelled(&at("2022-11-01T12:11:11.111+01:00"), &json!("2022-11-01T11:11:11.111Z"));
    assert_spelled(&Policy::default().window, &json!("PT3H"));
    assert_spelled(&OrderId::parse("223").unwrap(), &json!("223"));
    assert_spelled(&id(123), &json!(123));
    assert_spelled(&Scope::Service, &json!("service"));
    assert_spelled(&Role::Writer, &json!("writer"));
    assert_spelled(&EventKind::Created, &json!("created"));
    assert_spelled(&EventPatterns::default(), &json!(["order.*"]));
    assert_spelled(&IdempotencyKey::parse("k").unwrap(), &json!("k"));
    let service = Service { id: id(7), name: ServiceName::parse("Testing").unwrap() };
    assert_spelled(&service, &json!({"id": 7, "name": "Testing"}));
    let policy = json!({"window": "PT3H", "scope": "global", "edit_lock": null});
    assert_spelled(&Policy::default(), &policy);
}

#[test]
fn fees_are_numbers_with_their_own_digits() {
    for (text, shown) in [
        ("0", "0"),
        ("100.00", "100"),
        ("99.5", "99.5"),
        ("0.01", "0.01"),
        ("999999999999.99", "999999999999.99"),
    ] {
        let fee = Fee::parse(text).unwrap();
        assert_eq!(serde_json::to_string(&fee).unwrap(), shown);
        assert_eq!(serde_json::from_str::<Fee>(shown).unwrap(), fee);
        assert_eq!(serde_json::from_str::<Fee>(&format!("\"{text}\"")).unwrap(), fee);
    }
    assert_eq!(serde_json::from_str::<Fee>("1e2").unwrap(), Fee::parse("100").unwrap());
    for wrong in ["0.001", "-1", "1e12", "null", "\"x\"", "true"] {
        assert!(serde_json::from_str::<Fee>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn ids_of_services_are_read_in_both_spellings() {
    for text in ["123", "\"123\"", "123.0", "1.23e2"] {
        assert_eq!(serde_json::from_str::<ServiceId>(text).unwrap(), id(123), "{text}");
    }
    for wrong in ["0", "-1", "1.5", "\"0123\"", "9007199254740992", "null"] {
        assert!(serde_json::from_str::<ServiceId>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_order_is_shown_as_the_api_shows_it_and_read_into_the_last_group() {
    let order = Order {
        id: "223".parse().unwrap(),
        content: OrderContent {
            datetime: at("2022-11-01T11:11:11.111Z"),
            total_fee: Fee::parse("100").unwrap(),
            services: Services::new(vec![id(123), id(7)]).unwrap(),
        },
        version: 1,
        group: Group(NonZeroU64::MAX),
        created_at: at("2026-11-21T09:00:00Z"),
        updated_at: at("2026-11-21T09:00:00Z"),
    };
    let shown = json!({
        "id": "223", "datetime": "2022-11-01T11:11:11.111Z", "totalfee": 100,
        "services": [{"id": "123"}, {"id": "7"}], "version": 1,
        "created_at": "2026-11-21T09:00:00.000Z", "updated_at": "2026-11-21T09:00:00.000Z",
    });
    assert_spelled(&order, &shown);
    let twice = json!([{"id": "123"}, {"id": 123}]);
    assert!(serde_json::from_value::<Services>(twice).is_err());
}

#[test]
fn a_conflict_has_the_members_of_its_problem() {
    let shown = json!({
        "policy": {"window": "PT3H", "scope": "global", "edit_lock": null},
        "conflicts": [{"order_id": "223", "datetime": "2022-11-01T11:11:11.111Z",
                       "gap_ms": -1_800_000, "services": ["123"]}],
        "conflict_count": 1,
        "suggestions": {"previous": "2022-11-01T08:11:11.111Z", "next": null},
    });
    assert_spelled(&conflict(), &shown);
}

#[test]
fn refusals_are_problems() {
    let order_id: OrderId = "223".parse().unwrap();
    for (refusal, code, status) in [
        (Refusal::NotFound(order_id.clone()), "not-found", 404),
        (Refusal::VersionMismatch { current: 5 }, "version-mismatch", 412),
        (Refusal::UnknownServices(vec![(1, id(9))]), "unknown-service", 422),
        (
            Refusal::EditLocked { editable_at: at("2030-01-01T00:00:00Z"), wait_ms: 7 },
            "edit-locked",
            409,
        ),
        (Refusal::OrderExists(order_id), "order-exists", 409),
        (Refusal::Conflict(Box::new(conflict())), "order-conflict", 409),
        (Refusal::NotAttempted, "not-attempted", 424),
    ] {
        let shown = serde_json::to_value(&refusal).unwrap();
        assert_eq!(shown["type"], format!("/problems/{code}"));
        assert_eq!(shown["status"], status);
        assert_eq!(shown["detail"], refusal.to_string());
        assert_spelled(&refusal, &shown);
    }
    let unknown = serde_json::to_value(Refusal::UnknownServices(vec![(1, id(9))])).unwrap();
    assert_eq!(unknown["errors"], json!([{"pointer": "/services/1/id", "service_id": "9"}]));
    let shown = serde_json::to_value(Refusal::VersionMismatch { current: 5 }).unwrap();
    assert_eq!(shown["current_version"], 5);
}

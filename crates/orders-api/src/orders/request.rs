//! Request bodies of orders.

use std::borrow::Cow;
use std::collections::BTreeSet;

use orders_core::decide::OrderPatch;
use orders_core::order::ServicesError;
use orders_core::{Fee, OrderContent, OrderId, Services, Timestamp};
use serde_json::{Value, json};
use utoipa::openapi::schema::{Array, ArrayBuilder, ObjectBuilder};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::http::field::{Field, Parse};
use crate::http::json::Json;
use crate::http::openapi::shape;
use crate::http::openapi::shape::closed;
use crate::http::problem::FieldError;
use crate::http::reader::{Reader, must_be, text};
use crate::orders;
use crate::services;
use crate::services::request::read_service_id;

/// The members of an order that a client sets.
const ID: Field<OrderId> = Field {
    name: "id",
    parse: Parse::One(read_order_id),
    schema: || orders::shape::order_id().into(),
    example: || json!("223"),
};
const DATETIME: Field<Timestamp> = Field {
    name: "datetime",
    parse: Parse::One(read_datetime),
    schema: || shape::some_instant().into(),
    example: || json!("2022-11-01T11:11:11.111Z"),
};
const TOTAL_FEE: Field<Fee> = Field {
    name: "totalfee",
    parse: Parse::One(read_fee),
    schema: || Schema::OneOf(orders::shape::some_fee()).into(),
    example: || json!(100),
};
const SERVICES: Field<Services> = Field {
    name: "services",
    parse: Parse::Many(read_services),
    schema: || services_schema().into(),
    example: || json!([{"id": "123"}]),
};

/// The body of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderBody {
    pub(crate) id: Option<OrderId>,
    pub(crate) content: OrderContent,
}

/// Members that only the server sets. They are accepted and ignored, so that a response can be sent
/// back.
const ORDER_IGNORED: [&str; 3] = ["version", "created_at", "updated_at"];

/// Parses an order. `datetime`, `totalfee` and `services` are required.
pub(crate) fn read_order(json: &Json<'_>) -> Result<OrderBody, Vec<FieldError>> {
    read_order_with(read_order_id, json)
}

/// Parses the new content of an order.
pub(crate) fn read_replacement(
    replaced: &OrderId,
    json: &Json<'_>,
) -> Result<OrderContent, Vec<FieldError>> {
    let read_id = |json: &Json<'_>| must_be(replaced, read_order_id(json)?);
    read_order_with(read_id, json).map(|body| body.content)
}

fn read_order_with(
    read_id: impl Fn(&Json<'_>) -> Result<OrderId, String>,
    json: &Json<'_>,
) -> Result<OrderBody, Vec<FieldError>> {
    let mut reader = Reader::new(json, &ORDER_IGNORED);
    let id = reader.optional(ID.name, read_id);
    let content = read_content(&mut reader, true);
    reader.finish()?;
    // A missing member is reported, so `finish` has returned.
    Ok(OrderBody { id, content: whole(content).ok_or_else(Vec::new)? })
}

/// Reads the content of an order: all of it, or what is present.
pub(super) fn read_content(reader: &mut Reader<'_>, is_whole: bool) -> OrderPatch {
    OrderPatch {
        datetime: reader.read_if(is_whole, &DATETIME),
        total_fee: reader.read_if(is_whole, &TOTAL_FEE),
        services: reader.read_if(is_whole, &SERVICES),
    }
}

/// Returns the content that a patch sets; `None` if it leaves something unchanged.
pub(super) fn whole(patch: OrderPatch) -> Option<OrderContent> {
    let OrderPatch { datetime, total_fee, services } = patch;
    Some(OrderContent { datetime: datetime?, total_fee: total_fee?, services: services? })
}

/// The body of a merge patch (RFC 7396) of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderPatchBody(pub(crate) OrderPatch);

/// Parses a merge patch. Missing members stay unchanged, and none can be removed.
pub(crate) fn read_order_patch(
    patched: &OrderId,
    json: &Json<'_>,
) -> Result<OrderPatchBody, Vec<FieldError>> {
    let mut reader = Reader::patch(json, &ORDER_IGNORED);
    reader.optional(ID.name, |json| must_be(patched, read_order_id(json)?));
    let patch = read_content(&mut reader, false);
    reader.finish()?;
    Ok(OrderPatchBody(patch))
}

pub(crate) fn read_order_id(json: &Json<'_>) -> Result<OrderId, String> {
    OrderId::parse(text(json)?).map_err(|error| error.to_string())
}

pub(crate) fn read_datetime(json: &Json<'_>) -> Result<Timestamp, String> {
    Timestamp::parse(text(json)?).map_err(|error| error.to_string())
}

pub(crate) fn read_fee(json: &Json<'_>) -> Result<Fee, String> {
    match json {
        Json::Number(text) | Json::Text(text) => {
            Fee::parse(text).map_err(|error| error.to_string())
        }
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => {
            Err("must be a number, or a string that contains one".to_owned())
        }
    }
}

pub(crate) fn read_services(pointer: &str, json: &Json<'_>) -> Result<Services, Vec<FieldError>> {
    let fault = |pointer: String, detail: String| vec![FieldError { pointer, detail }];
    let Json::Array(items) = json else {
        return Err(fault(pointer.to_owned(), "must be an array of services".to_owned()));
    };
    if !(1..=Services::MAX).contains(&items.len()) {
        return Err(fault(pointer.to_owned(), ServicesError::Number.to_string()));
    }
    let mut errors = Vec::new();
    let mut ids = Vec::new();
    let mut seen = BTreeSet::new();
    for (position, item) in items.iter().enumerate() {
        let mut reader = Reader::at(format!("{pointer}/{position}"), item, &["name"]);
        let id = reader.required("id", |json| {
            let id = read_service_id(json)?;
            let repeated = || ServicesError::Repeated(position).to_string();
            if seen.insert(id) { Ok(id) } else { Err(repeated()) }
        });
        ids.extend(id);
        errors.extend(reader.finish().err().into_iter().flatten());
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Services::new(ids).map_err(|error| fault(pointer.to_owned(), error.to_string()))
}

/// Parses a version.
pub(crate) fn read_version(json: &Json<'_>) -> Result<u64, String> {
    let version = if let Json::Number(digits) = json { digits.parse().ok() } else { None };
    let version = version.filter(|version| *version > 0);
    version.ok_or_else(|| "must be a version: a whole number, at least 1".to_owned())
}

impl PartialSchema for OrderBody {
    fn schema() -> RefOr<Schema> {
        let order =
            SERVICES.require_in(TOTAL_FEE.require_in(DATETIME.require_in(ID.add_to(closed()))));
        let members = [ID.example(), DATETIME.example(), TOTAL_FEE.example(), SERVICES.example()];
        let example = Value::Object(members.into_iter().collect());
        with_ignored(order).description(Some("The order to store")).examples([example]).into()
    }
}

impl ToSchema for OrderBody {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("OrderInput")
    }
}

impl PartialSchema for OrderPatchBody {
    fn schema() -> RefOr<Schema> {
        let order = SERVICES.patch_in(TOTAL_FEE.patch_in(DATETIME.patch_in(ID.patch_in(closed()))));
        let order = with_ignored(order).description(Some("Missing members stay unchanged"));
        order.examples([json!({"totalfee": "99.50"})]).into()
    }
}

impl ToSchema for OrderPatchBody {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("OrderPatch")
    }
}

fn with_ignored(order: ObjectBuilder) -> ObjectBuilder {
    ORDER_IGNORED.iter().fold(order, |order, name| order.property(*name, shape::ignored()))
}

fn services_schema() -> Array {
    let service = closed()
        .property("id", Schema::OneOf(services::shape::some_service_id()))
        .required("id")
        .property("name", shape::ignored())
        .build();
    let services = ArrayBuilder::new().items(service).min_items(Some(1)).max_items(Some(100));
    services.unique_items(true).build()
}

#[cfg(test)]
mod tests {
    use orders_core::ServiceId;

    use super::*;
    use crate::http::json;

    fn errors(body: &str) -> Vec<(String, String)> {
        let json = json::parse(body.as_bytes()).unwrap();
        let errors = read_order(&json).unwrap_err();
        errors.into_iter().map(|error| (error.pointer, error.detail)).collect()
    }

    #[test]
    fn an_order_of_the_sample_data_is_read() {
        let body = br#"{"id":"223","datetime":"2022-11-01T11:11:11.111Z","totalfee":100,
            "services":[{"id":"123"},{"id":789,"name":"Testing"}],"version":7,"updated_at":null}"#;
        let order = read_order(&json::parse(body).unwrap()).unwrap();
        assert_eq!(order.id, Some(OrderId::parse("223").unwrap()));
        assert_eq!(order.content.total_fee.as_hundredths(), 10_000);
        assert_eq!(
            order.content.services.iter().map(ServiceId::get).collect::<Vec<_>>(),
            [123, 789]
        );
    }

    #[test]
    fn all_errors_of_a_body_are_reported_at_once() {
        let found = errors(
            r#"{"id":"a b","datetime":"yesterday","services":[{"id":"x"},{},{"id":1,"fee":2},7,{"id":"1"}],"a/b~":1}"#,
        );
        let pointers: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/id",
                "/datetime",
                "/totalfee",
                "/services/0/id",
                "/services/1/id",
                "/services/2/fee",
                "/services/3",
                "/services/4/id",
                "/a~1b~0"
            ]
        );
    }

    #[test]
    fn another_value_than_an_object_is_one_error() {
        for body in ["null", "[]", "1", "\"x\""] {
            assert_eq!(errors(body), [(String::new(), "must be an object".to_owned())]);
        }
    }

    #[test]
    fn a_change_accepts_the_id_of_the_path_and_no_other() {
        let changed = OrderId::parse("a").unwrap();
        let pointers = |errors: Vec<FieldError>| {
            errors.into_iter().map(|error| error.pointer).collect::<Vec<_>>()
        };
        let json = |body: &'static str| json::parse(body.as_bytes()).unwrap();
        let other =
            json(r#"{"id":"b","datetime":"2022-11-01T11:11:11Z","totalfee":-1,"services":[]}"#);
        let refused = pointers(read_replacement(&changed, &other).unwrap_err());
        assert_eq!(refused, ["/id", "/totalfee", "/services"]);
        let refused = pointers(read_order_patch(&changed, &other).unwrap_err());
        assert_eq!(refused, ["/id", "/totalfee", "/services"]);
        assert!(read_order_patch(&changed, &json(r#"{"id":"a","totalfee":1}"#)).is_ok());
    }

    #[test]
    fn null_is_absent_but_in_a_patch() {
        let body = r#"{"id":null,"datetime":null,"totalfee":null,"services":null}"#;
        let found: Vec<_> = errors(body).into_iter().map(|(pointer, _)| pointer).collect();
        assert_eq!(found, ["/datetime", "/totalfee", "/services"]);
        let id = OrderId::parse("a").unwrap();
        let patch = json::parse(body.as_bytes()).unwrap();
        assert_eq!(read_order_patch(&id, &patch).unwrap_err().len(), 4, "nothing can be removed");
    }
}

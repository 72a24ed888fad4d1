//! Request bodies of orders.

use std::collections::BTreeSet;

use orders_core::decide::OrderPatch;
use orders_core::order::ServicesError;
use orders_core::{Fee, OrderContent, OrderId, Services, Timestamp};

use crate::http::json::Json;
use crate::http::problem::FieldError;
use crate::http::reader::{Reader, must_be, text};
use crate::services::request::read_service_id;

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
    let id = reader.optional("id", read_id);
    let datetime = reader.required("datetime", read_datetime);
    let total_fee = reader.required("totalfee", read_fee);
    let services = reader.required_many("services", read_services);
    reader.finish()?;
    match (datetime, total_fee, services) {
        (Some(datetime), Some(total_fee), Some(services)) => {
            Ok(OrderBody { id, content: OrderContent { datetime, total_fee, services } })
        }
        // A missing member is reported, so `finish` has returned.
        _ => Err(Vec::new()),
    }
}

/// The body of a merge patch (RFC 7396) of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderPatchBody(pub(crate) OrderPatch);

/// Parses a merge patch. Missing members stay unchanged, and none can be removed.
pub(crate) fn read_order_patch(
    patched: &OrderId,
    json: &Json<'_>,
) -> Result<OrderPatchBody, Vec<FieldError>> {
    let mut reader = Reader::new(json, &ORDER_IGNORED);
    reader.optional("id", |json| must_be(patched, read_order_id(json)?));
    let patch = OrderPatch {
        datetime: reader.optional("datetime", read_datetime),
        total_fee: reader.optional("totalfee", read_fee),
        services: reader.optional_many("services", read_services),
    };
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
    fn null_is_rejected() {
        let found = errors(r#"{"id":null,"datetime":null,"totalfee":null,"services":null}"#);
        assert_eq!(found.len(), 4);
    }
}

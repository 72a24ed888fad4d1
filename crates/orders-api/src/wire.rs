//! The wire types: what answers look like, and how the bodies of requests are read. All that is
//! wrong with a body is reported at once.

use std::borrow::Cow;

use orders_core::{
    Fee, Instant, Order, OrderContent, OrderId, OrderPatch, Policy, Service, ServiceId,
    ServiceName, Services, ServicesError,
};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::json::{Json, Members};
use crate::problem::FieldError;

/// An order as it is answered.
#[derive(Debug, Serialize)]
pub(crate) struct OrderView<'a> {
    id: &'a str,
    datetime: Shown<Instant>,
    #[serde(serialize_with = "number")]
    totalfee: Fee,
    services: Vec<ServiceReference>,
    version: u64,
    created_at: Shown<Instant>,
    updated_at: Shown<Instant>,
}

#[derive(Debug, Serialize)]
struct ServiceReference {
    id: Shown<ServiceId>,
}

/// Serialized as the text that it is shown as.
#[derive(Debug)]
struct Shown<T>(T);

impl<T: std::fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A fee as a JSON number with its own digits, not by way of a float.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn number<S: Serializer>(fee: &Fee, serializer: S) -> Result<S::Ok, S::Error> {
    RawValue::from_string(fee.to_string()).map_err(serde::ser::Error::custom)?.serialize(serializer)
}

impl<'a> OrderView<'a> {
    pub(crate) fn of(order: &'a Order) -> Self {
        let reference = |id| ServiceReference { id: Shown(id) };
        Self {
            id: order.id.as_str(),
            datetime: Shown(order.content.datetime),
            totalfee: order.content.total_fee,
            services: order.content.services.iter().map(reference).collect(),
            version: order.version,
            created_at: Shown(order.created_at),
            updated_at: Shown(order.updated_at),
        }
    }
}

/// A service as it is answered.
#[derive(Debug, Serialize)]
pub(crate) struct ServiceView<'a> {
    id: i64,
    name: &'a str,
}

impl<'a> ServiceView<'a> {
    pub(crate) fn of(service: &'a Service) -> Self {
        Self { id: service.id.get(), name: service.name.as_str() }
    }
}

/// The policy as it is answered.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PolicyView {
    window: String,
    scope: &'static str,
    edit_lock: Option<String>,
}

impl PolicyView {
    pub(crate) fn of(policy: &Policy) -> Self {
        Self {
            window: policy.window.to_string(),
            scope: policy.scope.as_str(),
            edit_lock: policy.edit_lock.map(|period| period.to_string()),
        }
    }
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub(crate) struct PageView<T> {
    pub(crate) data: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

/// An order as a caller sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderBody {
    pub(crate) id: Option<OrderId>,
    pub(crate) content: OrderContent,
}

/// What the server says of an order: a caller may send it back, and it means nothing.
const ORDER_IGNORED: [&str; 3] = ["version", "created_at", "updated_at"];

/// Reads a whole order: `datetime`, `totalfee` and `services` are required.
pub(crate) fn read_order(json: &Json<'_>) -> Result<OrderBody, Vec<FieldError>> {
    let mut reader = Reader::new(json, &ORDER_IGNORED);
    let id = reader.optional("id", read_order_id);
    let datetime = reader.required("datetime", read_datetime);
    let total_fee = reader.required("totalfee", read_fee);
    let services = reader.required_many("services", read_services);
    reader.finish()?;
    match (datetime, total_fee, services) {
        (Some(datetime), Some(total_fee), Some(services)) => {
            Ok(OrderBody { id, content: OrderContent { datetime, total_fee, services } })
        }
        // Each that is missing has been reported, so `finish` has returned.
        _ => Err(Vec::new()),
    }
}

/// A merge patch (RFC 7396) of an order, as a caller sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderPatchBody {
    pub(crate) id: Option<OrderId>,
    pub(crate) patch: OrderPatch,
}

/// Reads a merge patch: what is not there stays, and nothing that an order has can be removed.
pub(crate) fn read_order_patch(json: &Json<'_>) -> Result<OrderPatchBody, Vec<FieldError>> {
    let mut reader = Reader::new(json, &ORDER_IGNORED);
    let id = reader.optional("id", read_order_id);
    let patch = OrderPatch {
        datetime: reader.optional("datetime", read_datetime),
        total_fee: reader.optional("totalfee", read_fee),
        services: reader.optional_many("services", read_services),
    };
    reader.finish()?;
    Ok(OrderPatchBody { id, patch })
}

/// A service as a caller sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceBody {
    pub(crate) id: Option<ServiceId>,
    pub(crate) name: ServiceName,
}

/// Reads a service: `name` is required.
pub(crate) fn read_service(json: &Json<'_>) -> Result<ServiceBody, Vec<FieldError>> {
    let mut reader = Reader::new(json, &[]);
    let id = reader.optional("id", read_service_id);
    let name = reader.required("name", read_service_name);
    reader.finish()?;
    name.map(|name| ServiceBody { id, name }).ok_or_else(Vec::new)
}

fn read_order_id(json: &Json<'_>) -> Result<OrderId, String> {
    OrderId::parse(text(json)?).map_err(|error| error.to_string())
}

fn read_datetime(json: &Json<'_>) -> Result<Instant, String> {
    Instant::parse(text(json)?).map_err(|error| error.to_string())
}

fn read_fee(json: &Json<'_>) -> Result<Fee, String> {
    match json {
        Json::Number(text) | Json::Text(text) => {
            Fee::parse(text).map_err(|error| error.to_string())
        }
        Json::Null | Json::Bool | Json::Array(_) | Json::Object(_) => {
            Err("must be a number, or a string that holds one".to_owned())
        }
    }
}

fn read_service_id(json: &Json<'_>) -> Result<ServiceId, String> {
    match json {
        Json::Number(text) => ServiceId::parse_number(text),
        Json::Text(text) => ServiceId::parse(text),
        Json::Null | Json::Bool | Json::Array(_) | Json::Object(_) => {
            return Err("must be a number, or a string of digits".to_owned());
        }
    }
    .map_err(|error| error.to_string())
}

fn read_service_name(json: &Json<'_>) -> Result<ServiceName, String> {
    ServiceName::parse(text(json)?).map_err(|error| error.to_string())
}

fn read_services(pointer: &str, json: &Json<'_>) -> Result<Services, Vec<FieldError>> {
    let fault = |pointer: String, detail: String| vec![FieldError { pointer, detail }];
    let Json::Array(items) = json else {
        return Err(fault(pointer.to_owned(), "must be an array of services".to_owned()));
    };
    if !(1..=Services::MAX).contains(&items.len()) {
        return Err(fault(pointer.to_owned(), ServicesError::Number.to_string()));
    }
    let mut errors = Vec::new();
    let mut ids = Vec::new();
    for (position, item) in items.iter().enumerate() {
        let mut reader = Reader::at(format!("{pointer}/{position}"), item, &["name"]);
        ids.extend(reader.required("id", read_service_id));
        errors.extend(reader.finish().err().into_iter().flatten());
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Services::new(ids).map_err(|error| match error {
        ServicesError::Number => fault(pointer.to_owned(), error.to_string()),
        ServicesError::Repeated(position) => {
            fault(format!("{pointer}/{position}/id"), error.to_string())
        }
    })
}

fn text<'a>(json: &'a Json<'_>) -> Result<&'a str, String> {
    match json {
        Json::Text(text) => Ok(text),
        Json::Null | Json::Bool | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            Err("must be a string".to_owned())
        }
    }
}

/// Reads the members of an object and gathers all that is wrong with them.
struct Reader<'j> {
    pointer: String,
    members: &'j [(Cow<'j, str>, Json<'j>)],
    is_object: bool,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl<'j> Reader<'j> {
    /// A reader of the whole body. The `ignored` members may be there and mean nothing.
    fn new(json: &'j Json<'j>, ignored: &[&'static str]) -> Self {
        Self::at(String::new(), json, ignored)
    }

    fn at(pointer: String, json: &'j Json<'j>, ignored: &[&'static str]) -> Self {
        let (members, is_object) = match json {
            Json::Object(members) => (Members::as_slice(members), true),
            Json::Null | Json::Bool | Json::Number(_) | Json::Text(_) | Json::Array(_) => {
                (&[][..], false)
            }
        };
        let mut reader =
            Self { pointer, members, is_object, known: ignored.to_vec(), errors: Vec::new() };
        if !is_object {
            let (pointer, detail) = (reader.pointer.clone(), "must be an object".to_owned());
            reader.errors.push(FieldError { pointer, detail });
        }
        reader
    }

    fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&Json<'_>) -> Result<T, String>,
    ) -> Option<T> {
        self.known.push(name);
        let (_, json) = self.members.iter().find(|(member, _)| member == name)?;
        read(json).map_err(|detail| self.fault(name, &detail)).ok()
    }

    fn required<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&Json<'_>) -> Result<T, String>,
    ) -> Option<T> {
        self.require(name);
        self.optional(name, read)
    }

    /// A member in which several things may be wrong.
    fn required_many<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str, &Json<'_>) -> Result<T, Vec<FieldError>>,
    ) -> Option<T> {
        self.require(name);
        self.optional_many(name, read)
    }

    fn optional_many<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str, &Json<'_>) -> Result<T, Vec<FieldError>>,
    ) -> Option<T> {
        self.known.push(name);
        let (_, json) = self.members.iter().find(|(member, _)| member == name)?;
        let pointer = format!("{}/{name}", self.pointer);
        read(&pointer, json).map_err(|errors| self.errors.extend(errors)).ok()
    }

    fn require(&mut self, name: &str) {
        if self.is_object && self.members.iter().all(|(member, _)| member != name) {
            self.fault(name, "is required");
        }
    }

    fn finish(mut self) -> Result<(), Vec<FieldError>> {
        for (name, _) in self.members {
            if !self.known.contains(&name.as_ref()) {
                self.fault(name, "is not known here");
            }
        }
        if self.errors.is_empty() { Ok(()) } else { Err(self.errors) }
    }

    /// Notes what is wrong with a member.
    fn fault(&mut self, name: &str, detail: &str) {
        let shown: String = name.chars().take(64).collect();
        let escaped = shown.replace('~', "~0").replace('/', "~1");
        let pointer = format!("{}/{escaped}", self.pointer);
        self.errors.push(FieldError { pointer, detail: detail.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

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
    fn all_faults_of_a_body_are_named_at_once() {
        let found = errors(
            r#"{"id":"a b","datetime":"yesterday","services":[{"id":"x"},{},{"id":1,"fee":2},7],"a/b~":1}"#,
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
                "/a~1b~0"
            ]
        );
    }

    #[test]
    fn what_is_no_object_is_one_fault() {
        for body in ["null", "[]", "1", "\"x\""] {
            assert_eq!(errors(body), [(String::new(), "must be an object".to_owned())]);
        }
    }

    #[test]
    fn null_is_no_value() {
        let found = errors(r#"{"id":null,"datetime":null,"totalfee":null,"services":null}"#);
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn a_fee_is_answered_with_its_own_digits() {
        for digits in ["100", "99.5", "0.1", "999999999999.99"] {
            let fee = Fee::parse(digits).unwrap();
            let mut out = Vec::new();
            number(&fee, &mut serde_json::Serializer::new(&mut out)).unwrap();
            assert_eq!(out, digits.as_bytes());
        }
    }
}

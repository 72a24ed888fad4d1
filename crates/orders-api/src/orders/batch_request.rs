//! Parses the body of a batch. An error of the batch rejects it; an error of one operation is the
//! result of that operation.

use std::borrow::Cow;
use std::collections::HashSet;

use orders_core::decide::{Batch, BatchError, Mode, OrderPatch, Versions};
use orders_core::{NewId, Operation, OrderId};
use serde_json::json;
use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::request::{OrderBody, read_order, read_replacement, read_version};
use crate::http::json::Json;
use crate::http::openapi::shape;
use crate::http::openapi::shape::closed;
use crate::http::problem::{Code, FieldError, Problem};
use crate::http::reader::{Reader, read_bool, text};
use crate::orders::{self, made_id};

/// The maximum number of operations and their services together.
const MOST: usize = 20_000;

/// The body of a batch.
pub(crate) struct BatchBody {
    pub(crate) mode: Mode,
    pub(crate) dry_run: bool,
    /// Each operation, or its problem.
    pub(crate) operations: Vec<Result<Operation, Problem>>,
}

#[derive(Clone, Copy)]
enum Op {
    Create,
    Replace,
    Delete,
}

impl Op {
    fn parse(operation: &Json<'_>) -> Option<Self> {
        let Some(Json::Text(name)) = member(operation, "op") else { return None };
        match name.as_ref() {
            "create" => Some(Self::Create),
            "replace" => Some(Self::Replace),
            "delete" => Some(Self::Delete),
            _ => None,
        }
    }
}

/// Parses a batch. With `require_if_match`, replacements and deletions must name a version.
pub(crate) fn read_batch(json: &Json<'_>, require_if_match: bool) -> Result<BatchBody, Problem> {
    let Json::Object(members) = json else {
        return Err(Problem::new(Code::MalformedJson, "The body must be an object."));
    };
    let items = match members.iter().find(|(name, _)| name == "operations") {
        Some((_, Json::Array(items))) => items.as_slice(),
        Some(_) | None => &[],
    };
    let size = items.len() + items.iter().map(count_services).sum::<usize>();
    if size > MOST {
        let detail =
            format!("A batch must have at most {MOST} operations and services of orders together.");
        return Err(Problem::new(Code::BodyTooLarge, detail));
    }
    let mut reader = Reader::new(json, &[]);
    let mode = reader.required("mode", read_mode);
    let dry_run = reader.optional("dry_run", read_bool).unwrap_or(false);
    reader.required_many("operations", check_operations);
    let invalid = |errors| Problem::of_fields(Code::InvalidBatch, errors);
    reader.finish().map_err(invalid)?;
    let Some(mode) = mode else { return Err(invalid(Vec::new())) };
    let read = |item| read_operation(item, require_if_match);
    let place = |(position, read): (usize, Result<_, Problem>)| {
        read.map_err(|problem| problem.under(&format!("/operations/{position}")))
    };
    let operations: Vec<_> = items.iter().map(read).enumerate().map(place).collect();
    if mode == Mode::Atomic {
        check_ids(&operations).map_err(invalid)?;
    }
    Ok(BatchBody { mode, dry_run, operations })
}

/// Counts the services of an operation's order.
fn count_services(operation: &Json<'_>) -> usize {
    let services = member(operation, "order").and_then(|order| member(order, "services"));
    if let Some(Json::Array(services)) = services { services.len() } else { 0 }
}

fn member<'j>(json: &'j Json<'j>, name: &str) -> Option<&'j Json<'j>> {
    let Json::Object(members) = json else { return None };
    members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
}

fn read_mode(json: &Json<'_>) -> Result<Mode, String> {
    match text(json) {
        Ok("atomic") => Ok(Mode::Atomic),
        Ok("each") => Ok(Mode::Each),
        Ok(_) | Err(_) => Err("must be \"atomic\" or \"each\"".to_owned()),
    }
}

/// Checks what rejects the batch as a whole.
fn check_operations(pointer: &str, json: &Json<'_>) -> Result<(), Vec<FieldError>> {
    let fault = |pointer: String, detail: &str| FieldError { pointer, detail: detail.to_owned() };
    let Json::Array(items) = json else {
        return Err(vec![fault(pointer.to_owned(), "must be an array of operations")]);
    };
    if !(1..=Batch::MAX).contains(&items.len()) {
        return Err(vec![fault(pointer.to_owned(), &BatchError::Number.to_string())]);
    }
    let unknown = items.iter().enumerate().filter(|(_, item)| Op::parse(item).is_none());
    let errors: Vec<FieldError> = unknown
        .map(|(position, _)| {
            fault(
                format!("{pointer}/{position}/op"),
                "must be \"create\", \"replace\" or \"delete\"",
            )
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Parses one operation. Pointers are relative to it.
fn read_operation(json: &Json<'_>, require_if_match: bool) -> Result<Operation, Problem> {
    let op = Op::parse(json);
    let mut reader = Reader::new(json, &["op"]);
    reader.absent(match op {
        Some(Op::Create) => &["id", "if_match"],
        Some(Op::Delete) => &["order"],
        Some(Op::Replace) | None => &[],
    });
    let id = match op {
        Some(Op::Replace | Op::Delete) => {
            reader.required("id", |json| text(json).map(str::to_owned))
        }
        Some(Op::Create) | None => None,
    };
    let if_match = match op {
        Some(Op::Replace | Op::Delete) => reader.optional("if_match", read_version),
        Some(Op::Create) | None => None,
    };
    let id = id.map(|text| OrderId::parse(&text));
    let read_order = |json: &Json<'_>| match &id {
        Some(Ok(id)) => read_replacement(id, json).map(|content| OrderBody { id: None, content }),
        Some(Err(_)) | None => read_order(json),
    };
    let order = match op {
        Some(Op::Create | Op::Replace) => reader.required_many("order", |pointer, json| {
            read_order(json).map_err(|errors| FieldError::all_under(pointer, errors))
        }),
        Some(Op::Delete) | None => None,
    };
    let invalid = |errors| Problem::of_fields(Code::InvalidOrder, errors);
    reader.finish().map_err(invalid)?;
    let id = id
        .transpose()
        .map_err(|_impossible| Problem::new(Code::NotFound, "This order does not exist."))?;
    match (id, order) {
        (None, Some(OrderBody { id: Some(id), content })) => {
            Ok(Operation::Create { id: NewId::Chosen(id), content })
        }
        (None, Some(OrderBody { id: None, content })) => {
            Ok(Operation::Create { id: NewId::Generated(made_id()?), content })
        }
        (Some(id), order) => {
            if require_if_match && if_match.is_none() {
                return Err(Problem::new(
                    Code::VersionRequired,
                    "The operation requires if_match with the expected version.",
                ));
            }
            let if_match = if_match.map(|version| Versions::Among(vec![version]));
            Ok(match order {
                Some(order) => {
                    Operation::Update { id, if_match, patch: OrderPatch::from(order.content) }
                }
                None => Operation::Delete { id, if_match },
            })
        }
        // A missing member is reported, so `finish` has returned.
        (None, None) => Err(invalid(Vec::new())),
    }
}

/// Rejects an order that an atomic batch names twice, because its final state would be ambiguous.
fn check_ids(operations: &[Result<Operation, Problem>]) -> Result<(), Vec<FieldError>> {
    let mut seen = HashSet::new();
    let named = operations.iter().enumerate();
    let named =
        named.filter_map(|(position, read)| Some((position, read.as_ref().ok()?.order_id())));
    let repeated = named.filter(|(_, id)| !seen.insert(*id));
    let errors: Vec<FieldError> = repeated
        .map(|(position, _)| FieldError {
            pointer: format!("/operations/{position}"),
            detail: BatchError::Repeated(position).to_string(),
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

impl PartialSchema for BatchBody {
    fn schema() -> RefOr<Schema> {
        let (create, replace) =
            (operation("create", &["order"]), operation("replace", &["id", "order"]));
        let one = [create, replace, operation("delete", &["id"])].map(RefOr::from);
        let operations = ArrayBuilder::new()
            .items(RefOr::T(Schema::OneOf(shape::any_of(one))))
            .min_items(Some(1))
            .max_items(Some(10_000));
        let dry_run = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Boolean, Type::Null]))
            .default(Some(false.into()))
            .description(Some("Returns the same results, but writes nothing"));
        let order = json!({"datetime": "2022-11-01T11:11:11.111Z", "totalfee": 100,
            "services": [{"id": "123"}]});
        closed()
            .property("mode", shape::one_of_texts(&["atomic", "each"]))
            .required("mode")
            .property("dry_run", dry_run)
            .property("operations", operations)
            .required("operations")
            .examples([json!({"mode": "atomic", "dry_run": false, "operations": [
                {"op": "create", "order": order},
                {"op": "replace", "id": "223", "if_match": 3, "order": order},
                {"op": "delete", "id": "224"}
            ]})])
            .into()
    }
}

impl ToSchema for BatchBody {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Batch")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((OrderBody::name().into_owned(), OrderBody::schema()));
    }
}

/// An operation of a batch.
fn operation(op: &str, required: &[&str]) -> Object {
    let mut operation = closed().property("op", shape::one_of_texts(&[op])).required("op");
    if required.contains(&"id") {
        operation = operation
            .property("id", orders::shape::order_id())
            .property("if_match", shape::or_null(shape::version()));
    }
    if required.contains(&"order") {
        operation = operation.property("order", Ref::from_schema_name(OrderBody::name()));
    }
    required.iter().fold(operation, |operation, name| operation.required(*name)).build()
}

//! JSON Schemas of request bodies. They are written by hand, because requests accept several forms of
//! some values, which no derived schema can express.

use std::borrow::Cow;

use serde_json::json;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::batch_request::BatchBody;
use super::request::{OrderBody, OrderPatchBody};
use crate::http::openapi::shape;
use crate::http::openapi::shape::closed;
use crate::orders;
use crate::services;

impl PartialSchema for OrderBody {
    fn schema() -> RefOr<Schema> {
        let order = members_of_an_order();
        let required = ["datetime", "totalfee", "services"];
        let order = required.into_iter().fold(order, utoipa::openapi::ObjectBuilder::required);
        let example = json!({"id": "223", "datetime": "2022-11-01T11:11:11.111Z", "totalfee": 100,
            "services": [{"id": "123"}]});
        order.description(Some("The order to store")).examples([example]).into()
    }
}

impl ToSchema for OrderBody {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("OrderInput")
    }
}

impl PartialSchema for OrderPatchBody {
    fn schema() -> RefOr<Schema> {
        let order = members_of_an_order().description(Some("Missing members stay unchanged"));
        order.examples([json!({"totalfee": "99.50"})]).into()
    }
}

impl ToSchema for OrderPatchBody {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("OrderPatch")
    }
}

fn members_of_an_order() -> utoipa::openapi::ObjectBuilder {
    closed()
        .property("id", orders::shape::order_id())
        .property("datetime", shape::some_instant())
        .property("totalfee", Schema::OneOf(orders::shape::some_fee()))
        .property("services", services())
        .property("version", shape::ignored())
        .property("created_at", shape::ignored())
        .property("updated_at", shape::ignored())
}

fn services() -> Array {
    let service = closed()
        .property("id", Schema::OneOf(services::shape::some_service_id()))
        .required("id")
        .property("name", shape::ignored())
        .build();
    let services = ArrayBuilder::new().items(service).min_items(Some(1)).max_items(Some(100));
    services.unique_items(true).build()
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
        let dry_run = utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::Boolean)
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
            .property("if_match", shape::version());
    }
    if required.contains(&"order") {
        operation = operation.property("order", Ref::from_schema_name(OrderBody::name()));
    }
    required.iter().fold(operation, |operation, name| operation.required(*name)).build()
}

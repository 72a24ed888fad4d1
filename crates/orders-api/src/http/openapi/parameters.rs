//! Parameters that several operations have.

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::openapi::{RefOr, Required, Schema};

use super::shape;

pub(crate) fn path(name: &str, meaning: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    parameter(ParameterIn::Path, name, meaning, schema, Required::True)
}

pub(crate) fn query(name: &str, meaning: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    parameter(ParameterIn::Query, name, meaning, schema, Required::False)
}

pub(crate) fn required_query(
    name: &str,
    meaning: &str,
    schema: impl Into<RefOr<Schema>>,
) -> Parameter {
    parameter(ParameterIn::Query, name, meaning, schema, Required::True)
}

fn parameter(
    place: ParameterIn,
    name: &str,
    meaning: &str,
    schema: impl Into<RefOr<Schema>>,
    required: Required,
) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .description(Some(meaning))
        .schema(Some(schema))
        .required(required)
        .build()
}

pub(crate) fn order_id() -> Parameter {
    path("id", "The order's id", shape::order_id())
}

pub(crate) fn service_id() -> Parameter {
    path("id", "The service's number", shape::service_digits())
}

pub(crate) fn key_id() -> Parameter {
    path("id", "The key's id", shape::key_id())
}

pub(crate) fn webhook_id() -> Parameter {
    path("id", "The webhook's id", shape::webhook_id())
}

/// The parameters of every list.
pub(crate) fn page() -> [Parameter; 2] {
    [
        query(
            "limit",
            "The maximum number of rows of the page",
            shape::whole_number(1, 1000, Some(100)),
        ),
        query("cursor", "The `next_cursor` of the previous page", shape::cursor()),
    ]
}

pub(crate) fn service(meaning: &str) -> Parameter {
    let services = ArrayBuilder::new().items(shape::service_digits()).max_items(Some(100));
    query("service", meaning, services.build())
}

pub(crate) fn expand() -> Parameter {
    query(
        "expand",
        "`services` shows services with their names",
        shape::one_of_texts(&["services"]),
    )
}

pub(crate) fn last_event_id() -> Parameter {
    let meaning = "The sequence of the last event that was received; takes precedence over `after`";
    parameter(ParameterIn::Header, "Last-Event-ID", meaning, shape::position(), Required::False)
}

pub(crate) fn if_match() -> Parameter {
    let meaning = "The expected versions, as entity tags, or `*` for any";
    parameter(ParameterIn::Header, "If-Match", meaning, shape::entity_tags(), Required::False)
}

pub(crate) fn if_none_match() -> Parameter {
    let meaning = "The versions that the client already has, as entity tags";
    parameter(ParameterIn::Header, "If-None-Match", meaning, shape::entity_tags(), Required::False)
}

pub(crate) fn idempotency_key() -> Parameter {
    let meaning = "Makes the request safe to retry for a day; a retry with the same key gets the \
                   same response";
    let key = shape::idempotency_key();
    parameter(ParameterIn::Header, "Idempotency-Key", meaning, key, Required::False)
}

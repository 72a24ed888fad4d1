//! Parameters that several operations have.

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
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

pub(crate) fn header(name: &str, meaning: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    parameter(ParameterIn::Header, name, meaning, schema, Required::False)
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

pub(crate) fn if_match() -> Parameter {
    let meaning = "The expected versions, as entity tags, or `*` for any";
    header("If-Match", meaning, shape::entity_tags())
}

pub(crate) fn if_none_match() -> Parameter {
    let meaning = "The versions that the client already has, as entity tags";
    header("If-None-Match", meaning, shape::entity_tags())
}

/// The parameter of operations whose response has a secret.
pub(crate) fn idempotency_key_for_secret() -> Parameter {
    let meaning = "Makes the request safe to retry for a day; a retry with the same key is 409 \
                   `already-done`, because the secret is shown only once";
    header("Idempotency-Key", meaning, shape::idempotency_key())
}

pub(crate) fn idempotency_key() -> Parameter {
    let meaning = "Makes the request safe to retry for a day; a retry with the same key gets the \
                   same response";
    let key = shape::idempotency_key();
    header("Idempotency-Key", meaning, key)
}

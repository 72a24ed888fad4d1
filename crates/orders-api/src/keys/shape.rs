//! The values of keys, as JSON Schema has them.

use orders_core::key::Role;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::schema::Object;

use crate::http::openapi::{parameters, shape};

pub(crate) fn key_id() -> Object {
    shape::text_like("^key_[0-9a-f]{16}$", "key_5f1d3a0c7a544a0e").build()
}

/// A key as clients send it.
pub(crate) fn key_text() -> Object {
    let example = format!("key_5f1d3a0c7a544a0e_{}", "0".repeat(64));
    shape::text_like("^key_[0-9a-f]{16}_[0-9a-f]{64}$", &example).build()
}

pub(crate) fn role() -> Object {
    shape::one_of_texts(&Role::ALL.map(Role::as_str))
}

/// The id in a path.
pub(crate) fn id_parameter() -> Parameter {
    parameters::path("id", "The key's id", key_id())
}

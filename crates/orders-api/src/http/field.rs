//! Members of request bodies: each is described once, for the reader and for the OpenAPI document.

use serde_json::Value;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{RefOr, Schema};

use crate::http::json::Json;
use crate::http::openapi::shape;
use crate::http::problem::FieldError;

/// A member of a request body.
pub(crate) struct Field<T> {
    pub(crate) name: &'static str,
    pub(crate) parse: Parse<T>,
    pub(crate) schema: fn() -> RefOr<Schema>,
    pub(crate) example: fn() -> Value,
}

/// How the value of a member is parsed.
pub(crate) enum Parse<T> {
    /// The value has one error at most.
    One(fn(&Json<'_>) -> Result<T, String>),
    /// The value, which stands at a pointer, can have several errors.
    Many(fn(&str, &Json<'_>) -> Result<T, Vec<FieldError>>),
}

impl<T> Field<T> {
    /// Adds the member to the schema of a body that does not require it. `null` counts as absent.
    pub(crate) fn add_to(&self, body: ObjectBuilder) -> ObjectBuilder {
        body.property(self.name, shape::nullable((self.schema)()))
    }

    /// Adds the member to the schema of a body that requires it.
    pub(crate) fn require_in(&self, body: ObjectBuilder) -> ObjectBuilder {
        self.patch_in(body).required(self.name)
    }

    /// Adds the member to the schema of a merge patch, in which `null` removes.
    pub(crate) fn patch_in(&self, body: ObjectBuilder) -> ObjectBuilder {
        body.property(self.name, (self.schema)())
    }

    /// The member in an example of a body.
    pub(crate) fn example(&self) -> (String, Value) {
        (self.name.to_owned(), (self.example)())
    }
}

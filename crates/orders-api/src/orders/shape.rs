//! The values of orders, as JSON Schema has them.

use utoipa::openapi::OneOf;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::schema::{Object, ObjectBuilder, OneOfBuilder, Type};

use crate::http::openapi::{parameters, shape};

pub(crate) fn order_id() -> Object {
    shape::text_like(r"^(?!(\.{1,2}|batch)$)[A-Za-z0-9._~-]{1,64}$", "223").build()
}

/// A fee in a response.
pub(crate) fn fee() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Number)
        .minimum(Some(0_usize))
        .maximum(Some(999_999_999_999.99))
        .multiple_of(Some(0.01))
        .examples([100])
        .build()
}

/// A fee in a request.
pub(crate) fn some_fee() -> OneOf {
    OneOfBuilder::new()
        .item(fee())
        .item(fee_digits())
        .description(Some("A number, or a string that contains one; never rounded"))
        .build()
}

/// A fee as a string, in the syntax of JSON numbers.
pub(crate) fn fee_digits() -> Object {
    shape::text_like(r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$", "99.50").build()
}

/// The id in a path.
pub(crate) fn id_parameter() -> Parameter {
    parameters::path("id", "The order's id", order_id())
}

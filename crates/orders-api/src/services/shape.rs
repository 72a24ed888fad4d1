//! The values of services, as JSON Schema has them.

use utoipa::openapi::path::Parameter;
use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{OneOf, Ref};

use crate::http::openapi::{parameters, shape};

/// The highest number of a service.
const LAST_SERVICE: u64 = (1 << 53) - 1;

pub(crate) fn service_number() -> Object {
    let number = ObjectBuilder::new().schema_type(Type::Integer);
    number.minimum(Some(1_usize)).maximum(Some(9_007_199_254_740_991_usize)).examples([123]).build()
}

/// The id of a service as digits. A reference, since its pattern is long.
pub(crate) fn service_digits() -> Ref {
    Ref::from_schema_name("ServiceDigits")
}

/// The schemas that are referred to by name.
pub(crate) fn named() -> [(&'static str, Object); 1] {
    [("ServiceDigits", shape::text_like(format!("^({})$", up_to(LAST_SERVICE)), "123").build())]
}

/// The id of a service in a request: a number, or a string of digits.
pub(crate) fn some_service_id() -> OneOf {
    OneOfBuilder::new().item(service_number()).item(service_digits()).build()
}

/// The number in a path.
pub(crate) fn id_parameter() -> Parameter {
    parameters::path("id", "The service's number", service_digits())
}

/// The services that a list is limited to.
pub(crate) fn services_parameter(meaning: &str) -> Parameter {
    let services = ArrayBuilder::new().items(service_digits()).max_items(Some(100));
    parameters::query("service", meaning, services.build())
}

/// Returns a pattern of the whole numbers from 1 to `most`, without leading zeros.
fn up_to(most: u64) -> String {
    let digits = most.to_string();
    let shorter = digits.len().saturating_sub(2);
    let mut alternatives = vec![format!("[1-9][0-9]{{0,{shorter}}}"), digits.clone()];
    // Numbers with as many digits: equal up to some place, and lower there.
    for (place, digit) in digits.char_indices() {
        let (before, rest) = digits.split_at(place);
        let least = if place == 0 { '1' } else { '0' };
        let lower: String = (least..digit).collect();
        if !lower.is_empty() {
            alternatives.push(format!("{before}[{lower}][0-9]{{{}}}", rest.len() - 1));
        }
    }
    alternatives.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_up_to_a_limit_have_a_pattern() {
        assert_eq!(up_to(205), "[1-9][0-9]{0,1}|205|[1][0-9]{2}|20[01234][0-9]{0}");
    }
}

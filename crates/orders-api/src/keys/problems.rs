//! Converts refusals of changes to keys into problems.

use orders_core::key::KeyRefusal;

use crate::http::problem::{Code, Problem};

impl From<KeyRefusal> for Problem {
    fn from(refusal: KeyRefusal) -> Self {
        let detail = match refusal {
            KeyRefusal::NotFound(id) => format!("Key {id} does not exist."),
            KeyRefusal::Revoked(id) => format!("Key {id} was revoked."),
            KeyRefusal::Expired(id) => format!("Key {id} has expired."),
        };
        Self::new(Code::NotFound, detail)
    }
}

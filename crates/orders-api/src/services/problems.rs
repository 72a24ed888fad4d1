//! Refused changes to services as problems.

use orders_core::service::ServiceRefusal;

use crate::http::problem::{Code, FieldError, Problem};

impl From<ServiceRefusal> for Problem {
    fn from(refusal: ServiceRefusal) -> Self {
        let detail = match refusal {
            ServiceRefusal::NotFound(id) => format!("There is no service {id}."),
            ServiceRefusal::IdTaken(id) => format!("Service {id} exists already."),
            ServiceRefusal::NameTaken(id) => format!("Service {id} has this name already."),
            ServiceRefusal::InUse(id) => format!("An order uses service {id}."),
            ServiceRefusal::NoIdLeft => {
                let pointer = "/id".to_owned();
                let detail =
                    "must be given: no number above the highest ever used is left".to_owned();
                return Self::of_fields(Code::InvalidService, vec![FieldError { pointer, detail }]);
            }
        };
        let code = match refusal {
            ServiceRefusal::NotFound(_) => Code::NotFound,
            ServiceRefusal::IdTaken(_) | ServiceRefusal::NameTaken(_) => Code::ServiceExists,
            ServiceRefusal::InUse(_) => Code::ServiceInUse,
            ServiceRefusal::NoIdLeft => Code::InvalidService,
        };
        Self::new(code, detail)
    }
}

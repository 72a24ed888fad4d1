//! Converts refusals of changes to services into problems.

use orders_core::service::ServiceRefusal;

use crate::http::problem::{Code, FieldError, Problem};

impl From<ServiceRefusal> for Problem {
    fn from(refusal: ServiceRefusal) -> Self {
        let detail = match refusal {
            ServiceRefusal::NotFound(id) => format!("Service {id} does not exist."),
            ServiceRefusal::IdTaken(id) => format!("Service {id} already exists."),
            ServiceRefusal::NameTaken(id) => format!("Service {id} already has this name."),
            ServiceRefusal::InUse(id) => {
                format!("Orders use service {id}; remove it from them first.")
            }
            ServiceRefusal::NoIdLeft => {
                let pointer = "/id".to_owned();
                let detail = "is required, because the server has assigned all its ids".to_owned();
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

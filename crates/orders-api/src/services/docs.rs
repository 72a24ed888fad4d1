//! The documentation of `/services`.

use actix_web::http::StatusCode;

use crate::http::openapi::description::{Answer, Description, SERVICES};
use crate::http::openapi::problems::{BODY, JSON, READ, WRITE};
use crate::http::openapi::{parameters, shape};
use crate::http::page::PageView;
use crate::http::problem::Code;
use crate::services;
use crate::services::request::ServiceBody;
use crate::services::response::ServiceView;

pub(crate) fn list() -> Description {
    Description::new(SERVICES, "listServices", "List services, sorted by id")
        .with_parameters(parameters::page())
        .returns(
            Answer::ok("A page of services")
                .json::<PageView<ServiceView>>()
                .header("Link", shape::link()),
        )
        .fails_with(&[JSON, READ])
}

pub(crate) fn create() -> Description {
    Description::new(SERVICES, "createService", "Create a service")
        .reads::<ServiceBody>("application/json")
        .returns(
            Answer::new(StatusCode::CREATED, "The created service")
                .json::<ServiceView>()
                .header("Location", shape::path_of("services")),
        )
        .fails_with(&[JSON, BODY, WRITE, &[Code::ServiceExists, Code::InvalidService]])
        .with_idempotency_key()
}

pub(crate) fn find() -> Description {
    Description::new(SERVICES, "findService", "Read a service")
        .with_parameters([services::shape::id_parameter()])
        .returns(Answer::ok("The service").json::<ServiceView>())
        .fails_with(&[JSON, READ, &[Code::NotFound]])
}

pub(crate) fn replace() -> Description {
    Description::new(SERVICES, "replaceService", "Rename a service")
        .with_parameters([services::shape::id_parameter()])
        .reads::<ServiceBody>("application/json")
        .returns(Answer::ok("The updated service").json::<ServiceView>())
        .fails_with(&[JSON, BODY, WRITE])
        .fails_with(&[&[Code::NotFound, Code::ServiceExists, Code::InvalidService]])
        .with_idempotency_key()
}

pub(crate) fn delete() -> Description {
    Description::new(SERVICES, "deleteService", "Delete a service that no order uses")
        .with_parameters([services::shape::id_parameter()])
        .returns(Answer::new(StatusCode::NO_CONTENT, "The service is deleted"))
        .fails_with(&[WRITE, &[Code::InvalidParameter, Code::NotFound, Code::ServiceInUse]])
        .with_idempotency_key()
}

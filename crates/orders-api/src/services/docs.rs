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
        .takes(parameters::page())
        .answers(
            Answer::ok("A page of services")
                .json::<PageView<ServiceView>>()
                .header("Link", shape::link()),
        )
        .refuses(&[JSON, READ])
}

pub(crate) fn create() -> Description {
    Description::new(SERVICES, "createService", "Create a service")
        .reads::<ServiceBody>("application/json")
        .answers(
            Answer::new(StatusCode::CREATED, "The created service")
                .json::<ServiceView>()
                .header("Location", shape::path_of("services")),
        )
        .refuses(&[JSON, BODY, WRITE, &[Code::ServiceExists, Code::InvalidService]])
        .can_be_sent_again()
}

pub(crate) fn find() -> Description {
    Description::new(SERVICES, "findService", "Read a service")
        .takes([services::shape::id_parameter()])
        .answers(Answer::ok("The service").json::<ServiceView>())
        .refuses(&[JSON, READ, &[Code::NotFound]])
}

pub(crate) fn replace() -> Description {
    Description::new(SERVICES, "replaceService", "Rename a service")
        .takes([services::shape::id_parameter()])
        .reads::<ServiceBody>("application/json")
        .answers(Answer::ok("The updated service").json::<ServiceView>())
        .refuses(&[JSON, BODY, WRITE])
        .refuses(&[&[Code::NotFound, Code::ServiceExists, Code::InvalidService]])
        .can_be_sent_again()
}

pub(crate) fn delete() -> Description {
    Description::new(SERVICES, "deleteService", "Delete a service that no order uses")
        .takes([services::shape::id_parameter()])
        .answers(Answer::new(StatusCode::NO_CONTENT, "The service is deleted"))
        .refuses(&[WRITE, &[Code::InvalidParameter, Code::NotFound, Code::ServiceInUse]])
        .can_be_sent_again()
}

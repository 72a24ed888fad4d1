//! The documentation of `/services`.

use actix_web::http::StatusCode;
use serde_json::json;

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
        .details("Returns one page; follow `next_cursor` for the rest.")
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
        .details(
            "Adds a service that orders can have. Its name must be unique, ignoring case. \
             You can choose the id; otherwise the server does.",
        )
        .reads::<ServiceBody>("application/json")
        .example_body(json!({"name": "Cleaning"}))
        .returns(
            Answer::new(StatusCode::CREATED, "The created service")
                .json::<ServiceView>()
                .showing("/id", json!(790))
                .showing("/name", json!("Cleaning"))
                .header("Location", shape::path_of("services")),
        )
        .fails_with(&[JSON, BODY, WRITE, &[Code::ServiceExists, Code::InvalidService]])
        .with_idempotency_key()
}

pub(crate) fn find() -> Description {
    Description::new(SERVICES, "findService", "Read a service")
        .details("Returns one service.")
        .with_parameters([services::shape::id_parameter()])
        .returns(Answer::ok("The service").json::<ServiceView>())
        .fails_with(&[JSON, READ, &[Code::NotFound]])
}

pub(crate) fn replace() -> Description {
    Description::new(SERVICES, "replaceService", "Rename a service")
        .details(
            "Sets the name of a service. Orders refer to services by id, so they show the \
             new name at once.",
        )
        .with_parameters([services::shape::id_parameter()])
        .reads::<ServiceBody>("application/json")
        .example_body(json!({"name": "Site inspection"}))
        .returns(
            Answer::ok("The updated service")
                .json::<ServiceView>()
                .showing("/name", json!("Site inspection")),
        )
        .fails_with(&[JSON, BODY, WRITE])
        .fails_with(&[&[Code::NotFound, Code::ServiceExists, Code::InvalidService]])
        .with_idempotency_key()
}

pub(crate) fn delete() -> Description {
    Description::new(SERVICES, "deleteService", "Delete a service that no order uses")
        .details("Deletes a service. If an order uses it, the response is 409 `service-in-use`.")
        .with_parameters([services::shape::id_parameter()])
        .returns(Answer::new(StatusCode::NO_CONTENT, "The service is deleted"))
        .fails_with(&[WRITE, &[Code::InvalidParameter, Code::NotFound, Code::ServiceInUse]])
        .with_idempotency_key()
}

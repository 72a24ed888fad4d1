//! The documentation of `/keys`.

use actix_web::http::StatusCode;

use crate::http::openapi::description::{Answer, Description, KEYS};
use crate::http::openapi::problems::{BODY, JSON, READ, WRITE};
use crate::http::openapi::{parameters, shape};
use crate::http::page::PageView;
use crate::http::problem::Code;
use crate::keys;
use crate::keys::request::{KeyBody, RotateBody};
use crate::keys::response::{KeyView, NewKeyView, RotatedKeyView};

pub(crate) fn list() -> Description {
    Description::new(KEYS, "listKeys", "List API keys, oldest first")
        .with_parameters(parameters::page())
        .returns(
            Answer::ok("A page of keys without their secrets, including expired and revoked ones")
                .json::<PageView<KeyView>>()
                .header("Link", shape::link()),
        )
        .fails_with(&[JSON, READ])
}

pub(crate) fn create() -> Description {
    Description::new(KEYS, "createKey", "Create an API key")
        .reads::<KeyBody>("application/json")
        .returns(
            Answer::new(StatusCode::CREATED, "The key with its secret, which is shown only once")
                .json::<NewKeyView>()
                .header("Location", shape::path_of("keys")),
        )
        .fails_with(&[JSON, BODY, WRITE, &[Code::InvalidKey]])
        .with_secret_response()
}

pub(crate) fn find() -> Description {
    Description::new(KEYS, "findKey", "Read an API key, without its secret")
        .with_parameters([keys::shape::id_parameter()])
        .returns(Answer::ok("The key").json::<KeyView>())
        .fails_with(&[JSON, READ, &[Code::NotFound]])
}

pub(crate) fn delete() -> Description {
    Description::new(KEYS, "deleteKey", "Revoke an API key permanently; it stays readable")
        .with_parameters([keys::shape::id_parameter()])
        .returns(Answer::new(StatusCode::NO_CONTENT, "The key is revoked"))
        .fails_with(&[WRITE, &[Code::InvalidParameter, Code::NotFound]])
        .with_idempotency_key()
}

pub(crate) fn rotate() -> Description {
    Description::new(
        KEYS,
        "rotateKey",
        "Rotate the secret of an API key; both secrets work during the overlap",
    )
    .with_parameters([keys::shape::id_parameter()])
    .may_read::<RotateBody>("application/json")
    .returns(
        Answer::ok("The key with its new secret, which is shown only once")
            .json::<RotatedKeyView>(),
    )
    .fails_with(&[JSON, BODY, WRITE, &[Code::NotFound, Code::InvalidKey]])
    .with_secret_response()
}

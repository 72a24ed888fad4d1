//! The documentation of `/keys`.

use actix_web::http::StatusCode;

use crate::http::openapi::description::{Answer, Description, KEYS};
use crate::http::openapi::problems::{BODY, JSON, READ, WRITE};
use crate::http::openapi::{parameters, shape};
use crate::http::page::PageView;
use crate::http::problem::Code;
use crate::keys;
use crate::keys::request::{KeyBody, KeyView, NewKeyView, RotateBody, RotatedKeyView};

pub(crate) fn list() -> Description {
    Description::new(KEYS, "listKeys", "List API keys, oldest first")
        .takes(parameters::page())
        .answers(
            Answer::ok("A page of keys without their secrets, including expired and revoked ones")
                .json::<PageView<KeyView>>()
                .header("Link", shape::link()),
        )
        .refuses(&[JSON, READ])
}

pub(crate) fn create() -> Description {
    Description::new(KEYS, "createKey", "Create an API key")
        .reads::<KeyBody>("application/json")
        .answers(
            Answer::new(StatusCode::CREATED, "The key with its secret, which is shown only once")
                .json::<NewKeyView>()
                .header("Location", shape::path_of("keys")),
        )
        .refuses(&[JSON, BODY, WRITE, &[Code::InvalidKey]])
        .shows_its_answer_once()
}

pub(crate) fn find() -> Description {
    Description::new(KEYS, "findKey", "Read an API key, without its secret")
        .takes([keys::shape::id_parameter()])
        .answers(Answer::ok("The key").json::<KeyView>())
        .refuses(&[JSON, READ, &[Code::NotFound]])
}

pub(crate) fn delete() -> Description {
    Description::new(KEYS, "deleteKey", "Revoke an API key permanently; it stays readable")
        .takes([keys::shape::id_parameter()])
        .answers(Answer::new(StatusCode::NO_CONTENT, "The key is revoked"))
        .refuses(&[WRITE, &[Code::InvalidParameter, Code::NotFound]])
        .can_be_sent_again()
}

pub(crate) fn rotate() -> Description {
    Description::new(
        KEYS,
        "rotateKey",
        "Rotate the secret of an API key; both secrets work during the overlap",
    )
    .takes([keys::shape::id_parameter()])
    .may_read::<RotateBody>("application/json")
    .answers(
        Answer::ok("The key with its new secret, which is shown only once")
            .json::<RotatedKeyView>(),
    )
    .refuses(&[JSON, BODY, WRITE, &[Code::NotFound, Code::InvalidKey]])
    .shows_its_answer_once()
}

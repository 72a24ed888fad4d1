//! What is said of the operations on API keys.

use actix_web::http::StatusCode;

use crate::http::openapi::description::{Answer, Description, KEYS};
use crate::http::openapi::problems::{BODY, JSON, READ, WRITE};
use crate::http::openapi::{parameters, shape};
use crate::http::page::PageView;
use crate::http::problem::Code;
use crate::keys::request::{KeyBody, KeyView, NewKeyView, RotateBody, RotatedKeyView};

pub(crate) fn list() -> Description {
    Description::new(KEYS, "listKeys", "List keys, page by page, oldest first")
        .takes(parameters::page())
        .answers(
            Answer::ok("A page of keys, without their secrets; also of those that are over")
                .json::<PageView<KeyView>>()
                .header("Link", shape::link()),
        )
        .refuses(&[JSON, READ])
}

pub(crate) fn create() -> Description {
    Description::new(KEYS, "createKey", "Make a key")
        .reads::<KeyBody>("application/json")
        .answers(
            Answer::new(StatusCode::CREATED, "The key, with its secret, this once")
                .json::<NewKeyView>()
                .header("Location", shape::path_of("keys")),
        )
        .refuses(&[JSON, BODY, WRITE, &[Code::InvalidKey]])
        .shows_its_answer_once()
}

pub(crate) fn find() -> Description {
    Description::new(KEYS, "findKey", "Read a key, without its secret")
        .takes([parameters::key_id()])
        .answers(Answer::ok("The key").json::<KeyView>())
        .refuses(&[JSON, READ, &[Code::NotFound]])
}

pub(crate) fn delete() -> Description {
    Description::new(KEYS, "deleteKey", "Revoke a key, for ever; it stays readable")
        .takes([parameters::key_id()])
        .answers(Answer::new(StatusCode::NO_CONTENT, "The key is of no use any more"))
        .refuses(&[WRITE, &[Code::InvalidParameter, Code::NotFound]])
        .can_be_sent_again()
}

pub(crate) fn rotate() -> Description {
    Description::new(KEYS, "rotateKey", "Give a key another secret; its identity stays")
        .takes([parameters::key_id()])
        .may_read::<RotateBody>("application/json")
        .answers(Answer::ok("The key, with its new secret, this once").json::<RotatedKeyView>())
        .refuses(&[JSON, BODY, WRITE, &[Code::NotFound, Code::InvalidKey]])
        .shows_its_answer_once()
}

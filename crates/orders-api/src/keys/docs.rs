//! The documentation of `/keys`.

use actix_web::http::StatusCode;
use serde_json::json;

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
        .details("Returns one page; follow `next_cursor` for the rest.")
        .with_parameters(parameters::page())
        .returns(
            Answer::ok("A page of keys without their secrets, including expired and revoked ones")
                .json::<PageView<KeyView>>()
                .showing("/data/0/name", json!("billing"))
                .header("Link", shape::link()),
        )
        .fails_with(&[JSON, READ])
}

pub(crate) fn create() -> Description {
    Description::new(KEYS, "createKey", "Create an API key")
        .details(
            "Creates a key with a role. The response is the only one with the secret, so \
             store it. A retry with the same `Idempotency-Key` is 409 `already-done`.",
        )
        .reads::<KeyBody>("application/json")
        .returns(
            Answer::new(StatusCode::CREATED, "The key with its secret, which is shown only once")
                .json::<NewKeyView>()
                .showing("/name", json!("billing"))
                .showing("/role", json!("writer"))
                .showing("/expires_at", json!("2023-01-30T11:11:11.111Z"))
                .header("Location", shape::path_of("keys")),
        )
        .fails_with(&[JSON, BODY, WRITE, &[Code::InvalidKey]])
        .with_secret_response()
}

pub(crate) fn find() -> Description {
    Description::new(KEYS, "findKey", "Read an API key, without its secret")
        .details(
            "Returns a key, when it was last used and when it expires. The secret is never \
             shown again.",
        )
        .with_parameters([keys::shape::id_parameter()])
        .returns(Answer::ok("The key").json::<KeyView>().showing("/name", json!("billing")))
        .fails_with(&[JSON, READ, &[Code::NotFound]])
}

pub(crate) fn delete() -> Description {
    Description::new(KEYS, "deleteKey", "Revoke an API key permanently; it stays readable")
        .details(
            "Revokes a key: requests with it are rejected from now on, on every server of \
             the database. A key cannot be restored.",
        )
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
    .details(
        "Creates a new secret for the same key. The previous secret stays valid during \
             the overlap, so that clients can switch. The response is the only one with the \
             new secret, so store it.",
    )
    .with_parameters([keys::shape::id_parameter()])
    .may_read::<RotateBody>("application/json")
    .returns(
        Answer::ok("The key with its new secret, which is shown only once")
            .json::<RotatedKeyView>()
            .showing("/name", json!("billing"))
            .showing("/former_key_expires_at", json!("2022-11-01T12:11:11.111Z")),
    )
    .fails_with(&[JSON, BODY, WRITE, &[Code::NotFound, Code::InvalidKey]])
    .with_secret_response()
}

//! Problems in the OpenAPI document: a schema and an example for each code, and a response for all
//! codes of one status.

use actix_web::http::StatusCode;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::Example;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::OneOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};

use super::description::header;
use super::shape;
use crate::http::problem::Code;

/// The problems of any request with a JSON response.
pub(crate) const JSON: &[Code] = &[Code::InvalidParameter, Code::NotAcceptable];
/// The problems of any request with a body.
pub(crate) const BODY: &[Code] =
    &[Code::MalformedJson, Code::RequestTimeout, Code::BodyTooLarge, Code::UnsupportedMediaType];
/// The problems of any request that reads from the database.
pub(crate) const READ: &[Code] = &[Code::Internal, Code::Overloaded, Code::DatabaseUnavailable];
/// The problems of any request that changes something.
pub(crate) const WRITE: &[Code] =
    &[Code::Internal, Code::Overloaded, Code::DatabaseUnavailable, Code::OutcomeUnknown];

/// Returns the name of a code's schema, such as `OrderConflictProblem`.
pub(crate) fn name(code: Code) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        first.to_ascii_uppercase() + rest
    };
    code.name().split('-').map(word).collect::<String>() + "Problem"
}

/// Returns the schema of one of these problems.
pub(crate) fn one_of(codes: &[Code]) -> RefOr<Schema> {
    let reference = |code: &Code| RefOr::Ref(Ref::from_schema_name(name(*code)));
    match codes {
        [code] => reference(code),
        several => {
            let one_of = several
                .iter()
                .fold(OneOfBuilder::new(), |one_of, code| one_of.item(reference(code)));
            one_of.into()
        }
    }
}

/// Returns the response of one status with any of these problems.
pub(crate) fn response(codes: &[Code]) -> ResponseBuilder {
    let example = |code: &Code| {
        let name = code.name();
        (name, RefOr::<Example>::Ref(Ref::new(format!("#/components/examples/{name}"))))
    };
    let content = ContentBuilder::new()
        .schema(Some(one_of(codes)))
        .examples_from_iter(codes.iter().map(example));
    let titles: Vec<&str> = codes.iter().map(|code| code.title()).collect();
    let mut response = ResponseBuilder::new()
        .description(titles.join(", or "))
        .content("application/problem+json", content.build());
    let retry = |code: &Code| {
        code.status() == StatusCode::SERVICE_UNAVAILABLE
            || matches!(code, Code::EditLocked | Code::RateLimited)
    };
    if codes.iter().any(retry) {
        response = response.header("Retry-After", header(shape::retry_after()));
    }
    if codes.contains(&Code::Unauthenticated) {
        response = response.header("WWW-Authenticate", header(shape::challenge()));
    }
    response
}

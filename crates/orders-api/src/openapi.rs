//! The OpenAPI document: what the table of routes says of itself. Each noun describes its
//! operations in a file of its own; what bodies look like is said beside the wire types.

pub(crate) mod availability;
pub(crate) mod batch;
mod description;
pub(crate) mod docs;
pub(crate) mod history;
mod markdown;
pub(crate) mod orders;
mod parameters;
mod problems;
pub(crate) mod services;
pub(crate) mod shape;
pub(crate) mod status;

use std::sync::LazyLock;

use actix_web::http::Method;
use utoipa::openapi::path::{HttpMethod, PathItem};
use utoipa::openapi::{Components, Info, License, OpenApi, Paths, RefOr, Tag};

use crate::problem::{self, Code};
use crate::routes;

pub(crate) use description::Description;
pub(crate) use markdown::markdown;
pub(crate) use problems::one_of;

/// What every client needs to know beside the operations.
const INTRODUCTION: &str = "\
Keeps orders, no two of them closer to each other than the policy allows.

Every path that answers `GET` answers `HEAD`, and every path answers `OPTIONS` (204, with `Allow`); \
a method that a path has not is 405 `method-not-allowed`, with `Allow`, and any other path is 404 \
`not-found`. Every error is a problem (RFC 9457) whose `type` has a page here. Every answer carries \
`X-Request-Id`: the caller's if it sent a sane one, else a new one. A request without \
`Content-Type` is read as JSON.";

/// The document, made once.
pub(crate) fn json() -> &'static str {
    static JSON: LazyLock<String> = LazyLock::new(|| {
        // Of strings and numbers only, so it always serializes.
        serde_json::to_string(&document()).unwrap_or_default()
    });
    &JSON
}

fn document() -> OpenApi {
    let mut paths = Paths::new();
    let mut components = Components::new();
    for resource in routes::resources() {
        for operation in &resource.operations {
            let description = (operation.describe)();
            let item = PathItem::new(method(&operation.method), description.operation());
            match paths.paths.get_mut(resource.path) {
                Some(there) => there.merge_operations(item),
                None => drop(paths.paths.insert(resource.path.to_owned(), item)),
            }
            components.schemas.extend(description.into_schemas());
        }
    }
    for (name, shape) in shape::named() {
        components.schemas.insert(name.to_owned(), shape.into());
    }
    components.schemas.extend(problem::schemas_of_members());
    for code in Code::ALL {
        components.schemas.insert(problems::name(code), code.schema().into());
        components.examples.insert(code.name().to_owned(), RefOr::T(problems::example(code)));
    }
    let request_id = RefOr::T(description::header(shape::request_id()));
    components.headers.insert(description::REQUEST_ID.to_owned(), request_id);
    let license =
        License::builder().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0"));
    let info = Info::builder()
        .title("Orders")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(INTRODUCTION))
        .license(Some(license.build()));
    let tags = description::TAGS.map(Tag::new);
    OpenApi::builder().info(info).paths(paths).components(Some(components)).tags(Some(tags)).build()
}

/// The method as the document names it.
fn method(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

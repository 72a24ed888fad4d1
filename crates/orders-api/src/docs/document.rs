//! The OpenAPI document: what the table of routes says of itself. Each noun describes its
//! operations in a file of its own; what bodies look like is said beside the wire types.

use std::sync::OnceLock;

use actix_web::http::Method;
use utoipa::openapi::path::{HttpMethod, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, Info, License, OpenApi, Paths, RefOr, Tag};

use super::problems::{sample, schema};
use crate::http::openapi::description::Description;
use crate::http::openapi::{description, problems, shape};
use crate::http::problem::Code;
use crate::security::Access;

/// What every client needs to know beside the operations.
const INTRODUCTION: &str = "\
Keeps orders, no two of them closer to each other than the policy allows.

Every path that answers `GET` answers `HEAD`, and every path answers `OPTIONS` (204, with `Allow`); \
a method that a path has not is 405 `method-not-allowed`, with `Allow`, and any other path is 404 \
`not-found`. Every error is a problem (RFC 9457) whose `type` has a page here. Every answer carries \
`X-Request-Id`: the caller's if it sent a sane one, else a new one. A request without \
`Content-Type` is read as JSON.

Most operations take a key, as `X-API-Key: <key>` or `Authorization: Bearer <key>`, with the role that \
they name or a stronger one: `reader`, `writer`, `admin`. A service that listens on its own machine \
only, and has never had a key, takes requests from there without one, but for those about keys and webhooks.";

/// A method of a path, as the table of routes has it.
pub(crate) struct Endpoint {
    pub(crate) path: &'static str,
    pub(crate) method: Method,
    pub(crate) access: Access,
    /// `None` for the pages of the console, which are not part of the document.
    pub(crate) description: Option<Description>,
}

/// The document of a table of routes, made when it is first read.
pub(crate) struct Document {
    endpoints: fn() -> Vec<Endpoint>,
    json: OnceLock<String>,
}

impl Document {
    pub(crate) fn new(endpoints: fn() -> Vec<Endpoint>) -> Self {
        Self { endpoints, json: OnceLock::new() }
    }

    /// The document as JSON.
    pub(crate) fn json(&self) -> &str {
        // Of strings and numbers only, so it always serializes.
        let write = || serde_json::to_string(&document((self.endpoints)())).unwrap_or_default();
        self.json.get_or_init(write)
    }

    /// The document as a reference to read.
    pub(crate) fn markdown(&self) -> String {
        super::markdown::markdown(&(self.endpoints)())
    }
}

fn document(endpoints: Vec<Endpoint>) -> OpenApi {
    let mut paths = Paths::new();
    let mut components = Components::new();
    for Endpoint { path, method: of, description, .. } in endpoints {
        let Some(description) = description else { continue };
        let item = PathItem::new(method(&of), description.operation());
        match paths.paths.get_mut(path) {
            Some(there) => there.merge_operations(item),
            None => drop(paths.paths.insert(path.to_owned(), item)),
        }
        components.schemas.extend(description.into_schemas());
    }
    for (name, shape) in shape::named() {
        components.schemas.insert(name.to_owned(), shape.into());
    }
    components.schemas.extend(schema::schemas_of_members());
    for code in Code::all() {
        components.schemas.insert(problems::name(code), schema::schema(code).into());
        components.examples.insert(code.name().to_owned(), RefOr::T(sample::example(code)));
    }
    let [rate_limit, rate_limit_policy] = description::RATE_LIMITS;
    for (name, shape) in [
        (description::REQUEST_ID, shape::request_id()),
        (rate_limit, shape::rate_limit()),
        (rate_limit_policy, shape::rate_limit_policy()),
    ] {
        components.headers.insert(name.to_owned(), RefOr::T(description::header(shape)));
    }
    let [api_key, bearer] = description::SCHEMES;
    components.add_security_scheme(
        api_key,
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key"))),
    );
    components.add_security_scheme(bearer, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
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

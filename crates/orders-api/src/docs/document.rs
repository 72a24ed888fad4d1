//! The OpenAPI document, built from the route table. Each feature documents its operations in its
//! `docs.rs`; the schemas of bodies are beside their types.

use std::sync::OnceLock;

use actix_web::http::Method;
use serde_json::{Value, json};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{HttpMethod, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, Info, License, OpenApi, Paths, RefOr, Tag};

use super::problems::{sample, schema};
use super::{curl, members};
use crate::http::openapi::description::Description;
use crate::http::openapi::{description, problems, shape};
use crate::http::problem::Code;
use crate::security::Access;
use crate::services;

/// The introduction of the document.
const INTRODUCTION: &str = "\
A booking service with an orders API. No two orders are closer than the minimum gap of the policy.

**Requests.** Every path with `GET` also supports `HEAD`, and every path supports `OPTIONS` (204, with \
`Allow`). An unsupported method is 405 `method-not-allowed`, with `Allow`; an unknown path is 404 \
`not-found`. A request body without `Content-Type` is read as JSON.

**Responses.** Every error is a problem (RFC 9457), and the `type` of a problem leads to its \
documentation. Every response has `X-Request-Id`: the id that the client sent, if it is well-formed, or \
a new one.

**Authentication.** Most operations require an API key, sent as `X-API-Key: <key>` or `Authorization: \
Bearer <key>`, with at least the role that the operation names: `reader`, `writer` or `admin`. A service \
that listens on loopback only, and has never had a key, accepts local requests without one, except those \
for keys and webhooks.";

/// A method of a path in the route table.
pub(crate) struct Endpoint {
    pub(crate) path: &'static str,
    pub(crate) method: Method,
    pub(crate) access: Access,
    /// `None` for the pages of the console, which are not part of the document.
    pub(crate) description: Option<Description>,
}

/// The document of a route table, built on first use.
pub(crate) struct Document {
    endpoints: fn() -> Vec<Endpoint>,
    json: OnceLock<String>,
}

impl Document {
    pub(crate) fn new(endpoints: fn() -> Vec<Endpoint>) -> Self {
        Self { endpoints, json: OnceLock::new() }
    }

    /// Returns the document as JSON.
    pub(crate) fn json(&self) -> &str {
        self.json.get_or_init(|| document(&(self.endpoints)()).to_string())
    }

    /// Returns the document as an API reference in Markdown.
    pub(crate) fn markdown(&self) -> String {
        let endpoints = (self.endpoints)();
        super::markdown::markdown(&document(&endpoints), &endpoints)
    }
}

/// Creates the document, with the meaning of each member.
fn document(endpoints: &[Endpoint]) -> Value {
    let components = components(endpoints);
    let paths = paths(endpoints, &json!({"components": components}));
    // It has only strings and numbers, so it always serializes.
    let mut whole = json!(whole(paths, components));
    members::describe(&mut whole);
    whole
}

/// Creates the paths. The examples come from the schemas in `document`.
fn paths(endpoints: &[Endpoint], document: &Value) -> Paths {
    let mut paths = Paths::new();
    for Endpoint { path, method: of, description, .. } in endpoints {
        let Some(description) = description else { continue };
        let mut operation = description.operation(document);
        let command = curl::command(document, of, path, description);
        let sample = json!([{"lang": "Shell", "label": "curl", "source": command}]);
        let sample = Extensions::builder().add("x-codeSamples", sample);
        operation.extensions = Some(sample.build());
        let item = PathItem::new(method(of), operation);
        match paths.paths.get_mut(*path) {
            Some(there) => there.merge_operations(item),
            None => drop(paths.paths.insert((*path).to_owned(), item)),
        }
    }
    paths
}

/// Creates the schemas, examples and headers to which operations refer.
fn components(endpoints: &[Endpoint]) -> Components {
    let mut components = Components::new();
    for description in endpoints.iter().filter_map(|endpoint| endpoint.description.as_ref()) {
        components.schemas.extend(description.schemas().iter().cloned());
    }
    for (name, shape) in services::shape::named() {
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
    components
}

fn whole(paths: Paths, components: Components) -> OpenApi {
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

/// Converts a method to OpenAPI.
fn method(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

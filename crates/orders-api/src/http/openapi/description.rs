//! The documentation of one operation, and its conversion to OpenAPI.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use orders_core::key::Role;
use serde_json::{Value, json};
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, OperationBuilder, Parameter};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::Object;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Header, Ref, RefOr, Required, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::problems::{self, READ};
use super::{example, parameters, shape};
use crate::http::problem::Code;

pub(crate) const ORDERS: &str = "Orders";
pub(crate) const SERVICES: &str = "Services";
pub(crate) const EVENTS: &str = "Events";
pub(crate) const KEYS: &str = "Keys";
pub(crate) const WEBHOOKS: &str = "Webhooks";
pub(crate) const TIMES: &str = "Free times";
pub(crate) const ABOUT: &str = "About the service";
/// All tags, in the order of the document.
pub(crate) const TAGS: [&str; 7] = [ORDERS, SERVICES, TIMES, EVENTS, WEBHOOKS, KEYS, ABOUT];

/// The header of every response.
pub(crate) const REQUEST_ID: &str = "X-Request-Id";
/// The headers with the rate limit and the remaining requests.
pub(crate) const RATE_LIMITS: [&str; 2] = ["RateLimit", "RateLimit-Policy"];
/// The names of the security schemes: the two headers for a key.
pub(crate) const SCHEMES: [&str; 2] = ["apiKey", "bearer"];

/// The documentation of one operation.
pub(crate) struct Description {
    pub(crate) summary: &'static str,
    /// The effects, limits and defaults that a reader needs to know.
    pub(crate) details: &'static str,
    /// The query of the example.
    pub(crate) query: &'static str,
    /// The body of the example, if it is not that of the schema.
    body: Option<Value>,
    pub(crate) parameters: Vec<Parameter>,
    /// The media types of the body, each with its schema.
    pub(crate) bodies: Vec<(&'static str, RefOr<Schema>)>,
    pub(crate) responses: Vec<Answer>,
    /// The possible problems, by status.
    pub(crate) problems: BTreeMap<u16, Vec<Code>>,
    body_required: bool,
    /// The required role.
    pub(crate) role: Option<Role>,
    id: &'static str,
    tag: &'static str,
    schemas: Vec<(String, RefOr<Schema>)>,
}

/// A response that is no problem.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) meaning: &'static str,
    pub(crate) contents: Vec<(&'static str, RefOr<Schema>)>,
    pub(crate) headers: Vec<(&'static str, Header)>,
    /// The values that its example shows, by pointer.
    shown: Vec<(&'static str, Value)>,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl Description {
    pub(crate) fn new(tag: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self {
            summary,
            details: "",
            query: "",
            body: None,
            parameters: Vec::new(),
            bodies: Vec::new(),
            responses: Vec::new(),
            problems: BTreeMap::new(),
            body_required: true,
            role: None,
            id,
            tag,
            schemas: Vec::new(),
        }
    }

    /// Adds what a reader needs to know beyond the summary: effects, limits and defaults.
    pub(crate) fn details(self, details: &'static str) -> Self {
        Self { details, ..self }
    }

    /// Sets the query of the example.
    pub(crate) fn example_query(self, query: &'static str) -> Self {
        Self { query, ..self }
    }

    /// Sets the body of the example. Otherwise, it is the example of the body's schema.
    pub(crate) fn example_body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    pub(crate) fn with_parameters(
        mut self,
        parameters: impl IntoIterator<Item = Parameter>,
    ) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// Adds a media type of the body, which is a `T`.
    pub(crate) fn reads<T: ToSchema>(mut self, media: &'static str) -> Self {
        self.bodies.push((media, add_schema::<T>(&mut self.schemas)));
        self
    }

    /// Like [`Self::reads`], but the body is optional.
    pub(crate) fn may_read<T: ToSchema>(self, media: &'static str) -> Self {
        Self { body_required: false, ..self.reads::<T>(media) }
    }

    pub(crate) fn returns(mut self, mut answer: Answer) -> Self {
        self.schemas.append(&mut answer.schemas);
        self.responses.push(answer);
        self
    }

    /// Adds possible problems.
    pub(crate) fn fails_with(self, codes: &[&[Code]]) -> Self {
        let codes = codes.iter().flat_map(|some| some.iter());
        codes.fold(self, |this, code| this.fails_with_status(code.status(), *code))
    }

    /// Adds a possible problem with a status other than that of its code.
    pub(crate) fn fails_with_status(mut self, status: StatusCode, code: Code) -> Self {
        let codes = self.problems.entry(status.as_u16()).or_default();
        if !codes.contains(&code) {
            codes.push(code);
        }
        self
    }

    /// The operation supports idempotency keys. Call this last: it adds a header to all responses.
    pub(crate) fn with_idempotency_key(mut self) -> Self {
        self.parameters.push(parameters::idempotency_key());
        for answer in &mut self.responses {
            answer.headers.push(("Idempotency-Replayed", header(shape::one_of_texts(&["true"]))));
        }
        self.fails_with(&[&[Code::InvalidHeader, Code::IdempotencyKeyReused]])
    }

    /// The operation supports idempotency keys, but its response has a secret and is not replayed.
    /// Call this last.
    pub(crate) fn with_secret_response(mut self) -> Self {
        self.parameters.push(parameters::idempotency_key_for_secret());
        self.fails_with(&[&[Code::InvalidHeader, Code::IdempotencyKeyReused, Code::AlreadyDone]])
    }

    /// Sets the required role; `None` for no key.
    pub(crate) fn requires_role(self, role: Option<Role>) -> Self {
        let this = Self { role, ..self };
        if role.is_none() {
            return this;
        }
        this.fails_with(&[&[Code::Unauthenticated, Code::Forbidden, Code::RateLimited], READ])
    }

    /// Converts the description to OpenAPI. The examples come from the schemas in `document`.
    pub(crate) fn operation(&self, document: &Value) -> Operation {
        let mut operation = OperationBuilder::new()
            .operation_id(Some(self.id))
            .tag(self.tag)
            .summary(Some(self.summary))
            .description(Some(self.details));
        for parameter in &self.parameters {
            operation = operation.parameter(parameter.clone());
        }
        if !self.bodies.is_empty() {
            let required = if self.body_required { Required::True } else { Required::False };
            let body = RequestBodyBuilder::new().required(Some(required));
            let contents = self.bodies.iter();
            let body = contents.fold(body, |body, (media, schema)| {
                body.content(*media, content(schema, self.example_of_body(document, schema)))
            });
            operation = operation.request_body(Some(body.build()));
        }
        for answer in &self.responses {
            let response = with_common_headers(answer.response(document), self.role);
            operation = operation.response(answer.status.as_str(), response);
        }
        for (status, codes) in &self.problems {
            let response = with_common_headers(problems::response(codes), self.role);
            operation = operation.response(status.to_string(), response);
        }
        security(self.role).into_iter().fold(operation, OperationBuilder::security).build()
    }

    /// Returns the body of the example for one of its schemas.
    fn example_of_body(&self, document: &Value, schema: &RefOr<Schema>) -> Value {
        self.body.clone().unwrap_or_else(|| example::from_schema(document, &json!(schema)))
    }

    /// Returns the media type and the body of the example; `None` without a body.
    pub(crate) fn body(&self, document: &Value) -> Option<(&'static str, Value)> {
        let (media, schema) = self.bodies.first()?;
        Some((media, self.example_of_body(document, schema)))
    }

    /// Returns all schemas to which it refers by name.
    pub(crate) fn schemas(&self) -> &[(String, RefOr<Schema>)] {
        &self.schemas
    }
}

impl Answer {
    pub(crate) fn new(status: StatusCode, meaning: &'static str) -> Self {
        let (contents, headers, shown) = (Vec::new(), Vec::new(), Vec::new());
        Self { status, meaning, contents, headers, shown, schemas: Vec::new() }
    }

    pub(crate) fn ok(meaning: &'static str) -> Self {
        Self::new(StatusCode::OK, meaning)
    }

    /// The body is a `T` as JSON.
    pub(crate) fn json<T: ToSchema>(mut self) -> Self {
        let schema = add_schema::<T>(&mut self.schemas);
        self.content("application/json", schema)
    }

    /// Adds a media type of the body.
    pub(crate) fn content(mut self, media: &'static str, schema: impl Into<RefOr<Schema>>) -> Self {
        self.contents.push((media, schema.into()));
        self
    }

    /// Adds a media type whose body is text, with an example.
    pub(crate) fn text(self, media: &'static str, example: &'static str) -> Self {
        let mut text = shape::text();
        text.examples = vec![example.into()];
        self.content(media, text)
    }

    /// Sets a value in the example: the values of schemas do not know of each other.
    pub(crate) fn showing(mut self, pointer: &'static str, value: Value) -> Self {
        self.shown.push((pointer, value));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, schema: Object) -> Self {
        self.headers.push((name, header(schema)));
        self
    }

    fn response(&self, document: &Value) -> ResponseBuilder {
        let mut response = ResponseBuilder::new().description(self.meaning);
        for (media, schema) in &self.contents {
            let mut example = example::from_schema(document, &json!(schema));
            for (pointer, value) in &self.shown {
                if let Some(place) = example.pointer_mut(pointer) {
                    value.clone_into(place);
                }
            }
            response = response.content(*media, content(schema, example));
        }
        for (name, header) in &self.headers {
            response = response.header(*name, header.clone());
        }
        response
    }
}

/// The content of a media type, with an example.
fn content(schema: &RefOr<Schema>, example: Value) -> Content {
    ContentBuilder::new().schema(Some(schema.clone())).example(Some(example)).build()
}

/// Adds the headers of every response, and those of rate limits if a role is required.
fn with_common_headers(response: ResponseBuilder, role: Option<Role>) -> Response {
    let limits = if role.is_some() { &RATE_LIMITS[..] } else { &[] };
    let names = [REQUEST_ID].into_iter().chain(limits.iter().copied());
    let with = |response: ResponseBuilder, name| {
        response.header_ref(name, Ref::new(format!("#/components/headers/{name}")))
    };
    names.fold(response, with).build()
}

/// Returns the security requirement: a key in either header, or explicitly none.
fn security(role: Option<Role>) -> Vec<SecurityRequirement> {
    match role {
        Some(_) => SCHEMES.map(|name| SecurityRequirement::new::<_, [&str; 0], _>(name, [])).into(),
        None => vec![SecurityRequirement::default()],
    }
}

/// Creates a response header.
pub(crate) fn header(schema: Object) -> Header {
    HeaderBuilder::new().schema(Some(schema)).build()
}

/// Returns a reference to the schema of `T`. Adds it, and all that it refers to, to the schemas.
fn add_schema<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) -> RefOr<Schema> {
    let name = T::name().into_owned();
    T::schemas(schemas);
    schemas.push((name.clone(), <T as PartialSchema>::schema()));
    RefOr::Ref(Ref::from_schema_name(name))
}

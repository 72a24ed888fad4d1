//! What is said of one operation, and how that becomes a part of the document.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use orders_core::key::Role;
use utoipa::openapi::content::Content;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, OperationBuilder, Parameter};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::Object;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Header, Ref, RefOr, Required, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::problems::{self, READ};
use super::{parameters, shape};
use crate::http::problem::Code;

pub(crate) const ORDERS: &str = "Orders";
pub(crate) const SERVICES: &str = "Services";
pub(crate) const EVENTS: &str = "Events";
pub(crate) const KEYS: &str = "Keys";
pub(crate) const WEBHOOKS: &str = "Webhooks";
pub(crate) const TIMES: &str = "Free times";
pub(crate) const ABOUT: &str = "About the service";
/// In the order in which a reader wants them.
pub(crate) const TAGS: [&str; 7] = [ORDERS, SERVICES, TIMES, EVENTS, WEBHOOKS, KEYS, ABOUT];

/// The header that every answer has.
pub(crate) const REQUEST_ID: &str = "X-Request-Id";
/// The headers that tell how much may still be asked.
pub(crate) const RATE_LIMITS: [&str; 2] = ["RateLimit", "RateLimit-Policy"];
/// The names of the ways in which a key is sent.
pub(crate) const SCHEMES: [&str; 2] = ["apiKey", "bearer"];

/// What is said of one operation.
pub(crate) struct Description {
    pub(crate) summary: &'static str,
    pub(crate) parameters: Vec<Parameter>,
    /// The media types that its body may have, each with what it then must be.
    pub(crate) bodies: Vec<(&'static str, RefOr<Schema>)>,
    pub(crate) answers: Vec<Answer>,
    /// The problems that it can end with, by their statuses.
    pub(crate) problems: BTreeMap<u16, Vec<Code>>,
    body_required: bool,
    /// The role that it takes.
    pub(crate) role: Option<Role>,
    id: &'static str,
    tag: &'static str,
    schemas: Vec<(String, RefOr<Schema>)>,
}

/// An answer that is no problem.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) meaning: &'static str,
    pub(crate) contents: Vec<(&'static str, RefOr<Schema>)>,
    pub(crate) headers: Vec<(&'static str, Header)>,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl Description {
    pub(crate) fn new(tag: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self {
            summary,
            parameters: Vec::new(),
            bodies: Vec::new(),
            answers: Vec::new(),
            problems: BTreeMap::new(),
            body_required: true,
            role: None,
            id,
            tag,
            schemas: Vec::new(),
        }
    }

    pub(crate) fn takes(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// Its body is a `T`, of this media type.
    pub(crate) fn reads<T: ToSchema>(mut self, media: &'static str) -> Self {
        self.bodies.push((media, note::<T>(&mut self.schemas)));
        self
    }

    /// Its body is a `T`, of this media type, or there is none.
    pub(crate) fn may_read<T: ToSchema>(self, media: &'static str) -> Self {
        Self { body_required: false, ..self.reads::<T>(media) }
    }

    pub(crate) fn answers(mut self, mut answer: Answer) -> Self {
        self.schemas.append(&mut answer.schemas);
        self.answers.push(answer);
        self
    }

    /// It can end with each of these problems.
    pub(crate) fn refuses(self, codes: &[&[Code]]) -> Self {
        let codes = codes.iter().flat_map(|some| some.iter());
        codes.fold(self, |this, code| this.refuses_as(code.status(), *code))
    }

    /// It can end with this problem, with a status that is not always the same.
    pub(crate) fn refuses_as(mut self, status: StatusCode, code: Code) -> Self {
        let codes = self.problems.entry(status.as_u16()).or_default();
        if !codes.contains(&code) {
            codes.push(code);
        }
        self
    }

    /// It can be sent again under an idempotency key. Said last, since all its answers are meant.
    pub(crate) fn can_be_sent_again(mut self) -> Self {
        self.parameters.push(parameters::idempotency_key());
        for answer in &mut self.answers {
            answer.headers.push(("Idempotency-Replayed", header(shape::one_of_texts(&["true"]))));
        }
        self.refuses(&[&[Code::InvalidHeader, Code::IdempotencyKeyReused]])
    }

    /// It can be sent again under an idempotency key, but shows its answer once. Said last.
    pub(crate) fn shows_its_answer_once(mut self) -> Self {
        self.parameters.push(parameters::idempotency_key());
        self.refuses(&[&[Code::InvalidHeader, Code::IdempotencyKeyReused, Code::AlreadyDone]])
    }

    /// Only whoever has this role may use it; `None`: anyone.
    pub(crate) fn takes_role(self, role: Option<Role>) -> Self {
        let this = Self { role, ..self };
        if role.is_none() {
            return this;
        }
        this.refuses(&[&[Code::Unauthenticated, Code::Forbidden, Code::RateLimited], READ])
    }

    /// As the document has it.
    pub(crate) fn operation(&self) -> Operation {
        let mut operation = OperationBuilder::new()
            .operation_id(Some(self.id))
            .tag(self.tag)
            .summary(Some(self.summary));
        for parameter in &self.parameters {
            operation = operation.parameter(parameter.clone());
        }
        if !self.bodies.is_empty() {
            let required = if self.body_required { Required::True } else { Required::False };
            let body = RequestBodyBuilder::new().required(Some(required));
            let contents = self.bodies.iter();
            let body = contents.fold(body, |body, (media, schema)| {
                body.content(*media, Content::new(Some(schema.clone())))
            });
            operation = operation.request_body(Some(body.build()));
        }
        for answer in &self.answers {
            let response = with_common_headers(answer.response(), self.role);
            operation = operation.response(answer.status.as_str(), response);
        }
        for (status, codes) in &self.problems {
            let response = with_common_headers(problems::response(codes), self.role);
            operation = operation.response(status.to_string(), response);
        }
        security(self.role).into_iter().fold(operation, OperationBuilder::security).build()
    }

    /// All schemas that it refers to by name.
    pub(crate) fn into_schemas(self) -> Vec<(String, RefOr<Schema>)> {
        self.schemas
    }
}

impl Answer {
    pub(crate) fn new(status: StatusCode, meaning: &'static str) -> Self {
        let (contents, headers) = (Vec::new(), Vec::new());
        Self { status, meaning, contents, headers, schemas: Vec::new() }
    }

    pub(crate) fn ok(meaning: &'static str) -> Self {
        Self::new(StatusCode::OK, meaning)
    }

    /// Its body is a `T` as JSON.
    pub(crate) fn json<T: ToSchema>(mut self) -> Self {
        let schema = note::<T>(&mut self.schemas);
        self.content("application/json", schema)
    }

    /// Its body has this media type.
    pub(crate) fn content(mut self, media: &'static str, schema: impl Into<RefOr<Schema>>) -> Self {
        self.contents.push((media, schema.into()));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, schema: Object) -> Self {
        self.headers.push((name, header(schema)));
        self
    }

    fn response(&self) -> ResponseBuilder {
        let mut response = ResponseBuilder::new().description(self.meaning);
        for (media, schema) in &self.contents {
            response = response.content(*media, Content::new(Some(schema.clone())));
        }
        for (name, header) in &self.headers {
            response = response.header(*name, header.clone());
        }
        response
    }
}

/// With the headers that every answer has, and those of answers to whoever must say who he is.
fn with_common_headers(response: ResponseBuilder, role: Option<Role>) -> Response {
    let limits = if role.is_some() { &RATE_LIMITS[..] } else { &[] };
    let names = [REQUEST_ID].into_iter().chain(limits.iter().copied());
    let with = |response: ResponseBuilder, name| {
        response.header_ref(name, Ref::new(format!("#/components/headers/{name}")))
    };
    names.fold(response, with).build()
}

/// Either of the headers that a key is sent in; or nothing, which is said, too.
fn security(role: Option<Role>) -> Vec<SecurityRequirement> {
    match role {
        Some(_) => SCHEMES.map(|name| SecurityRequirement::new::<_, [&str; 0], _>(name, [])).into(),
        None => vec![SecurityRequirement::default()],
    }
}

/// A header of an answer.
pub(crate) fn header(schema: Object) -> Header {
    HeaderBuilder::new().schema(Some(schema)).build()
}

/// A reference to the schema of `T`, which is noted with all that it refers to.
fn note<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) -> RefOr<Schema> {
    let name = T::name().into_owned();
    T::schemas(schemas);
    schemas.push((name.clone(), <T as PartialSchema>::schema()));
    RefOr::Ref(Ref::from_schema_name(name))
}

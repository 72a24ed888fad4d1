//! What is said of one operation, and how that becomes a part of the document.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use utoipa::openapi::content::Content;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, OperationBuilder, Parameter};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::Object;
use utoipa::openapi::{Header, Ref, RefOr, Required, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::{parameters, problems, shape};
use crate::problem::Code;

pub(super) const ORDERS: &str = "Orders";
pub(super) const SERVICES: &str = "Services";
pub(super) const TIMES: &str = "Free times";
pub(super) const ABOUT: &str = "About the service";
/// In the order in which a reader wants them.
pub(super) const TAGS: [&str; 4] = [ORDERS, SERVICES, TIMES, ABOUT];

/// The header that every answer has.
pub(super) const REQUEST_ID: &str = "X-Request-Id";

/// What is said of one operation.
pub(crate) struct Description {
    pub(super) summary: &'static str,
    pub(super) parameters: Vec<Parameter>,
    /// The media types that its body may have, each with what it then must be.
    pub(super) bodies: Vec<(&'static str, RefOr<Schema>)>,
    pub(super) answers: Vec<Answer>,
    /// The problems that it can end with, by their statuses.
    pub(super) problems: BTreeMap<u16, Vec<Code>>,
    id: &'static str,
    tag: &'static str,
    schemas: Vec<(String, RefOr<Schema>)>,
}

/// An answer that is no problem.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) meaning: &'static str,
    pub(super) contents: Vec<(&'static str, RefOr<Schema>)>,
    pub(super) headers: Vec<(&'static str, Header)>,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl Description {
    pub(super) fn new(tag: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self {
            summary,
            parameters: Vec::new(),
            bodies: Vec::new(),
            answers: Vec::new(),
            problems: BTreeMap::new(),
            id,
            tag,
            schemas: Vec::new(),
        }
    }

    pub(super) fn takes(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// Its body is a `T`, of this media type.
    pub(super) fn reads<T: ToSchema>(mut self, media: &'static str) -> Self {
        self.bodies.push((media, note::<T>(&mut self.schemas)));
        self
    }

    pub(super) fn answers(mut self, mut answer: Answer) -> Self {
        self.schemas.append(&mut answer.schemas);
        self.answers.push(answer);
        self
    }

    /// It can end with each of these problems.
    pub(super) fn refuses(self, codes: &[&[Code]]) -> Self {
        let codes = codes.iter().flat_map(|some| some.iter());
        codes.fold(self, |this, code| this.refuses_as(code.status(), *code))
    }

    /// It can end with this problem, with a status that is not always the same.
    pub(super) fn refuses_as(mut self, status: StatusCode, code: Code) -> Self {
        let codes = self.problems.entry(status.as_u16()).or_default();
        if !codes.contains(&code) {
            codes.push(code);
        }
        self
    }

    /// It can be sent again under an idempotency key. Said last, since all its answers are meant.
    pub(super) fn can_be_sent_again(mut self) -> Self {
        self.parameters.push(parameters::idempotency_key());
        for answer in &mut self.answers {
            answer.headers.push(("Idempotency-Replayed", header(shape::one_of_texts(&["true"]))));
        }
        self.refuses(&[&[Code::InvalidHeader, Code::IdempotencyKeyReused]])
    }

    /// As the document has it.
    pub(super) fn operation(&self) -> Operation {
        let mut operation = OperationBuilder::new()
            .operation_id(Some(self.id))
            .tag(self.tag)
            .summary(Some(self.summary));
        for parameter in &self.parameters {
            operation = operation.parameter(parameter.clone());
        }
        if !self.bodies.is_empty() {
            let body = RequestBodyBuilder::new().required(Some(Required::True));
            let contents = self.bodies.iter();
            let body = contents.fold(body, |body, (media, schema)| {
                body.content(*media, Content::new(Some(schema.clone())))
            });
            operation = operation.request_body(Some(body.build()));
        }
        for answer in &self.answers {
            operation = operation.response(answer.status.as_str(), answer.response());
        }
        for (status, codes) in &self.problems {
            operation = operation.response(status.to_string(), problems::response(codes));
        }
        operation.build()
    }

    /// All schemas that it refers to by name.
    pub(super) fn into_schemas(self) -> Vec<(String, RefOr<Schema>)> {
        self.schemas
    }
}

impl Answer {
    pub(super) fn new(status: StatusCode, meaning: &'static str) -> Self {
        let (contents, headers) = (Vec::new(), Vec::new());
        Self { status, meaning, contents, headers, schemas: Vec::new() }
    }

    pub(super) fn ok(meaning: &'static str) -> Self {
        Self::new(StatusCode::OK, meaning)
    }

    /// Its body is a `T` as JSON.
    pub(super) fn json<T: ToSchema>(mut self) -> Self {
        let schema = note::<T>(&mut self.schemas);
        self.content("application/json", schema)
    }

    /// Its body has this media type.
    pub(super) fn content(mut self, media: &'static str, schema: impl Into<RefOr<Schema>>) -> Self {
        self.contents.push((media, schema.into()));
        self
    }

    pub(super) fn header(mut self, name: &'static str, schema: Object) -> Self {
        self.headers.push((name, header(schema)));
        self
    }

    fn response(&self) -> Response {
        let mut response = ResponseBuilder::new().description(self.meaning);
        for (media, schema) in &self.contents {
            response = response.content(*media, Content::new(Some(schema.clone())));
        }
        for (name, header) in &self.headers {
            response = response.header(*name, header.clone());
        }
        with_request_id(response).build()
    }
}

pub(super) fn with_request_id(response: ResponseBuilder) -> ResponseBuilder {
    response.header_ref(REQUEST_ID, Ref::new(format!("#/components/headers/{REQUEST_ID}")))
}

/// A header of an answer.
pub(super) fn header(schema: Object) -> Header {
    HeaderBuilder::new().schema(Some(schema)).build()
}

/// A reference to the schema of `T`, which is noted with all that it refers to.
fn note<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) -> RefOr<Schema> {
    let name = T::name().into_owned();
    T::schemas(schemas);
    schemas.push((name.clone(), <T as PartialSchema>::schema()));
    RefOr::Ref(Ref::from_schema_name(name))
}

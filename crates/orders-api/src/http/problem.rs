//! Problems: every error that a caller sees (RFC 9457).

mod code;
mod from;
mod kinds;
mod page;
mod sample;
mod schema;

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

pub(crate) use code::Code;
pub(crate) use from::ConflictView;
pub(crate) use page::{PageView, find, path_code};
pub(crate) use schema::{schema_of_a_result, schemas_of_members};

/// What is wrong with one field of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldError {
    /// A JSON Pointer (RFC 6901) to the field.
    #[schema(pattern = "^$|^/")]
    pub(crate) pointer: String,
    pub(crate) detail: String,
}

impl FieldError {
    /// The same faults of a value that stands at `pointer` in its body.
    pub(crate) fn all_under(pointer: &str, errors: Vec<Self>) -> Vec<Self> {
        let under = |error: Self| Self { pointer: format!("{pointer}{}", error.pointer), ..error };
        errors.into_iter().map(under).collect()
    }
}

/// An error, ready to be shown.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    code: Code,
    status: StatusCode,
    detail: Box<str>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, String)>,
    more: More,
    /// What is behind it: for the log, never for the caller.
    cause: Option<Box<str>>,
}

/// What some problems tell besides.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
enum More {
    Nothing {},
    Conflict(Box<ConflictView>),
    EditLocked { editable_at: String },
    Version { current_version: u64 },
    EventsGone { first_sequence: String },
    Results { results: Vec<Box<RawValue>> },
}

/// The members of a problem, in the order in which they are shown.
#[derive(Debug, Serialize)]
pub(crate) struct ProblemView<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(flatten)]
    more: &'a More,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            status: code.status(),
            detail: detail.into().into_boxed_str(),
            errors: Vec::new(),
            headers: Vec::new(),
            more: More::Nothing {},
            cause: None,
        }
    }

    /// Something that should never happen.
    pub(crate) fn unexpected(cause: impl Into<Box<str>>) -> Self {
        let detail = "The service met something that it did not expect.";
        Self { cause: Some(cause.into()), ..Self::new(Code::Internal, detail) }
    }

    /// What a reader of events asked for is gone; `first` is the oldest sequence that is not.
    pub(crate) fn events_gone(first: u64) -> Self {
        let detail = format!(
            "The feed starts with sequence {first} now: what was asked for is gone. Read the orders \
             anew, and go on after {}.",
            first.saturating_sub(1)
        );
        let more = More::EventsGone { first_sequence: first.to_string() };
        Self { more, ..Self::new(Code::EventsGone, detail) }
    }

    /// Fields are at fault: all of them are named.
    pub(crate) fn of_fields(code: Code, errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [FieldError { pointer, detail }] if pointer.is_empty() => format!("The body {detail}."),
            [FieldError { pointer, detail }] => format!("{pointer} {detail}."),
            several => format!("{} fields are not valid.", several.len()),
        };
        Self { errors, ..Self::new(code, detail) }
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// A batch is refused for the sake of its first refusal.
    pub(crate) fn of_batch(first: &Self, results: Vec<Box<RawValue>>) -> Self {
        Self {
            status: first.status,
            more: More::Results { results },
            ..Self::new(Code::BatchRefused, format!("Nothing was done: {}", first.detail))
        }
    }

    /// The same problem of an operation that stands at `pointer` in its batch.
    pub(crate) fn under(self, pointer: &str) -> Self {
        Self { errors: FieldError::all_under(pointer, self.errors), ..self }
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// What the answer has beside its body.
    pub(crate) fn headers(&self) -> &[(HeaderName, String)] {
        &self.headers
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn view<'a>(&'a self, instance: &'a str, request_id: &'a str) -> ProblemView<'a> {
        ProblemView {
            kind: format!("/problems/{}", self.code.name()),
            title: self.code.title(),
            status: self.status.as_u16(),
            detail: &self.detail,
            instance,
            request_id,
            errors: &self.errors,
            more: &self.more,
        }
    }

    /// Logs what is not the caller's fault, with what is behind it.
    pub(crate) fn log(&self, instance: &str, request_id: &str) {
        let status = self.status;
        if status.is_server_error() {
            let cause = self.cause.as_deref().unwrap_or_default();
            // Whoever refuses what is too much, or is about to end, does what it should.
            let level =
                if self.code == Code::Overloaded { log::Level::Warn } else { log::Level::Error };
            log::log!(level, request_id = request_id, status = status.as_u16(); "{self} at {instance} {cause}");
        }
    }

    /// The answer to one request.
    pub(crate) fn render(&self, instance: &str, request_id: &str) -> HttpResponse {
        let status = self.status;
        let view = self.view(instance, request_id);
        self.log(instance, request_id);
        let mut response = HttpResponse::build(status);
        response.insert_header((header::CONTENT_TYPE, "application/problem+json"));
        for (name, value) in &self.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.insert_header((name.clone(), value));
            }
        }
        // Of strings and numbers only, so it always serializes.
        response.body(serde_json::to_vec(&view).unwrap_or_default())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    /// Without a body: the middleware, which knows the request, renders it.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

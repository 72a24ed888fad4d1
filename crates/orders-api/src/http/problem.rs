//! Problems: every error that a client sees (RFC 9457).

mod code;
mod kinds;
mod store_error;

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

pub(crate) use code::Code;

/// An error in one field of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldError {
    /// A JSON Pointer (RFC 6901) to the field.
    #[schema(pattern = "^$|^/")]
    pub(crate) pointer: String,
    pub(crate) detail: String,
}

impl FieldError {
    /// Prefixes the pointers of errors with the `pointer` of the value that contains the fields.
    pub(crate) fn all_under(pointer: &str, errors: Vec<Self>) -> Vec<Self> {
        let under = |error: Self| Self { pointer: format!("{pointer}{}", error.pointer), ..error };
        errors.into_iter().map(under).collect()
    }
}

/// An error as a client sees it.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    code: Code,
    status: StatusCode,
    detail: Box<str>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, String)>,
    members: Members,
    /// The cause, which is logged and never sent.
    cause: Option<Box<str>>,
}

/// The members that only problems of this type have, with their values.
#[derive(Debug, Clone, Default)]
struct Members(Vec<(&'static str, Box<RawValue>)>);

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// The members of a problem, in the order of the response.
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
    members: &'a Members,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            status: code.status(),
            detail: detail.into().into_boxed_str(),
            errors: Vec::new(),
            headers: Vec::new(),
            members: Members::default(),
            cause: None,
        }
    }

    /// An error that should never happen.
    pub(crate) fn unexpected(cause: impl Into<Box<str>>) -> Self {
        let detail = "An unexpected error occurred; the log has the cause under the request id.";
        Self::new(Code::Internal, detail).with_cause(cause)
    }

    /// A problem with fields, which lists all of them.
    pub(crate) fn of_fields(code: Code, errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [FieldError { pointer, detail }] if pointer.is_empty() => format!("The body {detail}."),
            [FieldError { pointer, detail }] => format!("{pointer} {detail}."),
            several => format!("{} fields are invalid.", several.len()),
        };
        Self { errors, ..Self::new(code, detail) }
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Replaces the status of the code.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Adds a member that only problems of this type have.
    pub(crate) fn with_member(mut self, name: &'static str, value: &impl Serialize) -> Self {
        // It has only strings and numbers, so it always serializes.
        self.members.0.extend(to_raw_value(value).ok().map(|value| (name, value)));
        self
    }

    /// Adds the cause, which is logged and never sent.
    fn with_cause(self, cause: impl Into<Box<str>>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// Adds a sentence to the detail.
    pub(crate) fn explain(self, sentence: &str) -> Self {
        Self { detail: format!("{} {sentence}", self.detail).into_boxed_str(), ..self }
    }

    /// Prefixes the pointers with the `pointer` of an operation in its batch.
    pub(crate) fn under(self, pointer: &str) -> Self {
        Self { errors: FieldError::all_under(pointer, self.errors), ..self }
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Returns the headers of the response.
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
            members: &self.members,
        }
    }

    /// Logs a server error with its cause.
    pub(crate) fn log(&self, instance: &str, request_id: &str) {
        let status = self.status;
        if status.is_server_error() {
            let cause = self.cause.as_deref().unwrap_or_default();
            // To reject excess load, or requests during a shutdown, is no malfunction.
            let level =
                if self.code == Code::Overloaded { log::Level::Warn } else { log::Level::Error };
            log::log!(level, request_id = request_id, status = status.as_u16(); "{self} at {instance} {cause}");
        }
    }

    /// Renders the response to a request and logs a server error.
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
        // It has only strings and numbers, so it always serializes.
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

    /// Returns no body. The middleware, which knows the request, renders it.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

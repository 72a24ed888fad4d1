//! Problems: every error that a caller sees (RFC 9457), and the one place that turns errors into them.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use orders_core::{OrderConflict, Refusal, Scope, ServiceRefusal};
use orders_db::StoreError;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::wire::PolicyView;

/// What kind of problem. Its name is the last part of the problem's `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    MalformedJson,
    InvalidParameter,
    InvalidHeader,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    UnsupportedMediaType,
    RequestTimeout,
    BodyTooLarge,
    OrderConflict,
    OrderExists,
    ServiceExists,
    ServiceInUse,
    EditLocked,
    NotAttempted,
    BatchRefused,
    VersionMismatch,
    VersionRequired,
    InvalidOrder,
    InvalidService,
    UnknownService,
    InvalidBatch,
    Overloaded,
    DatabaseUnavailable,
    OutcomeUnknown,
    Internal,
}

impl Code {
    fn status(self) -> StatusCode {
        match self {
            Self::MalformedJson | Self::InvalidParameter | Self::InvalidHeader => {
                StatusCode::BAD_REQUEST
            }
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::OrderConflict
            | Self::OrderExists
            | Self::ServiceExists
            | Self::ServiceInUse
            | Self::EditLocked
            // Or whatever the first refusal of the batch has.
            | Self::BatchRefused => StatusCode::CONFLICT,
            Self::NotAttempted => StatusCode::FAILED_DEPENDENCY,
            Self::VersionMismatch => StatusCode::PRECONDITION_FAILED,
            Self::VersionRequired => StatusCode::PRECONDITION_REQUIRED,
            Self::InvalidOrder
            | Self::InvalidService
            | Self::UnknownService
            | Self::InvalidBatch => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::Overloaded | Self::DatabaseUnavailable | Self::OutcomeUnknown => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The code and its title.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::MalformedJson => ("malformed-json", "The body is not acceptable JSON"),
            Self::InvalidParameter => ("invalid-parameter", "A query parameter is not valid"),
            Self::InvalidHeader => ("invalid-header", "A header is not valid"),
            Self::NotFound => ("not-found", "Not found"),
            Self::MethodNotAllowed => ("method-not-allowed", "Method not allowed"),
            Self::NotAcceptable => ("not-acceptable", "Not acceptable"),
            Self::UnsupportedMediaType => ("unsupported-media-type", "Unsupported media type"),
            Self::RequestTimeout => ("request-timeout", "The request took too long"),
            Self::BodyTooLarge => ("body-too-large", "The body is too large"),
            Self::OrderConflict => ("order-conflict", "Too close to another order"),
            Self::OrderExists => ("order-exists", "The order exists already"),
            Self::ServiceExists => ("service-exists", "The service exists already"),
            Self::ServiceInUse => ("service-in-use", "The service is in use"),
            Self::EditLocked => ("edit-locked", "The order may not be updated yet"),
            Self::NotAttempted => ("not-attempted", "Not attempted"),
            Self::BatchRefused => ("batch-refused", "The batch was refused"),
            Self::VersionMismatch => ("version-mismatch", "The order has another version"),
            Self::VersionRequired => ("version-required", "If-Match is required"),
            Self::InvalidOrder => ("invalid-order", "The order is not valid"),
            Self::InvalidService => ("invalid-service", "The service is not valid"),
            Self::InvalidBatch => ("invalid-batch", "The batch is not valid"),
            Self::UnknownService => ("unknown-service", "A service does not exist"),
            Self::Overloaded => ("overloaded", "Too much is waiting"),
            Self::DatabaseUnavailable => ("database-unavailable", "The database does not answer"),
            Self::OutcomeUnknown => ("outcome-unknown", "The outcome is not known"),
            Self::Internal => ("internal-error", "Something went wrong here"),
        }
    }
}

/// What is wrong with one field of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FieldError {
    /// A JSON Pointer (RFC 6901) to the field.
    pub(crate) pointer: String,
    pub(crate) detail: String,
}

impl FieldError {
    /// The same faults of a value that stands at `pointer` in its body.
    pub(crate) fn all_under(pointer: &str, errors: Vec<Self>) -> Vec<Self> {
        let under = |error: Self| Self { pointer: format!("{pointer}{}", error.pointer), ..error };
        errors.into_iter().map(under).collect()
    }

    /// The id in a body is not the one in the path.
    pub(crate) fn other_id(id: &impl fmt::Display) -> Self {
        let detail = format!("must be {id}, as in the path, or be left out");
        Self { pointer: "/id".to_owned(), detail }
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
    Results { results: Vec<Box<RawValue>> },
}

#[derive(Debug, Clone, Serialize)]
struct ConflictView {
    policy: PolicyView,
    conflicts: Vec<NeighbourView>,
    conflict_count: usize,
    suggestions: SuggestionsView,
}

#[derive(Debug, Clone, Serialize)]
struct NeighbourView {
    order_id: String,
    datetime: String,
    gap_ms: i64,
    services: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
struct SuggestionsView {
    previous: Option<String>,
    next: Option<String>,
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

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn view<'a>(&'a self, instance: &'a str, request_id: &'a str) -> ProblemView<'a> {
        let (code, title) = self.code.words();
        ProblemView {
            kind: format!("/problems/{code}"),
            title,
            status: self.status.as_u16(),
            detail: &self.detail,
            instance,
            request_id,
            errors: &self.errors,
            more: &self.more,
        }
    }

    /// The answer to one request.
    pub(crate) fn render(&self, instance: &str, request_id: &str) -> HttpResponse {
        let status = self.status;
        let view = self.view(instance, request_id);
        if status.is_server_error() {
            let cause = self.cause.as_deref().unwrap_or_default();
            log::error!(request_id = request_id, status = status.as_u16(); "{self} at {instance} {cause}");
        }
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
        write!(f, "{}: {}", self.code.words().0, self.detail)
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

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let retry_after = |problem: Self| problem.with_header(header::RETRY_AFTER, "1");
        match error {
            StoreError::Overloaded => retry_after(Self::new(
                Code::Overloaded,
                "Too much is waiting for the database. Nothing was written, nor will be.",
            )),
            StoreError::OutcomeUnknown => retry_after(Self::new(
                Code::OutcomeUnknown,
                "The database went away while it was committing. Read to see whether it did.",
            )),
            StoreError::Unavailable(reason) => {
                let problem = Self::new(
                    Code::DatabaseUnavailable,
                    "The database does not answer. Nothing was written, nor will be.",
                );
                retry_after(Self { cause: Some(reason.into()), ..problem })
            }
            StoreError::TooNew(_)
            | StoreError::FaultyLibrary(_)
            | StoreError::Url(_)
            | StoreError::Migration(_)
            | StoreError::Corrupt(_) => Self::unexpected(error.to_string()),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound(id) => Self::new(Code::NotFound, format!("There is no order {id}.")),
            Refusal::VersionMismatch { current } => Self {
                more: More::Version { current_version: current },
                ..Self::new(
                    Code::VersionMismatch,
                    format!("The order is in version {current} now, which If-Match does not name."),
                )
            },
            Refusal::UnknownServices(unknown) => {
                let error = |(position, id)| FieldError {
                    pointer: format!("/services/{position}/id"),
                    detail: format!("names service {id}, which does not exist"),
                };
                Self::of_fields(Code::UnknownService, unknown.into_iter().map(error).collect())
            }
            Refusal::EditLocked { editable_at, wait_ms } => Self {
                more: More::EditLocked { editable_at: editable_at.to_string() },
                ..Self::new(
                    Code::EditLocked,
                    format!("The order may be updated from {editable_at} on."),
                )
                .with_header(header::RETRY_AFTER, (wait_ms + 999).div_euclid(1000).to_string())
            },
            Refusal::OrderExists(id) => {
                Self::new(Code::OrderExists, format!("Order {id} exists already."))
            }
            Refusal::Conflict(conflict) => Self {
                detail: conflict_in_words(&conflict).into(),
                more: More::Conflict(Box::new(ConflictView::of(&conflict))),
                ..Self::new(Code::OrderConflict, "")
            },
            Refusal::NotAttempted => {
                Self::new(Code::NotAttempted, "Another operation of the batch was refused.")
            }
        }
    }
}

impl From<ServiceRefusal> for Problem {
    fn from(refusal: ServiceRefusal) -> Self {
        let detail = match refusal {
            ServiceRefusal::NotFound(id) => format!("There is no service {id}."),
            ServiceRefusal::IdTaken(id) => format!("Service {id} exists already."),
            ServiceRefusal::NameTaken(id) => format!("Service {id} has this name already."),
            ServiceRefusal::InUse(id) => format!("An order uses service {id}."),
            ServiceRefusal::NoIdLeft => {
                let pointer = "/id".to_owned();
                let detail =
                    "must be given: no number above the highest ever used is left".to_owned();
                return Self::of_fields(Code::InvalidService, vec![FieldError { pointer, detail }]);
            }
        };
        let code = match refusal {
            ServiceRefusal::NotFound(_) => Code::NotFound,
            ServiceRefusal::IdTaken(_) | ServiceRefusal::NameTaken(_) => Code::ServiceExists,
            ServiceRefusal::InUse(_) => Code::ServiceInUse,
            ServiceRefusal::NoIdLeft => Code::InvalidService,
        };
        Self::new(code, detail)
    }
}

fn conflict_in_words(conflict: &OrderConflict) -> String {
    let window = conflict.policy.window.in_words();
    let who = match conflict.policy.scope {
        Scope::Global => "orders",
        Scope::Service => "orders that share a service",
    };
    let nearest = conflict.nearest.first().map_or_else(
        || "Another order is too close".to_owned(),
        |nearest| format!("Order {} is {}", nearest.order_id, nearest.in_words()),
    );
    format!("{nearest}; {who} must be at least {window} apart.")
}

impl ConflictView {
    fn of(conflict: &OrderConflict) -> Self {
        let neighbours = conflict.nearest.iter().map(|neighbour| NeighbourView {
            order_id: neighbour.order_id.to_string(),
            datetime: neighbour.datetime.to_string(),
            gap_ms: neighbour.gap_ms,
            services: neighbour.services.iter().map(ToString::to_string).collect(),
        });
        Self {
            policy: PolicyView::of(&conflict.policy),
            conflicts: neighbours.collect(),
            conflict_count: conflict.count,
            suggestions: SuggestionsView {
                previous: conflict.previous.map(|at| at.to_string()),
                next: conflict.next.map(|at| at.to_string()),
            },
        }
    }
}

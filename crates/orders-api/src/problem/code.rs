//! The kinds of problems there are, with their statuses and titles.

use actix_web::http::StatusCode;

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
    pub(super) fn status(self) -> StatusCode {
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
    pub(super) fn words(self) -> (&'static str, &'static str) {
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

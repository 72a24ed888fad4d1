//! The kinds of problems there are, with their statuses and titles.

use actix_web::http::StatusCode;

/// What kind of problem. Its name is the last part of the problem's `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    MalformedJson,
    InvalidParameter,
    InvalidHeader,
    Unauthenticated,
    Forbidden,
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
    AlreadyDone,
    NotAttempted,
    BatchRefused,
    EventsGone,
    VersionMismatch,
    VersionRequired,
    InvalidOrder,
    InvalidService,
    UnknownService,
    InvalidBatch,
    InvalidKey,
    InvalidWebhook,
    WebhookUrlRefused,
    TooManyWebhooks,
    IdempotencyKeyReused,
    RateLimited,
    Overloaded,
    DatabaseUnavailable,
    OutcomeUnknown,
    Internal,
}

impl Code {
    /// All of them.
    pub(crate) const ALL: [Self; 36] = [
        Self::MalformedJson,
        Self::InvalidParameter,
        Self::InvalidHeader,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::RequestTimeout,
        Self::OrderConflict,
        Self::OrderExists,
        Self::ServiceExists,
        Self::ServiceInUse,
        Self::EditLocked,
        Self::AlreadyDone,
        Self::EventsGone,
        Self::VersionMismatch,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidOrder,
        Self::InvalidService,
        Self::UnknownService,
        Self::InvalidBatch,
        Self::InvalidKey,
        Self::InvalidWebhook,
        Self::WebhookUrlRefused,
        Self::TooManyWebhooks,
        Self::IdempotencyKeyReused,
        Self::BatchRefused,
        Self::NotAttempted,
        Self::VersionRequired,
        Self::RateLimited,
        Self::Internal,
        Self::Overloaded,
        Self::DatabaseUnavailable,
        Self::OutcomeUnknown,
    ];

    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::MalformedJson | Self::InvalidParameter | Self::InvalidHeader => {
                StatusCode::BAD_REQUEST
            }
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
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
            | Self::AlreadyDone
            | Self::TooManyWebhooks
            // Or whatever the first refusal of the batch has.
            | Self::BatchRefused => StatusCode::CONFLICT,
            Self::NotAttempted => StatusCode::FAILED_DEPENDENCY,
            Self::EventsGone => StatusCode::GONE,
            Self::VersionMismatch => StatusCode::PRECONDITION_FAILED,
            Self::VersionRequired => StatusCode::PRECONDITION_REQUIRED,
            Self::InvalidOrder
            | Self::InvalidService
            | Self::UnknownService
            | Self::InvalidBatch
            | Self::InvalidKey
            | Self::InvalidWebhook
            | Self::WebhookUrlRefused
            | Self::IdempotencyKeyReused => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded | Self::DatabaseUnavailable | Self::OutcomeUnknown => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The last part of its `type`.
    pub(crate) fn name(self) -> &'static str {
        self.words().0
    }

    pub(crate) fn title(self) -> &'static str {
        self.words().1
    }

    /// The code and its title.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::MalformedJson => ("malformed-json", "The body is not acceptable JSON"),
            Self::InvalidParameter => ("invalid-parameter", "A query parameter is not valid"),
            Self::InvalidHeader => ("invalid-header", "A header is not valid"),
            Self::Unauthenticated => ("unauthenticated", "A key is needed"),
            Self::Forbidden => ("forbidden", "Not allowed"),
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
            Self::AlreadyDone => ("already-done", "It was done already"),
            Self::NotAttempted => ("not-attempted", "Not attempted"),
            Self::BatchRefused => ("batch-refused", "The batch was refused"),
            Self::EventsGone => ("events-gone", "These events are gone"),
            Self::VersionMismatch => ("version-mismatch", "The order has another version"),
            Self::VersionRequired => ("version-required", "If-Match is required"),
            Self::InvalidOrder => ("invalid-order", "The order is not valid"),
            Self::InvalidService => ("invalid-service", "The service is not valid"),
            Self::InvalidBatch => ("invalid-batch", "The batch is not valid"),
            Self::InvalidKey => ("invalid-key", "What is said of the key is not valid"),
            Self::InvalidWebhook => ("invalid-webhook", "The webhook is not valid"),
            Self::WebhookUrlRefused => ("webhook-url-refused", "The URL leads where it may not"),
            Self::TooManyWebhooks => ("too-many-webhooks", "There are too many webhooks"),
            Self::RateLimited => ("rate-limited", "Too many requests"),
            Self::IdempotencyKeyReused => {
                ("idempotency-key-reused", "The idempotency key stands for another request")
            }
            Self::UnknownService => ("unknown-service", "A service does not exist"),
            Self::Overloaded => ("overloaded", "Too much is waiting"),
            Self::DatabaseUnavailable => ("database-unavailable", "The database does not answer"),
            Self::OutcomeUnknown => ("outcome-unknown", "The outcome is not known"),
            Self::Internal => ("internal-error", "Something went wrong here"),
        }
    }

    /// What it means, and what a caller can do about it.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::MalformedJson => {
                "The body is not JSON, not UTF-8, starts with a byte order mark, is nested too deep, \
                 or names a member twice. Nothing of it was looked at."
            }
            Self::InvalidParameter => {
                "A parameter of the query is unknown, malformed, or given too often; the detail names it."
            }
            Self::InvalidHeader => "A header of the request is malformed; the detail names it.",
            Self::Unauthenticated => {
                "This takes a key, as `X-API-Key: <key>` or `Authorization: Bearer <key>`; none was sent, \
                 or one that is not known, has expired, or was revoked."
            }
            Self::Forbidden => {
                "The key's role does not allow this. Or, while the service is used without keys: the \
                 request came through a proxy, named another host, or takes a key. Or it would change \
                 something and comes from the page of another site."
            }
            Self::NotFound => {
                "There is nothing at this path, or no order, service, key or webhook with this id."
            }
            Self::MethodNotAllowed => {
                "The path exists; the header Allow says which methods it has."
            }
            Self::NotAcceptable => "The header Accept leaves out all that this can be answered as.",
            Self::UnsupportedMediaType => {
                "The body is of a type that is not read here; send application/json in UTF-8."
            }
            Self::RequestTimeout => "The body did not arrive in time. Nothing of it was looked at.",
            Self::BodyTooLarge => {
                "The body is larger than is read here. Nothing of it was looked at."
            }
            Self::OrderConflict => {
                "The order would be closer to others than the policy's window allows. `conflicts` names \
                 the nearest of them, and `suggestions` the nearest instants that would be accepted."
            }
            Self::OrderExists => {
                "An order with this id exists, so none can be created or restored."
            }
            Self::ServiceExists => "A service has this id, or this name in whatever case.",
            Self::ServiceInUse => "An order uses the service, so it cannot be deleted.",
            Self::EditLocked => {
                "The order is too young to be updated; `editable_at` says from when on it may be."
            }
            Self::AlreadyDone => {
                "This was done before under the same Idempotency-Key. Its answer showed a secret, which \
                 is shown only once."
            }
            Self::NotAttempted => {
                "Nothing is wrong with this operation, but with another one of its atomic batch."
            }
            Self::BatchRefused => {
                "An atomic batch was refused, and nothing of it was done. `results` tells of each of its \
                 operations; the status is that of the first that failed."
            }
            Self::EventsGone => {
                "The operator keeps events in the feed for a time only, and what was asked for is older. \
                 `first_sequence` is the oldest that is left. Read the orders anew, and go on from there."
            }
            Self::VersionMismatch => {
                "The order was changed since it was read. Read it again, and decide anew."
            }
            Self::VersionRequired => "This server wants If-Match with every change of an order.",
            Self::InvalidOrder
            | Self::InvalidService
            | Self::InvalidBatch
            | Self::InvalidKey
            | Self::InvalidWebhook => {
                "The body is JSON, but not what it must be; `errors` names every field at fault."
            }
            Self::UnknownService => {
                "The order names services that do not exist; `errors` says where."
            }
            Self::WebhookUrlRefused => {
                "Webhooks lead to public addresses over https only, unless the operator allows more."
            }
            Self::TooManyWebhooks => "There are as many webhooks as there may be. Delete some.",
            Self::IdempotencyKeyReused => {
                "An Idempotency-Key stands for one request: its method, path, query and body. Another \
                 request was answered under this one within the last day."
            }
            Self::RateLimited => {
                "More was asked under this key, or from this address, than is allowed; \
                 `RateLimit-Policy` says how much is. Ask again after Retry-After."
            }
            Self::Overloaded => {
                "More is waiting than can be done in time, or the server is about to end. Nothing was \
                 written, nor will be; try again after Retry-After."
            }
            Self::DatabaseUnavailable => {
                "The database does not answer. Nothing was written, nor will be; try again after \
                 Retry-After."
            }
            Self::OutcomeUnknown => {
                "The connection to the database was lost while it was committing, and whether it did \
                 could not be found out. Ask again with the same Idempotency-Key, or read to see."
            }
            Self::Internal => "A fault of the service; its log tells more under the request's id.",
        }
    }
}

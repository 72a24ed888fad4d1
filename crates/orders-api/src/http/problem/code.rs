//! The problem codes, with their statuses, titles and meanings.

use actix_web::http::StatusCode;

/// A problem code. Its name is the last segment of the problem's `type`.
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
    /// All codes.
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
            // A batch that is rejected has the status of its first rejected operation instead.
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

    /// Returns the last segment of the `type`.
    pub(crate) fn name(self) -> &'static str {
        self.words().0
    }

    pub(crate) fn title(self) -> &'static str {
        self.words().1
    }

    /// Returns the name and the title.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::MalformedJson => ("malformed-json", "Malformed JSON"),
            Self::InvalidParameter => ("invalid-parameter", "Invalid query parameter"),
            Self::InvalidHeader => ("invalid-header", "Invalid header"),
            Self::Unauthenticated => ("unauthenticated", "Authentication required"),
            Self::Forbidden => ("forbidden", "Forbidden"),
            Self::NotFound => ("not-found", "Not found"),
            Self::MethodNotAllowed => ("method-not-allowed", "Method not allowed"),
            Self::NotAcceptable => ("not-acceptable", "Not acceptable"),
            Self::UnsupportedMediaType => ("unsupported-media-type", "Unsupported media type"),
            Self::RequestTimeout => ("request-timeout", "Request timeout"),
            Self::BodyTooLarge => ("body-too-large", "Body too large"),
            Self::OrderConflict => ("order-conflict", "Too close to another order"),
            Self::OrderExists => ("order-exists", "Order already exists"),
            Self::ServiceExists => ("service-exists", "Service already exists"),
            Self::ServiceInUse => ("service-in-use", "Service in use"),
            Self::EditLocked => ("edit-locked", "Order locked against updates"),
            Self::AlreadyDone => ("already-done", "Already done"),
            Self::NotAttempted => ("not-attempted", "Not attempted"),
            Self::BatchRefused => ("batch-refused", "Batch rejected"),
            Self::EventsGone => ("events-gone", "Events no longer available"),
            Self::VersionMismatch => ("version-mismatch", "Version mismatch"),
            Self::VersionRequired => ("version-required", "If-Match required"),
            Self::InvalidOrder => ("invalid-order", "Invalid order"),
            Self::InvalidService => ("invalid-service", "Invalid service"),
            Self::InvalidBatch => ("invalid-batch", "Invalid batch"),
            Self::InvalidKey => ("invalid-key", "Invalid key"),
            Self::InvalidWebhook => ("invalid-webhook", "Invalid webhook"),
            Self::WebhookUrlRefused => ("webhook-url-refused", "Webhook URL not allowed"),
            Self::TooManyWebhooks => ("too-many-webhooks", "Too many webhooks"),
            Self::RateLimited => ("rate-limited", "Too many requests"),
            Self::IdempotencyKeyReused => ("idempotency-key-reused", "Idempotency key reused"),
            Self::UnknownService => ("unknown-service", "Unknown service"),
            Self::Overloaded => ("overloaded", "Overloaded"),
            Self::DatabaseUnavailable => ("database-unavailable", "Database unavailable"),
            Self::OutcomeUnknown => ("outcome-unknown", "Outcome unknown"),
            Self::Internal => ("internal-error", "Internal error"),
        }
    }

    /// Explains the code and what a client can do about it.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::MalformedJson => {
                "The body is not JSON or not UTF-8, starts with a byte order mark, is nested too \
                 deeply, or has a duplicate member. The request had no effect."
            }
            Self::InvalidParameter => {
                "A query parameter is unknown, malformed, missing or repeated; `detail` names it."
            }
            Self::InvalidHeader => "A request header is malformed; `detail` names it.",
            Self::Unauthenticated => {
                "The operation requires an API key, sent as `X-API-Key: <key>` or `Authorization: \
                 Bearer <key>`. The key is missing, unknown, expired or revoked."
            }
            Self::Forbidden => {
                "The role of the key does not permit the operation. While the service runs without \
                 keys: the request came through a proxy, named another host, or requires a key. \
                 Also sent for changes that a page of another site requests."
            }
            Self::NotFound => {
                "The path does not exist, or no order, service, key or webhook has this id."
            }
            Self::MethodNotAllowed => {
                "The path does not support this method. The header `Allow` lists those that it does."
            }
            Self::NotAcceptable => "The header `Accept` excludes every media type of the response.",
            Self::UnsupportedMediaType => {
                "The media type or the encoding of the body is not supported; send \
                 `application/json` in UTF-8, without `Content-Encoding`."
            }
            Self::RequestTimeout => "The body did not arrive in time. The request had no effect.",
            Self::BodyTooLarge => {
                "The body exceeds the limit that `detail` names. The request had no effect."
            }
            Self::OrderConflict => {
                "The order would be closer to other orders than the minimum gap (the policy's \
                 `window`). `conflicts` lists the nearest of them; `suggestions` has the nearest times \
                 that would be accepted."
            }
            Self::OrderExists => {
                "An order with this id exists. Choose another id, or omit it and the server \
                 generates one."
            }
            Self::ServiceExists => {
                "Another service has this id, or this name (names are compared ignoring case)."
            }
            Self::ServiceInUse => {
                "Orders use the service. Remove it from them before you delete it."
            }
            Self::EditLocked => {
                "The order was created too recently to be updated. Retry at `editable_at`."
            }
            Self::AlreadyDone => {
                "The request with this `Idempotency-Key` succeeded before. Its response contained a \
                 secret, which is shown only once; if it was lost, rotate it."
            }
            Self::NotAttempted => {
                "The operation is valid, but another operation of its atomic batch was rejected."
            }
            Self::BatchRefused => {
                "An atomic batch was rejected and had no effect. `results` has the result of each \
                 operation; the status is that of the first that failed."
            }
            Self::EventsGone => {
                "The requested events were purged from the feed. `first_sequence` is the oldest event \
                 that is available. Read all orders again, then continue from there."
            }
            Self::VersionMismatch => {
                "The order has changed since the version in `If-Match`. Read it again, then retry with \
                 its current version."
            }
            Self::VersionRequired => {
                "This server requires `If-Match` (in batches: `if_match`) for every change to an order."
            }
            Self::InvalidOrder
            | Self::InvalidService
            | Self::InvalidBatch
            | Self::InvalidKey
            | Self::InvalidWebhook => {
                "The body is JSON, but its values are invalid; `errors` lists every invalid field."
            }
            Self::UnknownService => {
                "The order names services that do not exist; `errors` points to each."
            }
            Self::WebhookUrlRefused => {
                "Webhook URLs must use https and lead to public addresses, unless the operator \
                 allows others."
            }
            Self::TooManyWebhooks => {
                "The maximum number of webhooks exists. Delete one before you create another."
            }
            Self::IdempotencyKeyReused => {
                "An `Idempotency-Key` identifies one request: its method, path, query and body. A \
                 different request used this key within the last day. Generate a new key for each \
                 request."
            }
            Self::RateLimited => {
                "The API key or the client address exceeded its rate limit, which `RateLimit-Policy` \
                 states. Retry after `Retry-After` seconds."
            }
            Self::Overloaded => {
                "The server has too many pending requests, or is shutting down. The request had no \
                 effect and is safe to retry after `Retry-After` seconds."
            }
            Self::DatabaseUnavailable => {
                "The database is unavailable. The request had no effect and is safe to retry after \
                 `Retry-After` seconds."
            }
            Self::OutcomeUnknown => {
                "The connection to the database was lost during the commit, so the request may or may \
                 not have had an effect. Retry with the same `Idempotency-Key`, or read the current \
                 state first."
            }
            Self::Internal => {
                "An unexpected error of the server. Its log has the cause under the `request_id`."
            }
        }
    }
}

//! All problem types: their codes, titles, statuses and meanings.

use actix_web::http::StatusCode;

use super::code::{Code, Kind};

/// The meaning of the codes for invalid bodies.
const INVALID_BODY: &str =
    "The body is JSON, but its values are invalid; `errors` lists every invalid field.";

pub(super) const INTERNAL: Kind = Kind {
    code: Code::Internal,
    name: "internal-error",
    title: "Internal error",
    status: StatusCode::INTERNAL_SERVER_ERROR,
    meaning: "An unexpected error of the server. Its log has the cause under the `request_id`.",
};

/// All problem types, in the order of the API reference.
pub(super) const KINDS: [Kind; 36] = [
    Kind {
        code: Code::MalformedJson,
        name: "malformed-json",
        title: "Malformed JSON",
        status: StatusCode::BAD_REQUEST,
        meaning: "The body is not JSON or not UTF-8, starts with a byte order mark, is nested too \
                 deeply, or has a duplicate member. The request had no effect.",
    },
    Kind {
        code: Code::InvalidParameter,
        name: "invalid-parameter",
        title: "Invalid query parameter",
        status: StatusCode::BAD_REQUEST,
        meaning: "A query parameter is unknown, malformed, missing or repeated; `errors` \
                 lists every one.",
    },
    Kind {
        code: Code::InvalidHeader,
        name: "invalid-header",
        title: "Invalid header",
        status: StatusCode::BAD_REQUEST,
        meaning: "A request header is malformed; `detail` names it.",
    },
    Kind {
        code: Code::Unauthenticated,
        name: "unauthenticated",
        title: "Authentication required",
        status: StatusCode::UNAUTHORIZED,
        meaning: "The operation requires an API key, sent as `X-API-Key: <key>` or `Authorization: \
                 Bearer <key>`. The key is missing, unknown, expired or revoked.",
    },
    Kind {
        code: Code::Forbidden,
        name: "forbidden",
        title: "Forbidden",
        status: StatusCode::FORBIDDEN,
        meaning: "The role of the key does not permit the operation. While the service runs without \
                 keys: the request came through a proxy, named another host, or requires a key. \
                 Also sent for changes that a page of another site requests.",
    },
    Kind {
        code: Code::NotFound,
        name: "not-found",
        title: "Not found",
        status: StatusCode::NOT_FOUND,
        meaning: "The path does not exist, or no order, service, key or webhook has this id.",
    },
    Kind {
        code: Code::MethodNotAllowed,
        name: "method-not-allowed",
        title: "Method not allowed",
        status: StatusCode::METHOD_NOT_ALLOWED,
        meaning: "The path does not support this method. The header `Allow` lists those that it does.",
    },
    Kind {
        code: Code::NotAcceptable,
        name: "not-acceptable",
        title: "Not acceptable",
        status: StatusCode::NOT_ACCEPTABLE,
        meaning: "The header `Accept` excludes every media type of the response.",
    },
    Kind {
        code: Code::RequestTimeout,
        name: "request-timeout",
        title: "Request timeout",
        status: StatusCode::REQUEST_TIMEOUT,
        meaning: "The body did not arrive in time. The request had no effect.",
    },
    Kind {
        code: Code::OrderConflict,
        name: "order-conflict",
        title: "Too close to another order",
        status: StatusCode::CONFLICT,
        meaning: "The order would be closer to other orders than the minimum gap (the policy's \
                 `window`). `conflicts` lists the nearest of them; `suggestions` has the nearest times \
                 that would be accepted.",
    },
    Kind {
        code: Code::OrderExists,
        name: "order-exists",
        title: "Order already exists",
        status: StatusCode::CONFLICT,
        meaning: "An order with this id exists. Choose another id, or omit it and the server \
                 generates one.",
    },
    Kind {
        code: Code::ServiceExists,
        name: "service-exists",
        title: "Service already exists",
        status: StatusCode::CONFLICT,
        meaning: "Another service has this id, or this name (names are compared ignoring case).",
    },
    Kind {
        code: Code::ServiceInUse,
        name: "service-in-use",
        title: "Service in use",
        status: StatusCode::CONFLICT,
        meaning: "Orders use the service. Remove it from them before you delete it.",
    },
    Kind {
        code: Code::EditLocked,
        name: "edit-locked",
        title: "Order locked against updates",
        status: StatusCode::CONFLICT,
        meaning: "The order was created too recently to be updated. Retry at `editable_at`.",
    },
    Kind {
        code: Code::AlreadyDone,
        name: "already-done",
        title: "Already done",
        status: StatusCode::CONFLICT,
        meaning: "The request with this `Idempotency-Key` succeeded before. Its response contained a \
                 secret, which is shown only once; if it was lost, rotate it.",
    },
    Kind {
        code: Code::EventsGone,
        name: "events-gone",
        title: "Events no longer available",
        status: StatusCode::GONE,
        meaning: "The requested events were purged from the feed. `first_sequence` is the oldest event \
                 that is available. Read all orders again, then continue from there.",
    },
    Kind {
        code: Code::VersionMismatch,
        name: "version-mismatch",
        title: "Version mismatch",
        status: StatusCode::PRECONDITION_FAILED,
        meaning: "The order has changed since the version in `If-Match`. Read it again, then retry with \
                 its current version.",
    },
    Kind {
        code: Code::BodyTooLarge,
        name: "body-too-large",
        title: "Body too large",
        status: StatusCode::PAYLOAD_TOO_LARGE,
        meaning: "The body exceeds the limit that `detail` names. The request had no effect.",
    },
    Kind {
        code: Code::UnsupportedMediaType,
        name: "unsupported-media-type",
        title: "Unsupported media type",
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        meaning: "The media type or the encoding of the body is not supported; send \
                 `application/json` in UTF-8, without `Content-Encoding`.",
    },
    Kind {
        code: Code::InvalidOrder,
        name: "invalid-order",
        title: "Invalid order",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        meaning: INVALID_BODY,
    },
    Kind {
        code: Code::InvalidService,
        name: "invalid-service",
        title: "Invalid service",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        meaning: INVALID_BODY,
    },
    Kind {
        code: Code::UnknownService,
        name: "unknown-service",
        title: "Unknown service",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        meaning: "The order names services that do not exist; `errors` points to each.",
    },
    Kind {
        code: Code::InvalidBatch,
        name: "invalid-batch",
        title: "Invalid batch",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        meaning: INVALID_BODY,
    },
    Kind {
        code: Code::InvalidKey,
        name: "invalid-key",
        title: "Invalid key",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        meaning: INVALID_BODY,
    },
    Kind {
        code: Code::InvalidWebhook,
        name: "invalid-webhook",
        title: "Invalid webhook",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        meaning: INVALID_BODY,
    },
    Kind {
        code: Code::WebhookUrlRefused,
        name: "webhook-url-refused",
        title: "Webhook URL not allowed",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        meaning: "Webhook URLs must use https and lead to public addresses, unless the operator \
                 allows others.",
    },
    Kind {
        code: Code::TooManyWebhooks,
        name: "too-many-webhooks",
        title: "Too many webhooks",
        status: StatusCode::CONFLICT,
        meaning: "The maximum number of webhooks exists. Delete one before you create another.",
    },
    Kind {
        code: Code::IdempotencyKeyReused,
        name: "idempotency-key-reused",
        title: "Idempotency key reused",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        meaning: "An `Idempotency-Key` identifies one request: its method, path, query and body. A \
                 different request used this key within the last day. Generate a new key for each \
                 request.",
    },
    Kind {
        code: Code::BatchRefused,
        name: "batch-refused",
        title: "Batch rejected",
        status: StatusCode::CONFLICT,
        meaning: "An atomic batch was rejected and had no effect. `results` has the result of each \
                 operation; the status is that of the first that failed.",
    },
    Kind {
        code: Code::NotAttempted,
        name: "not-attempted",
        title: "Not attempted",
        status: StatusCode::FAILED_DEPENDENCY,
        meaning: "The operation is valid, but another operation of its atomic batch was rejected.",
    },
    Kind {
        code: Code::VersionRequired,
        name: "version-required",
        title: "If-Match required",
        status: StatusCode::PRECONDITION_REQUIRED,
        meaning: "This server requires `If-Match` (in batches: `if_match`) for every change to an order.",
    },
    Kind {
        code: Code::RateLimited,
        name: "rate-limited",
        title: "Too many requests",
        status: StatusCode::TOO_MANY_REQUESTS,
        meaning: "The API key or the client address exceeded its rate limit, which `RateLimit-Policy` \
                 states. Retry after `Retry-After` seconds.",
    },
    INTERNAL,
    Kind {
        code: Code::Overloaded,
        name: "overloaded",
        title: "Overloaded",
        status: StatusCode::SERVICE_UNAVAILABLE,
        meaning: "The server has too many pending requests, or is shutting down. The request had no \
                 effect and is safe to retry after `Retry-After` seconds.",
    },
    Kind {
        code: Code::DatabaseUnavailable,
        name: "database-unavailable",
        title: "Database unavailable",
        status: StatusCode::SERVICE_UNAVAILABLE,
        meaning: "The database is unavailable. The request had no effect and is safe to retry after \
                 `Retry-After` seconds.",
    },
    Kind {
        code: Code::OutcomeUnknown,
        name: "outcome-unknown",
        title: "Outcome unknown",
        status: StatusCode::SERVICE_UNAVAILABLE,
        meaning: "The connection to the database was lost during the commit, so the request may or may \
                 not have had an effect. Retry with the same `Idempotency-Key`, or read the current \
                 state first.",
    },
];

//! All kinds of problems: their codes, titles, statuses and meanings.

use actix_web::http::StatusCode;

use super::code::{Code, Kind};

/// Kinds that differ in their codes and titles only.
const INVALID_BODY: &str =
    "The body is JSON, but not what it must be; `errors` names every field at fault.";

pub(super) const INTERNAL: Kind = Kind {
    code: Code::Internal,
    name: "internal-error",
    title: "Something went wrong here",
    status: StatusCode::INTERNAL_SERVER_ERROR,
    meaning: "A fault of the service; its log tells more under the request's id.",
};

/// All kinds of problems, in the order of the API reference.
pub(super) const KINDS: [Kind; 36] = [
    Kind {
        code: Code::MalformedJson,
        name: "malformed-json",
        title: "The body is not acceptable JSON",
        status: StatusCode::BAD_REQUEST,
        meaning: "The body is not JSON, not UTF-8, starts with a byte order mark, is nested too deep, \
                 or names a member twice. Nothing of it was looked at.",
    },
    Kind {
        code: Code::InvalidParameter,
        name: "invalid-parameter",
        title: "A query parameter is not valid",
        status: StatusCode::BAD_REQUEST,
        meaning: "A parameter of the query is unknown, malformed, or given too often; the detail names it.",
    },
    Kind {
        code: Code::InvalidHeader,
        name: "invalid-header",
        title: "A header is not valid",
        status: StatusCode::BAD_REQUEST,
        meaning: "A header of the request is malformed; the detail names it.",
    },
    Kind {
        code: Code::Unauthenticated,
        name: "unauthenticated",
        title: "A key is needed",
        status: StatusCode::UNAUTHORIZED,
        meaning: "This takes a key, as `X-API-Key: <key>` or `Authorization: Bearer <key>`; none was sent, \
                 or one that is not known, has expired, or was revoked.",
    },
    Kind {
        code: Code::Forbidden,
        name: "forbidden",
        title: "Not allowed",
        status: StatusCode::FORBIDDEN,
        meaning: "The key's role does not allow this. Or, while the service is used without keys: the \
                 request came through a proxy, named another host, or takes a key. Or it would change \
                 something and comes from the page of another site.",
    },
    Kind {
        code: Code::NotFound,
        name: "not-found",
        title: "Not found",
        status: StatusCode::NOT_FOUND,
        meaning: "There is nothing at this path, or no order, service, key or webhook with this id.",
    },
    Kind {
        code: Code::MethodNotAllowed,
        name: "method-not-allowed",
        title: "Method not allowed",
        status: StatusCode::METHOD_NOT_ALLOWED,
        meaning: "The path exists; the header Allow says which methods it has.",
    },
    Kind {
        code: Code::NotAcceptable,
        name: "not-acceptable",
        title: "Not acceptable",
        status: StatusCode::NOT_ACCEPTABLE,
        meaning: "The header Accept leaves out all that this can be answered as.",
    },
    Kind {
        code: Code::RequestTimeout,
        name: "request-timeout",
        title: "The request took too long",
        status: StatusCode::REQUEST_TIMEOUT,
        meaning: "The body did not arrive in time. Nothing of it was looked at.",
    },
    Kind {
        code: Code::OrderConflict,
        name: "order-conflict",
        title: "Too close to another order",
        status: StatusCode::CONFLICT,
        meaning: "The order would be closer to others than the policy's window allows. `conflicts` names \
                 the nearest of them, and `suggestions` the nearest instants that would be accepted.",
    },
    Kind {
        code: Code::OrderExists,
        name: "order-exists",
        title: "The order exists already",
        status: StatusCode::CONFLICT,
        meaning: "An order with this id exists, so none can be created or restored.",
    },
    Kind {
        code: Code::ServiceExists,
        name: "service-exists",
        title: "The service exists already",
        status: StatusCode::CONFLICT,
        meaning: "A service has this id, or this name in whatever case.",
    },
    Kind {
        code: Code::ServiceInUse,
        name: "service-in-use",
        title: "The service is in use",
        status: StatusCode::CONFLICT,
        meaning: "An order uses the service, so it cannot be deleted.",
    },
    Kind {
        code: Code::EditLocked,
        name: "edit-locked",
        title: "The order may not be updated yet",
        status: StatusCode::CONFLICT,
        meaning: "The order is too young to be updated; `editable_at` says from when on it may be.",
    },
    Kind {
        code: Code::AlreadyDone,
        name: "already-done",
        title: "It was done already",
        status: StatusCode::CONFLICT,
        meaning: "This was done before under the same Idempotency-Key. Its answer showed a secret, which \
                 is shown only once.",
    },
    Kind {
        code: Code::EventsGone,
        name: "events-gone",
        title: "These events are gone",
        status: StatusCode::GONE,
        meaning: "The operator keeps events in the feed for a time only, and what was asked for is older. \
                 `first_sequence` is the oldest that is left. Read the orders anew, and go on from there.",
    },
    Kind {
        code: Code::VersionMismatch,
        name: "version-mismatch",
        title: "The order has another version",
        status: StatusCode::PRECONDITION_FAILED,
        meaning: "The order was changed since it was read. Read it again, and decide anew.",
    },
    Kind {
        code: Code::BodyTooLarge,
        name: "body-too-large",
        title: "The body is too large",
        status: StatusCode::PAYLOAD_TOO_LARGE,
        meaning: "The body is larger than is read here. Nothing of it was looked at.",
    },
    Kind {
        code: Code::UnsupportedMediaType,
        name: "unsupported-media-type",
        title: "Unsupported media type",
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        meaning: "The body is of a type that is not read here; send application/json in UTF-8.",
    },
    Kind {
        code: Code::InvalidOrder,
        name: "invalid-order",
        title: "The order is not valid",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        meaning: INVALID_BODY,
    },
    Kind {
        code: Code::InvalidService,
        name: "invalid-service",
        title: "The service is not valid",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        meaning: INVALID_BODY,
    },
    Kind {
        code: Code::UnknownService,
        name: "unknown-service",
        title: "A service does not exist",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        meaning: "The order names services that do not exist; `errors` says where.",
    },
    Kind {
        code: Code::InvalidBatch,
        name: "invalid-batch",
        title: "The batch is not valid",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        meaning: INVALID_BODY,
    },
    Kind {
        code: Code::InvalidKey,
        name: "invalid-key",
        title: "What is said of the key is not valid",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        meaning: INVALID_BODY,
    },
    Kind {
        code: Code::InvalidWebhook,
        name: "invalid-webhook",
        title: "The webhook is not valid",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        meaning: INVALID_BODY,
    },
    Kind {
        code: Code::WebhookUrlRefused,
        name: "webhook-url-refused",
        title: "The URL leads where it may not",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        meaning: "Webhooks lead to public addresses over https only, unless the operator allows more.",
    },
    Kind {
        code: Code::TooManyWebhooks,
        name: "too-many-webhooks",
        title: "There are too many webhooks",
        status: StatusCode::CONFLICT,
        meaning: "There are as many webhooks as there may be. Delete some.",
    },
    Kind {
        code: Code::IdempotencyKeyReused,
        name: "idempotency-key-reused",
        title: "The idempotency key stands for another request",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        meaning: "An Idempotency-Key stands for one request: its method, path, query and body. Another \
                 request was answered under this one within the last day.",
    },
    Kind {
        code: Code::BatchRefused,
        name: "batch-refused",
        title: "The batch was refused",
        status: StatusCode::CONFLICT,
        meaning: "An atomic batch was refused, and nothing of it was done. `results` tells of each of its \
                 operations; the status is that of the first that failed.",
    },
    Kind {
        code: Code::NotAttempted,
        name: "not-attempted",
        title: "Not attempted",
        status: StatusCode::FAILED_DEPENDENCY,
        meaning: "Nothing is wrong with this operation, but with another one of its atomic batch.",
    },
    Kind {
        code: Code::VersionRequired,
        name: "version-required",
        title: "If-Match is required",
        status: StatusCode::PRECONDITION_REQUIRED,
        meaning: "This server wants If-Match with every change of an order.",
    },
    Kind {
        code: Code::RateLimited,
        name: "rate-limited",
        title: "Too many requests",
        status: StatusCode::TOO_MANY_REQUESTS,
        meaning: "More was asked under this key, or from this address, than is allowed; \
                 `RateLimit-Policy` says how much is. Ask again after Retry-After.",
    },
    INTERNAL,
    Kind {
        code: Code::Overloaded,
        name: "overloaded",
        title: "Too much is waiting",
        status: StatusCode::SERVICE_UNAVAILABLE,
        meaning: "More is waiting than can be done in time, or the server is about to end. Nothing was \
                 written, nor will be; try again after Retry-After.",
    },
    Kind {
        code: Code::DatabaseUnavailable,
        name: "database-unavailable",
        title: "The database does not answer",
        status: StatusCode::SERVICE_UNAVAILABLE,
        meaning: "The database does not answer. Nothing was written, nor will be; try again after \
                 Retry-After.",
    },
    Kind {
        code: Code::OutcomeUnknown,
        name: "outcome-unknown",
        title: "The outcome is not known",
        status: StatusCode::SERVICE_UNAVAILABLE,
        meaning: "The connection to the database was lost while it was committing, and whether it did \
                 could not be found out. Ask again with the same Idempotency-Key, or read to see.",
    },
];

//! An example of each problem, for its documentation page and for the OpenAPI document.

use orders_core::{Policy, Refusal};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::openapi::example::{Example, ExampleBuilder};

use crate::http::problem::{Code, FieldError, Problem};
use crate::http::query;
use crate::orders::policy::PolicyView;
use crate::orders::problems::{ConflictView, NeighbourView, SuggestionsView, batch_refused};
use crate::orders::response::ResultView;

const REQUEST_ID: &str = "01a1fd4a-5f47-7087-ac84-a87230adaa41";

/// An example: the path of the request and the detail.
struct Sample {
    code: Code,
    instance: &'static str,
    /// The invalid field, if the code is about fields.
    pointer: Option<&'static str>,
    detail: &'static str,
}

const fn at(code: Code, instance: &'static str, detail: &'static str) -> Sample {
    Sample { code, instance, pointer: None, detail }
}

const fn at_field(
    code: Code,
    instance: &'static str,
    pointer: &'static str,
    detail: &'static str,
) -> Sample {
    Sample { code, instance, pointer: Some(pointer), detail }
}

const INTERNAL: Sample = at(
    Code::Internal,
    "/orders",
    "An unexpected error occurred; the log has the cause under the request id.",
);

const SAMPLES: [Sample; 36] = [
    at(Code::MalformedJson, "/orders", "The body starts with a byte order mark."),
    at(Code::InvalidParameter, "/orders", "must be a whole number from 1 to 1000"),
    at(
        Code::InvalidHeader,
        "/orders/223",
        "If-Match must be * or a list of entity tags such as \"3\".",
    ),
    at(
        Code::Unauthenticated,
        "/orders",
        "Authentication required. Send an API key as X-API-Key or Authorization: Bearer.",
    ),
    at(
        Code::Forbidden,
        "/orders",
        "The operation requires the role writer; this key has the role reader.",
    ),
    at(Code::NotFound, "/orders/223", "Order 223 does not exist."),
    at(Code::MethodNotAllowed, "/policy", "DELETE is not supported; use GET, HEAD, OPTIONS."),
    at(Code::NotAcceptable, "/orders", "The response is available as application/json only."),
    at(Code::RequestTimeout, "/orders", "The body did not arrive within 10 seconds."),
    at(
        Code::OrderConflict,
        "/orders",
        "Order 223 is 30 minutes earlier; orders must be at least 3 hours apart.",
    ),
    at(Code::OrderExists, "/orders", "Order 223 already exists."),
    at(Code::ServiceExists, "/services", "Service 123 already exists."),
    at(Code::ServiceInUse, "/services/123", "Orders use service 123; remove it from them first."),
    at(
        Code::EditLocked,
        "/orders/223",
        "The order cannot be updated before 2022-11-01T14:11:11.111Z.",
    ),
    at(Code::AlreadyDone, "/keys", "The request with this Idempotency-Key succeeded before."),
    at(
        Code::EventsGone,
        "/events",
        "This feed cannot be followed from there: it has the events 1001 to 5000. Read all orders \
                 again, then continue after 5000.",
    ),
    at(Code::VersionMismatch, "/orders/223", "Version mismatch: the current version is 3."),
    at(Code::BodyTooLarge, "/orders", "The body must be at most 64 KiB."),
    at(Code::UnsupportedMediaType, "/orders", "The body must be application/json in UTF-8."),
    at_field(Code::InvalidOrder, "/orders", "/totalfee", "must have at most two decimals"),
    at_field(Code::InvalidService, "/services", "/name", "must not have control characters"),
    at_field(
        Code::UnknownService,
        "/orders",
        "/services/0/id",
        "names service 124, which does not exist",
    ),
    at_field(Code::InvalidBatch, "/orders/batch", "/mode", "must be \"atomic\" or \"each\""),
    at_field(Code::InvalidKey, "/keys", "/role", "must be reader, writer or admin"),
    at_field(Code::InvalidWebhook, "/webhooks", "/url", "must be an https URL"),
    at_field(
        Code::WebhookUrlRefused,
        "/webhooks",
        "/url",
        "leads to an address that is not public",
    ),
    at(
        Code::TooManyWebhooks,
        "/webhooks",
        "The limit of 1000 webhooks is reached; delete one first.",
    ),
    at(
        Code::IdempotencyKeyReused,
        "/orders",
        "A different request used this Idempotency-Key. Generate a new key for each request.",
    ),
    // Its detail comes from its first failed operation.
    at(Code::BatchRefused, "/orders/batch", ""),
    at(Code::NotAttempted, "/orders/batch", "Another operation of the batch was rejected."),
    at(
        Code::VersionRequired,
        "/orders/223",
        "Send the expected version as If-Match: \"<version>\", or * for any.",
    ),
    at(Code::RateLimited, "/orders", "Rate limit exceeded; retry in 2 seconds."),
    INTERNAL,
    at(
        Code::Overloaded,
        "/orders",
        "Too many requests are waiting for the database. The request had no effect; retry it.",
    ),
    at(
        Code::DatabaseUnavailable,
        "/orders",
        "The database is unavailable. The request had no effect; retry it.",
    ),
    at(
        Code::OutcomeUnknown,
        "/orders",
        "The connection to the database was lost during the commit. Retry with the same \
                 Idempotency-Key, or read the current state first.",
    ),
];

fn sample(code: Code) -> &'static Sample {
    // Each code has a sample, as a test checks.
    SAMPLES.iter().find(|sample| sample.code == code).unwrap_or(&INTERNAL)
}

/// Whether problems with this code have `errors`.
pub(super) fn names_fields(code: Code) -> bool {
    sample(code).pointer.is_some()
}

/// Returns an example of this problem, as a client sees it.
pub(crate) fn problem(code: Code) -> Box<RawValue> {
    let Sample { instance, pointer, detail, .. } = *sample(code);
    let new = |detail| Problem::new(code, detail);
    let problem = if let Some(pointer) = pointer {
        let error = FieldError { pointer: pointer.to_owned(), detail: detail.to_owned() };
        Problem::of_fields(code, vec![error])
    } else if code == Code::InvalidParameter {
        query::invalid("limit", detail)
    } else if code == Code::BatchRefused {
        of_batch()
    } else if code == Code::OrderConflict {
        conflict().problem(detail.to_owned())
    } else if code == Code::EditLocked {
        new(detail).with_member("editable_at", &"2022-11-01T14:11:11.111Z")
    } else if code == Code::EventsGone {
        new(detail)
            .with_member("first_sequence", &"1001")
            .with_member("last_sequence", &"5000")
            .with_member("feed", &"9f86d081884c7d659a2feaa0c55ad015")
    } else if code == Code::VersionMismatch {
        new(detail).with_member("current_version", &3)
    } else {
        new(detail)
    };
    // It has only strings and numbers, so it always serializes.
    to_raw_value(&problem.view(instance, REQUEST_ID)).unwrap_or_default()
}

/// Returns the example for the OpenAPI document.
pub(crate) fn example(code: Code) -> Example {
    let example = ExampleBuilder::new().summary(code.title());
    // It was serialized as JSON, so it parses.
    example.value(serde_json::from_str(problem(code).get()).ok()).build()
}

fn conflict() -> ConflictView {
    ConflictView {
        policy: PolicyView::new(&Policy::default()),
        conflicts: vec![NeighbourView {
            order_id: "223".to_owned(),
            datetime: "2022-11-01T11:11:11.111Z".to_owned(),
            gap_ms: -1_800_000,
            services: vec!["123".to_owned()],
        }],
        conflict_count: 1,
        suggestions: SuggestionsView {
            previous: Some("2022-11-01T08:11:11.111Z".to_owned()),
            next: Some("2022-11-01T14:11:11.111Z".to_owned()),
        },
    }
}

/// An example of a batch of two operations, the first of which is rejected.
fn of_batch() -> Problem {
    let first = Problem::new(Code::OrderExists, "Order 223 already exists.");
    let second = Problem::from(Refusal::NotAttempted);
    let result = |problem: &Problem| {
        let view = problem.view("/orders/batch", REQUEST_ID);
        let status = problem.status().as_u16();
        to_raw_value(&ResultView { status, order: None, problem: Some(view) }).ok()
    };
    let results: Vec<_> = [result(&first), result(&second)].into_iter().flatten().collect();
    batch_refused(&first, &results)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_sample_of_each_code() {
        assert!(Code::all().all(|code| sample(code).code == code));
    }
}

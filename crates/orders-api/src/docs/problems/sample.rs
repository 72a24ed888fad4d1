//! A problem of each kind as it is met, for the page behind its `type` and for the document.

use orders_core::{Policy, Refusal};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::openapi::example::{Example, ExampleBuilder};

use crate::http::problem::{Code, FieldError, Problem};
use crate::orders::policy::PolicyView;
use crate::orders::problems::{ConflictView, NeighbourView, SuggestionsView, batch_refused};
use crate::orders::response::ResultView;

const REQUEST_ID: &str = "01a1fd4a-5f47-7087-ac84-a87230adaa41";

/// Where a problem is met, and in which words.
struct Sample {
    code: Code,
    instance: &'static str,
    /// The field at fault, where one is.
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

const INTERNAL: Sample =
    at(Code::Internal, "/orders", "The service met something that it did not expect.");

const SAMPLES: [Sample; 36] = [
    at(Code::MalformedJson, "/orders", "The body starts with a byte order mark."),
    at(
        Code::InvalidParameter,
        "/orders",
        "The query parameter \"limit\" must be a whole number from 1 to 1000.",
    ),
    at(
        Code::InvalidHeader,
        "/orders/223",
        "If-Match must be * or a list of entity tags such as \"3\".",
    ),
    at(Code::Unauthenticated, "/orders", "Send a key, as X-API-Key or as Authorization: Bearer."),
    at(
        Code::Forbidden,
        "/orders",
        "This takes a key with the role writer; this one has the role reader.",
    ),
    at(Code::NotFound, "/orders/223", "There is no order 223."),
    at(Code::MethodNotAllowed, "/policy", "DELETE is not possible here; GET, HEAD, OPTIONS are."),
    at(Code::NotAcceptable, "/orders", "This is answered as application/json only."),
    at(Code::RequestTimeout, "/orders", "The body was not sent within 10 seconds."),
    at(
        Code::OrderConflict,
        "/orders",
        "Order 223 is 30 minutes earlier; orders must be at least 3 hours apart.",
    ),
    at(Code::OrderExists, "/orders", "Order 223 exists already."),
    at(Code::ServiceExists, "/services", "Service 123 exists already."),
    at(Code::ServiceInUse, "/services/123", "An order uses service 123."),
    at(
        Code::EditLocked,
        "/orders/223",
        "The order may be updated from 2022-11-01T14:11:11.111Z on.",
    ),
    at(Code::AlreadyDone, "/keys", "This was done before under the same Idempotency-Key."),
    at(
        Code::EventsGone,
        "/events",
        "The feed starts with sequence 1001 now: what was asked for is gone. Read the orders \
                 anew, and go on after 1000.",
    ),
    at(
        Code::VersionMismatch,
        "/orders/223",
        "The order is in version 3 now, which is not what was asked for.",
    ),
    at(Code::BodyTooLarge, "/orders", "The body may have at most 64 KiB."),
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
    at(Code::TooManyWebhooks, "/webhooks", "There are 1000 webhooks already."),
    at(
        Code::IdempotencyKeyReused,
        "/orders",
        "The Idempotency-Key was sent with another request before.",
    ),
    // Its detail is that of its first refusal.
    at(Code::BatchRefused, "/orders/batch", ""),
    at(Code::NotAttempted, "/orders/batch", "Another operation of the batch was refused."),
    at(
        Code::VersionRequired,
        "/orders/223",
        "Name the version that is meant, as If-Match: \"<version>\" (or * for any).",
    ),
    at(Code::RateLimited, "/orders", "Too much was asked; ask again in 2 seconds."),
    INTERNAL,
    at(
        Code::Overloaded,
        "/orders",
        "Too much is waiting for the database. Nothing was written, nor will be.",
    ),
    at(
        Code::DatabaseUnavailable,
        "/orders",
        "The database does not answer. Nothing was written, nor will be.",
    ),
    at(
        Code::OutcomeUnknown,
        "/orders",
        "The database went away while it was committing. Ask again with the same \
                 Idempotency-Key, or read to see whether it did.",
    ),
];

fn sample(code: Code) -> &'static Sample {
    // There is one of each code, as a test checks.
    SAMPLES.iter().find(|sample| sample.code == code).unwrap_or(&INTERNAL)
}

/// Whether problems of this kind name fields.
pub(super) fn names_fields(code: Code) -> bool {
    sample(code).pointer.is_some()
}

/// A problem of this kind, as a caller sees it.
pub(crate) fn problem(code: Code) -> Box<RawValue> {
    let Sample { instance, pointer, detail, .. } = *sample(code);
    let new = |detail| Problem::new(code, detail);
    let problem = if let Some(pointer) = pointer {
        let error = FieldError { pointer: pointer.to_owned(), detail: detail.to_owned() };
        Problem::of_fields(code, vec![error])
    } else if code == Code::BatchRefused {
        of_batch()
    } else if code == Code::OrderConflict {
        conflict().problem(detail.to_owned())
    } else if code == Code::EditLocked {
        new(detail).with_member("editable_at", &"2022-11-01T14:11:11.111Z")
    } else if code == Code::EventsGone {
        new(detail).with_member("first_sequence", &"1001")
    } else if code == Code::VersionMismatch {
        new(detail).with_member("current_version", &3)
    } else {
        new(detail)
    };
    // Of strings and numbers only, so it always serializes.
    to_raw_value(&problem.view(instance, REQUEST_ID)).unwrap_or_default()
}

/// The same as an example of the document.
pub(crate) fn example(code: Code) -> Example {
    let example = ExampleBuilder::new().summary(code.title());
    // It was made as JSON, so it can be read as JSON.
    example.value(serde_json::from_str(problem(code).get()).ok()).build()
}

fn conflict() -> ConflictView {
    ConflictView {
        policy: PolicyView::of(&Policy::default()),
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

/// Of a batch of two, the first of which is refused.
fn of_batch() -> Problem {
    let first = Problem::new(Code::OrderExists, "Order 223 exists already.");
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

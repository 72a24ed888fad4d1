//! An example of each problem, for its documentation page and for the OpenAPI document.

use orders_core::{Policy, Refusal};
use serde_json::value::{RawValue, to_raw_value};

use super::from::{ConflictView, NeighbourView, SuggestionsView};
use super::{Code, FieldError, More, Problem};
use crate::orders::response::{PolicyView, ResultView};

const REQUEST_ID: &str = "01a1fd4a-5f47-7087-ac84-a87230adaa41";

impl Code {
    /// Returns an example of this problem, as a client sees it.
    pub(crate) fn example(self) -> Box<RawValue> {
        let (instance, detail) = self.scene();
        let problem = if self == Self::BatchRefused {
            of_batch()
        } else if let Some((pointer, detail)) = self.fault() {
            Problem::of_fields(self, vec![field(pointer, detail)])
        } else {
            Problem { more: self.sample_of_more(), ..Problem::new(self, detail) }
        };
        // It has only strings and numbers, so it always serializes.
        to_raw_value(&problem.view(instance, REQUEST_ID)).unwrap_or_default()
    }

    /// Returns the path and the detail of the example.
    fn scene(self) -> (&'static str, &'static str) {
        match self {
            Self::MalformedJson => ("/orders", "The body starts with a byte order mark."),
            Self::InvalidParameter => {
                ("/orders", "The query parameter \"limit\" must be a whole number from 1 to 1000.")
            }
            Self::InvalidHeader => {
                let detail = "If-Match must be * or a list of entity tags such as \"3\".";
                ("/orders/223", detail)
            }
            Self::Unauthenticated => (
                "/orders",
                "Authentication required. Send an API key as X-API-Key or Authorization: Bearer.",
            ),
            Self::Forbidden => {
                ("/orders", "The operation requires the role writer; this key has the role reader.")
            }
            Self::NotFound => ("/orders/223", "Order 223 does not exist."),
            Self::MethodNotAllowed => {
                ("/policy", "DELETE is not supported; use GET, HEAD, OPTIONS.")
            }
            Self::NotAcceptable => {
                ("/orders", "The response is available as application/json only.")
            }
            Self::UnsupportedMediaType => {
                ("/orders", "The body must be application/json in UTF-8.")
            }
            Self::RequestTimeout => ("/orders", "The body did not arrive within 10 seconds."),
            Self::BodyTooLarge => ("/orders", "The body must be at most 64 KiB."),
            Self::OrderConflict => (
                "/orders",
                "Order 223 is 30 minutes earlier; orders must be at least 3 hours apart.",
            ),
            Self::OrderExists => ("/orders", "Order 223 already exists."),
            Self::ServiceExists => ("/services", "Service 123 already exists."),
            Self::ServiceInUse => {
                ("/services/123", "Orders use service 123; remove it from them first.")
            }
            Self::EditLocked => {
                ("/orders/223", "The order cannot be updated before 2022-11-01T14:11:11.111Z.")
            }
            Self::AlreadyDone => {
                ("/keys", "The request with this Idempotency-Key succeeded before.")
            }
            Self::NotAttempted => ("/orders/batch", "Another operation of the batch was rejected."),
            Self::EventsGone => (
                "/events",
                "The requested events are no longer available: the feed starts at sequence 1001. Read \
                 all orders again, then continue after 1000.",
            ),
            Self::VersionMismatch => ("/orders/223", "Version mismatch: the current version is 3."),
            Self::VersionRequired => (
                "/orders/223",
                "Send the expected version as If-Match: \"<version>\", or * for any.",
            ),
            // Their details come from the invalid field, or from an operation.
            Self::InvalidOrder | Self::UnknownService => ("/orders", ""),
            Self::InvalidService => ("/services", ""),
            Self::InvalidKey => ("/keys", ""),
            Self::InvalidWebhook | Self::WebhookUrlRefused => ("/webhooks", ""),
            Self::TooManyWebhooks => {
                ("/webhooks", "The limit of 1000 webhooks is reached; delete one first.")
            }
            Self::InvalidBatch | Self::BatchRefused => ("/orders/batch", ""),
            Self::IdempotencyKeyReused => (
                "/orders",
                "A different request used this Idempotency-Key. Generate a new key for each request.",
            ),
            Self::RateLimited => ("/orders", "Rate limit exceeded; retry in 2 seconds."),
            Self::Overloaded => (
                "/orders",
                "Too many requests are waiting for the database. The request had no effect; retry it.",
            ),
            Self::DatabaseUnavailable => {
                ("/orders", "The database is unavailable. The request had no effect; retry it.")
            }
            Self::OutcomeUnknown => (
                "/orders",
                "The connection to the database was lost during the commit. Retry with the same \
                 Idempotency-Key, or read the current state first.",
            ),
            Self::Internal => (
                "/orders",
                "An unexpected error occurred; the log has the cause under the request id.",
            ),
        }
    }

    /// Returns the invalid field of the example, if the code is about fields.
    pub(super) fn fault(self) -> Option<(&'static str, &'static str)> {
        const FAULTS: [(Code, &str, &str); 7] = [
            (Code::InvalidWebhook, "/url", "must be an https URL"),
            (Code::WebhookUrlRefused, "/url", "leads to an address that is not public"),
            (Code::InvalidKey, "/role", "must be reader, writer or admin"),
            (Code::InvalidOrder, "/totalfee", "must have at most two decimals"),
            (Code::InvalidService, "/name", "must not have control characters"),
            (Code::InvalidBatch, "/mode", "must be \"atomic\" or \"each\""),
            (Code::UnknownService, "/services/0/id", "names service 124, which does not exist"),
        ];
        let fault = FAULTS.into_iter().find(|(code, _, _)| *code == self);
        fault.map(|(_, pointer, detail)| (pointer, detail))
    }

    fn sample_of_more(self) -> More {
        if self == Self::OrderConflict {
            More::Conflict(Box::new(conflict()))
        } else if self == Self::EditLocked {
            More::EditLocked { editable_at: "2022-11-01T14:11:11.111Z".to_owned() }
        } else if self == Self::EventsGone {
            More::EventsGone { first_sequence: "1001".to_owned() }
        } else if self == Self::VersionMismatch {
            More::Version { current_version: 3 }
        } else {
            More::Nothing {}
        }
    }
}

fn field(pointer: &str, detail: &str) -> FieldError {
    FieldError { pointer: pointer.to_owned(), detail: detail.to_owned() }
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

/// An example of a batch of two operations, the first of which is rejected.
fn of_batch() -> Problem {
    let first = Problem::new(Code::OrderExists, Code::OrderExists.scene().1);
    let second = Problem::from(Refusal::NotAttempted);
    let result = |problem: &Problem| {
        let view = problem.view("/orders/batch", REQUEST_ID);
        let status = problem.status().as_u16();
        to_raw_value(&ResultView { status, order: None, problem: Some(view) }).ok()
    };
    Problem::of_batch(&first, [result(&first), result(&second)].into_iter().flatten().collect())
}

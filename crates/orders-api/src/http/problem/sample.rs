//! A problem of each kind as it is met, for the page behind its `type` and for the document.

use orders_core::{Policy, Refusal};
use serde_json::value::{RawValue, to_raw_value};

use super::from::{ConflictView, NeighbourView, SuggestionsView};
use super::{Code, FieldError, More, Problem};
use crate::orders::response::{PolicyView, ResultView};

const REQUEST_ID: &str = "01a1fd4a-5f47-7087-ac84-a87230adaa41";

impl Code {
    /// A problem of this kind, as a caller sees it.
    pub(crate) fn example(self) -> Box<RawValue> {
        let (instance, detail) = self.scene();
        let problem = if self == Self::BatchRefused {
            of_batch()
        } else if let Some((pointer, detail)) = self.fault() {
            Problem::of_fields(self, vec![field(pointer, detail)])
        } else {
            Problem { more: self.sample_of_more(), ..Problem::new(self, detail) }
        };
        // Of strings and numbers only, so it always serializes.
        to_raw_value(&problem.view(instance, REQUEST_ID)).unwrap_or_default()
    }

    /// Where it is met, and in which words.
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
            Self::Unauthenticated => {
                ("/orders", "Send a key, as X-API-Key or as Authorization: Bearer.")
            }
            Self::Forbidden => {
                ("/orders", "This takes a key with the role writer; this one has the role reader.")
            }
            Self::NotFound => ("/orders/223", "There is no order 223."),
            Self::MethodNotAllowed => {
                ("/policy", "DELETE is not possible here; GET, HEAD, OPTIONS are.")
            }
            Self::NotAcceptable => ("/orders", "This is answered as application/json only."),
            Self::UnsupportedMediaType => {
                ("/orders", "The body must be application/json in UTF-8.")
            }
            Self::RequestTimeout => ("/orders", "The body was not sent within 10 seconds."),
            Self::BodyTooLarge => ("/orders", "The body may have at most 64 KiB."),
            Self::OrderConflict => (
                "/orders",
                "Order 223 is 30 minutes earlier; orders must be at least 3 hours apart.",
            ),
            Self::OrderExists => ("/orders", "Order 223 exists already."),
            Self::ServiceExists => ("/services", "Service 123 exists already."),
            Self::ServiceInUse => ("/services/123", "An order uses service 123."),
            Self::EditLocked => {
                ("/orders/223", "The order may be updated from 2022-11-01T14:11:11.111Z on.")
            }
            Self::AlreadyDone => ("/keys", "This was done before under the same Idempotency-Key."),
            Self::NotAttempted => ("/orders/batch", "Another operation of the batch was refused."),
            Self::EventsGone => (
                "/events",
                "The feed starts with sequence 1001 now: what was asked for is gone. Read the orders \
                 anew, and go on after 1000.",
            ),
            Self::VersionMismatch => {
                ("/orders/223", "The order is in version 3 now, which is not what was asked for.")
            }
            Self::VersionRequired => (
                "/orders/223",
                "Name the version that is meant, as If-Match: \"<version>\" (or * for any).",
            ),
            // Their words are those of the field at fault, or of an operation.
            Self::InvalidOrder | Self::UnknownService => ("/orders", ""),
            Self::InvalidService => ("/services", ""),
            Self::InvalidKey => ("/keys", ""),
            Self::InvalidWebhook | Self::WebhookUrlRefused => ("/webhooks", ""),
            Self::TooManyWebhooks => ("/webhooks", "There are 1000 webhooks already."),
            Self::InvalidBatch | Self::BatchRefused => ("/orders/batch", ""),
            Self::IdempotencyKeyReused => {
                ("/orders", "The Idempotency-Key was sent with another request before.")
            }
            Self::RateLimited => ("/orders", "Too much was asked; ask again in 2 seconds."),
            Self::Overloaded => (
                "/orders",
                "Too much is waiting for the database. Nothing was written, nor will be.",
            ),
            Self::DatabaseUnavailable => {
                ("/orders", "The database does not answer. Nothing was written, nor will be.")
            }
            Self::OutcomeUnknown => (
                "/orders",
                "The database went away while it was committing. Ask again with the same \
                 Idempotency-Key, or read to see whether it did.",
            ),
            Self::Internal => ("/orders", "The service met something that it did not expect."),
        }
    }

    /// The field at fault, where one is.
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

/// Of a batch of two, the first of which is refused.
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

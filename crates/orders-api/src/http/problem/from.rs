//! What went wrong elsewhere, turned into problems: the one place where that is done.

use actix_web::http::header;
use orders_core::decide::OrderConflict;
use orders_core::key::KeyRefusal;
use orders_core::service::ServiceRefusal;
use orders_core::webhook::{Webhook, WebhookRefusal};
use orders_core::{Refusal, Scope};
use orders_db::StoreError;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder};

use super::{Code, FieldError, More, Problem};
use crate::http::openapi::shape;
use crate::orders::response::PolicyView;
use crate::store_client::ChangeError;

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
                "The database went away while it was committing. Ask again with the same \
                 Idempotency-Key, or read to see whether it did.",
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

impl<R> From<ChangeError<R>> for Problem
where
    Self: From<R>,
{
    fn from(error: ChangeError<R>) -> Self {
        match error {
            ChangeError::Refused(refusal) => refusal.into(),
            ChangeError::AlreadyDone => Self::new(
                Code::AlreadyDone,
                "This was done before under the same Idempotency-Key. The secret that it showed \
                 then is shown only once; if it was lost, rotate it.",
            ),
            ChangeError::KeyReused => Self::new(
                Code::IdempotencyKeyReused,
                "Another request was answered under this Idempotency-Key. A new request needs a \
                 new one.",
            ),
            ChangeError::Store(error) => error.into(),
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
                    format!(
                        "The order is in version {current} now, which is not what was asked for."
                    ),
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

impl From<KeyRefusal> for Problem {
    fn from(refusal: KeyRefusal) -> Self {
        let detail = match refusal {
            KeyRefusal::NotFound(id) => format!("There is no key {id}."),
            KeyRefusal::Revoked(id) => format!("Key {id} was revoked."),
            KeyRefusal::Expired(id) => format!("Key {id} has expired."),
        };
        Self::new(Code::NotFound, detail)
    }
}

impl From<WebhookRefusal> for Problem {
    fn from(refusal: WebhookRefusal) -> Self {
        match refusal {
            WebhookRefusal::NotFound(id) => {
                Self::new(Code::NotFound, format!("There is no webhook {id}."))
            }
            WebhookRefusal::TooMany => Self::new(
                Code::TooManyWebhooks,
                format!("There are {} webhooks already.", Webhook::MAX),
            ),
            WebhookRefusal::EventsGone(first) => Self::events_gone(first),
            WebhookRefusal::NoSuchEvent(last) => {
                let pointer = "/after".to_owned();
                let detail = format!("must be at most {last}, the sequence of the last event");
                Self::of_fields(Code::InvalidWebhook, vec![FieldError { pointer, detail }])
            }
        }
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

// The fields are seen by the samples; `deny_unknown_fields` has a meaning for the schemas only.

#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConflictView {
    pub(crate) policy: PolicyView,
    /// The nearest first.
    #[schema(min_items = 1, max_items = 10)]
    pub(crate) conflicts: Vec<NeighbourView>,
    #[schema(minimum = 1)]
    pub(crate) conflict_count: usize,
    pub(crate) suggestions: SuggestionsView,
}

/// An order that is too close.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Conflict)]
pub(crate) struct NeighbourView {
    #[schema(schema_with = shape::order_id)]
    pub(crate) order_id: String,
    #[schema(schema_with = shape::instant)]
    pub(crate) datetime: String,
    /// Its time less the one that was asked for.
    pub(crate) gap_ms: i64,
    #[schema(schema_with = shared_services)]
    pub(crate) services: Vec<String>,
}

fn shared_services() -> Array {
    let services = ArrayBuilder::new().items(shape::service_digits()).unique_items(true);
    services.max_items(Some(100)).build()
}

/// The nearest instants that would be accepted.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Suggestions)]
pub(crate) struct SuggestionsView {
    #[schema(schema_with = shape::instant_or_null, required)]
    pub(crate) previous: Option<String>,
    #[schema(schema_with = shape::instant_or_null, required)]
    pub(crate) next: Option<String>,
}

//! Converts refusals of changes to orders into problems.

use actix_web::http::header;
use orders_core::decide::OrderConflict;
use orders_core::{Refusal, Scope};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder};
use utoipa::openapi::{RefOr, Schema};

use super::policy::PolicyView;
use crate::http::openapi::problems::one_of;
use crate::http::openapi::shape;
use crate::http::problem::{Code, FieldError, Problem};
use crate::orders;
use crate::services;

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound(id) => {
                Self::new(Code::NotFound, format!("Order {id} does not exist."))
            }
            Refusal::VersionMismatch { current } => Self::new(
                Code::VersionMismatch,
                format!("Version mismatch: the current version is {current}."),
            )
            .with_member("current_version", &current),
            Refusal::UnknownServices(unknown) => {
                let error = |(position, id)| FieldError {
                    pointer: format!("/services/{position}/id"),
                    detail: format!("names service {id}, which does not exist"),
                };
                Self::of_fields(Code::UnknownService, unknown.into_iter().map(error).collect())
            }
            Refusal::EditLocked { editable_at, wait_ms } => Self::new(
                Code::EditLocked,
                format!("The order cannot be updated before {editable_at}."),
            )
            .with_header(header::RETRY_AFTER, (wait_ms + 999).div_euclid(1000).to_string())
            .with_member("editable_at", &editable_at.to_string()),
            Refusal::OrderExists(id) => {
                Self::new(Code::OrderExists, format!("Order {id} already exists."))
            }
            Refusal::Conflict(conflict) => {
                ConflictView::new(&conflict).problem(describe_conflict(&conflict))
            }
            Refusal::NotAttempted => {
                Self::new(Code::NotAttempted, "Another operation of the batch was rejected.")
            }
        }
    }
}

/// A batch that was rejected because of `first`, the first operation that failed.
pub(crate) fn batch_refused(first: &Problem, results: &[Box<RawValue>]) -> Problem {
    Problem::new(Code::BatchRefused, format!("The batch had no effect: {}", first.detail()))
        .with_status(first.status())
        .with_member("results", &results)
}

/// The schema of the problem of one operation of a batch.
pub(crate) fn schema_of_a_result() -> RefOr<Schema> {
    one_of(&[
        Code::NotFound,
        Code::OrderExists,
        Code::OrderConflict,
        Code::EditLocked,
        Code::VersionMismatch,
        Code::InvalidOrder,
        Code::UnknownService,
        Code::NotAttempted,
        Code::VersionRequired,
    ])
}

fn describe_conflict(conflict: &OrderConflict) -> String {
    let window = conflict.policy.window.in_words();
    let affected = match conflict.policy.scope {
        Scope::Global => "orders",
        Scope::Service => "orders that share a service",
    };
    let nearest = conflict.nearest.first().map_or_else(
        || "Another order is too close".to_owned(),
        |nearest| format!("Order {} is {}", nearest.order_id, nearest.in_words()),
    );
    format!("{nearest}; {affected} must be at least {window} apart.")
}

impl ConflictView {
    /// Creates the problem with these members.
    pub(crate) fn problem(&self, detail: String) -> Problem {
        let Self { policy, conflicts, conflict_count, suggestions } = self;
        Problem::new(Code::OrderConflict, detail)
            .with_member("policy", policy)
            .with_member("conflicts", conflicts)
            .with_member("conflict_count", conflict_count)
            .with_member("suggestions", suggestions)
    }

    fn new(conflict: &OrderConflict) -> Self {
        let neighbours = conflict.nearest.iter().map(|neighbour| NeighbourView {
            order_id: neighbour.order_id.to_string(),
            datetime: neighbour.datetime.to_string(),
            gap_ms: neighbour.gap_ms,
            services: neighbour.services.iter().map(ToString::to_string).collect(),
        });
        Self {
            policy: PolicyView::new(&conflict.policy),
            conflicts: neighbours.collect(),
            conflict_count: conflict.count,
            suggestions: SuggestionsView {
                previous: conflict.previous.map(|at| at.to_string()),
                next: conflict.next.map(|at| at.to_string()),
            },
        }
    }
}

// The fields are visible to the samples. `deny_unknown_fields` affects only the schemas.

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
    #[schema(schema_with = orders::shape::order_id)]
    pub(crate) order_id: String,
    #[schema(schema_with = shape::instant)]
    pub(crate) datetime: String,
    /// Its time minus the requested time, in milliseconds.
    pub(crate) gap_ms: i64,
    #[schema(schema_with = shared_services)]
    pub(crate) services: Vec<String>,
}

fn shared_services() -> Array {
    let services = ArrayBuilder::new().items(services::shape::service_digits()).unique_items(true);
    services.max_items(Some(100)).build()
}

/// The nearest times that would be accepted.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Suggestions)]
pub(crate) struct SuggestionsView {
    #[schema(schema_with = shape::instant_or_null, required)]
    pub(crate) previous: Option<String>,
    #[schema(schema_with = shape::instant_or_null, required)]
    pub(crate) next: Option<String>,
}

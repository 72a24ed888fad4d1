//! Outcomes: the results of commands, and why operations are rejected.

use std::fmt;

use crate::order::{Order, OrderId};
use crate::policy::Policy;
use crate::service::ServiceId;
use crate::time::{Timestamp, in_words};

/// A successful operation, with the order after it. For a deletion, the order before it, with the
/// new version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Done {
    /// The order was created.
    Created(Order),
    /// The order was updated.
    Updated(Order),
    /// The order already had these values.
    Unchanged(Order),
    /// The order was deleted.
    Deleted(Order),
    /// The order was restored.
    Restored(Order),
}

/// Why an operation was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// There is no such order.
    #[error("there is no order {0}")]
    NotFound(OrderId),
    /// The order has another version than the caller expects.
    #[error("version mismatch: the current version is {current}")]
    VersionMismatch {
        /// Its current version.
        current: u64,
    },
    /// These services do not exist: their positions among the services given (from 0), and ids.
    #[error("unknown services: {}", listed(.0))]
    UnknownServices(Vec<(usize, ServiceId)>),
    /// The order is too new to be updated.
    #[error("the order is locked against updates until {editable_at}")]
    EditLocked {
        /// The time from which it may be updated.
        editable_at: Timestamp,
        /// The milliseconds until then, 1 or more.
        wait_ms: i64,
    },
    /// An order with this id exists.
    #[error("order {0} exists already")]
    OrderExists(OrderId),
    /// The order would be too close to others.
    #[error("{0}")]
    Conflict(Box<OrderConflict>),
    /// Another operation of the atomic batch failed.
    #[error("another operation of the batch was refused")]
    NotAttempted,
}

/// A conflict with the spacing rule, with times that are free instead.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderConflict {
    /// The policy that applied.
    pub policy: Policy,
    /// The orders that are too close, the nearest first, at most 10.
    pub nearest: Vec<Neighbour>,
    /// How many orders are too close.
    pub count: usize,
    /// The nearest earlier time that would be accepted now, if it is not too far.
    pub previous: Option<Timestamp>,
    /// The nearest later time that would be accepted now, if it is not too far.
    pub next: Option<Timestamp>,
}

impl fmt::Display for OrderConflict {
    /// Names the nearest order and the minimum gap.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let window = self.policy.window.in_words();
        match self.nearest.first() {
            Some(nearest) => write!(
                f,
                "order {} is {}; orders must be at least {window} apart",
                nearest.order_id,
                nearest.in_words()
            ),
            None => write!(f, "orders must be at least {window} apart"),
        }
    }
}

fn listed(services: &[(usize, ServiceId)]) -> String {
    services.iter().map(|(_, id)| id.to_string()).collect::<Vec<_>>().join(", ")
}

/// An order that is too close to the requested time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Neighbour {
    /// Its id.
    pub order_id: OrderId,
    /// Its time.
    pub datetime: Timestamp,
    /// Its time minus the requested time, in milliseconds; negative if it is earlier.
    pub gap_ms: i64,
    /// The services that both have in common; in scope `global`, all of its own.
    pub services: Vec<ServiceId>,
}

impl Neighbour {
    /// Its distance from the requested time in words: `30 minutes earlier`.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self.gap_ms {
            0 => "at the same time".to_owned(),
            gap @ ..0 => format!("{} earlier", in_words(gap)),
            gap => format!("{} later", in_words(gap)),
        }
    }
}

/// The result of one operation.
pub type OperationResult = Result<Done, Refusal>;

/// The result of one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The result of a single operation.
    One(OperationResult),
    /// The results of a batch.
    Batch {
        /// Whether the batch as a whole was rejected (never in mode `each`).
        refused: bool,
        /// The result of each operation, in order.
        results: Vec<OperationResult>,
    },
    /// The command was run before under its key. The stored response is sent again.
    Repeated,
    /// The idempotency key belongs to another request. The command was not run.
    KeyReused,
}

impl Outcome {
    /// Returns `true` if the command was accepted, so that its response is stored under its key.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        match self {
            Self::One(result) => result.is_ok(),
            Self::Batch { refused, .. } => !refused,
            Self::Repeated | Self::KeyReused => false,
        }
    }
}

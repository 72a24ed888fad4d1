//! Outcomes: what became of commands, and why operations are refused.

use std::fmt;

use crate::order::{Order, OrderId};
use crate::policy::Policy;
use crate::service::ServiceId;
use crate::time::{Instant, in_words};

/// What was done, with the order as it is now; of a deletion, as it was, with the new version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Done {
    /// The order is new.
    Created(Order),
    /// The order is different now.
    Updated(Order),
    /// The order was as asked for already.
    Unchanged(Order),
    /// The order is gone.
    Deleted(Order),
    /// The order is back.
    Restored(Order),
}

/// Why an operation was refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// There is no such order.
    #[error("there is no order {0}")]
    NotFound(OrderId),
    /// The order is in a version that the caller did not expect.
    #[error("version mismatch: the current version is {current}")]
    VersionMismatch {
        /// The version that it is in.
        current: u64,
    },
    /// These services do not exist: their positions among the services given (from 0), and ids.
    #[error("unknown services: {}", listed(.0))]
    UnknownServices(Vec<(usize, ServiceId)>),
    /// The order is too young to be updated.
    #[error("the order is locked against updates until {editable_at}")]
    EditLocked {
        /// From when on it may be.
        editable_at: Instant,
        /// How long that is from now, in milliseconds, 1 or more.
        wait_ms: i64,
    },
    /// An order with this id exists.
    #[error("order {0} exists already")]
    OrderExists(OrderId),
    /// The order would be too close to others.
    #[error("{0}")]
    Conflict(Box<OrderConflict>),
    /// Nothing is wrong with this operation of an atomic batch, but with another one.
    #[error("another operation of the batch was refused")]
    NotAttempted,
}

/// The refusal by the rule, with what helps to get round it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderConflict {
    /// The policy by which it was judged.
    pub policy: Policy,
    /// The orders that are too close, the nearest first, at most ten.
    pub nearest: Vec<Neighbour>,
    /// How many orders are too close.
    pub count: usize,
    /// The nearest instant before that would be accepted now, if it is not too far.
    pub previous: Option<Instant>,
    /// The nearest instant after that would be accepted now, if it is not too far.
    pub next: Option<Instant>,
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

/// An order that is too close to the time asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Neighbour {
    /// Its id.
    pub order_id: OrderId,
    /// Its time.
    pub datetime: Instant,
    /// Its time less the time asked for, in milliseconds; negative when it is the earlier.
    pub gap_ms: i64,
    /// The services that put both into one calendar; all of its own in scope `global`.
    pub services: Vec<ServiceId>,
}

impl Neighbour {
    /// Where it lies from the time asked for, in English words: `30 minutes earlier`.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self.gap_ms {
            0 => "at the same time".to_owned(),
            gap @ ..0 => format!("{} earlier", in_words(gap)),
            gap => format!("{} later", in_words(gap)),
        }
    }
}

/// What became of one operation.
pub type Verdict = Result<Done, Refusal>;

/// What became of one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Of one operation.
    One(Verdict),
    /// Of each operation of a batch, in order.
    Batch {
        /// Whether the batch as a whole was refused (never in mode `each`).
        refused: bool,
        /// The operations' verdicts.
        results: Vec<Verdict>,
    },
    /// Of a command that was done before: nothing, and the answer of then is to be given again.
    Repeated,
    /// Of a command with the idempotency key of another: it was not looked at.
    KeyReused,
}

impl Outcome {
    /// Whether the command was accepted, so that its answer is kept under its key.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        match self {
            Self::One(verdict) => verdict.is_ok(),
            Self::Batch { refused, .. } => !refused,
            Self::Repeated | Self::KeyReused => false,
        }
    }
}

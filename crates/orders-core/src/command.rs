//! Commands: what callers ask to be done to orders, and the outcomes that they are given.

use std::collections::HashSet;

use crate::import::Import;
use crate::{
    Actor, Fee, Instant, Order, OrderContent, OrderId, Policy, Retry, ServiceId, Services,
};

/// The id of an order that is to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewId {
    /// The caller chose it: an order may have it, or may have had it.
    Chosen(OrderId),
    /// It was made for this order alone (a fresh UUID): no order has it or ever had it.
    Made(OrderId),
}

impl NewId {
    /// The id itself.
    #[must_use]
    pub fn id(&self) -> &OrderId {
        match self {
            Self::Chosen(id) | Self::Made(id) => id,
        }
    }
}

/// What is to become different about an order; what is `None` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderPatch {
    /// Another time.
    pub datetime: Option<Instant>,
    /// Another fee.
    pub total_fee: Option<Fee>,
    /// Other services.
    pub services: Option<Services>,
}

impl From<OrderContent> for OrderPatch {
    /// A full replacement.
    fn from(content: OrderContent) -> Self {
        Self {
            datetime: Some(content.datetime),
            total_fee: Some(content.total_fee),
            services: Some(content.services),
        }
    }
}

/// The versions that a caller is willing to change; `None` for any.
pub type IfMatch = Option<Versions>;

/// Versions that an order may have for something to be done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Versions {
    /// One of these.
    Among(Vec<u64>),
    /// Any other than these.
    AllBut(Vec<u64>),
}

impl Versions {
    /// Whether a version is among them.
    #[must_use]
    pub fn contain(&self, version: u64) -> bool {
        match self {
            Self::Among(versions) => versions.contains(&version),
            Self::AllBut(versions) => !versions.contains(&version),
        }
    }
}

/// One thing to be done to one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Creates an order.
    Create {
        /// Its id.
        id: NewId,
        /// What the caller says of it.
        content: OrderContent,
    },
    /// Brings an order along from elsewhere, with what is known of its past.
    Import(Box<Import>),
    /// Changes an order, in part or wholly.
    Update {
        /// Which order.
        id: OrderId,
        /// Only in one of these versions.
        if_match: IfMatch,
        /// What is to become different.
        patch: OrderPatch,
    },
    /// Deletes an order and frees its time.
    Delete {
        /// Which order.
        id: OrderId,
        /// Only in one of these versions.
        if_match: IfMatch,
    },
    /// Brings a deleted order back as it last was.
    Restore {
        /// Which order.
        id: OrderId,
    },
}

impl Operation {
    /// The id of the order that it is about.
    #[must_use]
    pub fn order_id(&self) -> &OrderId {
        match self {
            Self::Create { id, .. } => id.id(),
            Self::Import(import) => import.id.id(),
            Self::Update { id, .. } | Self::Delete { id, .. } | Self::Restore { id } => id,
        }
    }
}

/// How the operations of a batch hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// All or nothing, judged on the state that they leave behind together: two orders may swap
    /// their times.
    Atomic,
    /// One after the other, each on its own, each seeing those before it.
    Each,
    /// All or nothing, creations only: the new orders are exempt from the rule among themselves.
    Group,
}

/// Several operations that were asked for as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    mode: Mode,
    dry_run: bool,
    operations: Vec<Operation>,
}

/// Why operations do not make a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// None, or more than 10 000.
    #[error("must have 1 to 10000 operations")]
    Number,
    /// The operation at this position (from 0) names an order that one before it names. What
    /// "the end state" of such an order would be, nobody could say.
    #[error("must not name an order twice in an atomic batch")]
    Repeated(usize),
    /// The operation at this position (from 0) of a group does not create an order.
    #[error("must only create orders in a group")]
    NotCreate(usize),
}

impl Batch {
    /// The most operations that a batch can have.
    pub const MAX: usize = 10_000;

    /// Checks operations that are to be done together.
    ///
    /// # Errors
    /// [`BatchError`], by what is wrong with them.
    pub fn new(mode: Mode, dry_run: bool, operations: Vec<Operation>) -> Result<Self, BatchError> {
        if !(1..=Self::MAX).contains(&operations.len()) {
            return Err(BatchError::Number);
        }
        let creates = |operation: &Operation| matches!(operation, Operation::Create { .. });
        if mode == Mode::Group
            && let Some(position) = operations.iter().position(|operation| !creates(operation))
        {
            return Err(BatchError::NotCreate(position));
        }
        let mut seen = HashSet::new();
        let repeated = operations.iter().position(|operation| !seen.insert(operation.order_id()));
        match (mode, repeated) {
            (Mode::Atomic | Mode::Group, Some(position)) => Err(BatchError::Repeated(position)),
            (Mode::Each, _) | (_, None) => Ok(Self { mode, dry_run, operations }),
        }
    }

    /// The most orders that can be imported at once.
    pub const MAX_IMPORT: usize = 100_000;

    /// Orders that are to be imported at once, by [`Mode::Atomic`] or [`Mode::Each`]. An id that
    /// comes twice is refused the second time.
    ///
    /// # Errors
    /// [`BatchError::Number`] for none, or more than [`Self::MAX_IMPORT`].
    pub fn import(mode: Mode, orders: Vec<Import>) -> Result<Self, BatchError> {
        if !(1..=Self::MAX_IMPORT).contains(&orders.len()) {
            return Err(BatchError::Number);
        }
        let operations = orders.into_iter().map(|order| Operation::Import(Box::new(order)));
        Ok(Self { mode, dry_run: false, operations: operations.collect() })
    }

    /// A batch without operations. With an idempotency key its answer is kept, like any other's.
    #[must_use]
    pub fn empty(mode: Mode) -> Self {
        Self { mode, dry_run: false, operations: Vec::new() }
    }

    /// How the operations hang together.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the batch is only judged, and writes nothing.
    #[must_use]
    pub fn dry_run(&self) -> bool {
        self.dry_run
    }

    /// The operations, in order.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }
}

/// What one caller asks for at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// One operation.
    One(Operation),
    /// Several operations.
    Batch(Batch),
}

impl Action {
    /// The operations, in order.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        match self {
            Self::One(operation) => std::slice::from_ref(operation),
            Self::Batch(batch) => batch.operations(),
        }
    }
}

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Who asks.
    pub actor: Actor,
    /// For what.
    pub action: Action,
    /// What makes it safe to ask again, if the caller wants that.
    pub retry: Option<Retry>,
}

impl Command {
    /// What makes it safe to ask again. A dry run, which leaves nothing behind, needs nothing.
    #[must_use]
    pub fn retry(&self) -> Option<&Retry> {
        let dry_run = matches!(&self.action, Action::Batch(batch) if batch.dry_run());
        self.retry.as_ref().filter(|_| !dry_run)
    }
}

/// What was done, with the order as it is now; of a deletion, as it was, with the new version.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such order.
    NotFound(OrderId),
    /// The order is in a version that the caller did not expect.
    VersionMismatch {
        /// The version that it is in.
        current: u64,
    },
    /// These services do not exist: their positions among the services given (from 0), and ids.
    UnknownServices(Vec<(usize, ServiceId)>),
    /// The order is too young to be updated.
    EditLocked {
        /// From when on it may be.
        editable_at: Instant,
        /// How long that is from now, in milliseconds, 1 or more.
        wait_ms: i64,
    },
    /// An order with this id exists.
    OrderExists(OrderId),
    /// The order would be too close to others.
    Conflict(Box<OrderConflict>),
    /// Nothing is wrong with this operation of an atomic batch, but with another one.
    NotAttempted,
}

/// The refusal by the rule, with what helps to get round it.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// An order that is too close to the time asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
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
            gap @ ..0 => format!("{} earlier", crate::period::in_words(gap)),
            gap => format!("{} later", crate::period::in_words(gap)),
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

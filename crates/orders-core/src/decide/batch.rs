//! Batches: several operations that are asked for as one.

use std::collections::HashSet;

use super::command::Operation;
use super::import::Import;

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

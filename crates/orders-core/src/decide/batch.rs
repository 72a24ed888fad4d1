//! Batches: several operations in one request.

use std::collections::HashSet;

use super::command::Operation;
use super::import::Import;

/// How the operations of a batch depend on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// All or nothing, validated on the state after all of them: two orders may swap their times.
    Atomic,
    /// One after the other. Each succeeds or fails alone and sees those before it.
    Each,
    /// All or nothing, creations only. The new orders are exempt from the rule among themselves.
    Group,
}

/// Several operations in one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    mode: Mode,
    dry_run: bool,
    operations: Vec<Operation>,
}

/// An error which can be returned when operations are put into a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// There are no operations, or more than allowed.
    #[error("must have 1 to 10000 operations")]
    Number,
    /// The operation at this position (from 0) names an order that an earlier one names. The end
    /// state of such an order would be ambiguous.
    #[error("must not name an order twice in an atomic batch")]
    Repeated(usize),
    /// The operation at this position (from 0) of a group does not create an order.
    #[error("must only create orders in a group")]
    NotCreate(usize),
}

impl Batch {
    /// The maximum number of operations in a batch.
    pub const MAX: usize = 10_000;

    /// Creates a batch.
    ///
    /// # Errors
    /// - [`BatchError::Number`] for no operations, or more than [`Self::MAX`].
    /// - [`BatchError::Repeated`] if an atomic batch or a group names an order twice.
    /// - [`BatchError::NotCreate`] if a group has another operation than a creation.
    pub fn new(mode: Mode, dry_run: bool, operations: Vec<Operation>) -> Result<Self, BatchError> {
        if !(1..=Self::MAX).contains(&operations.len()) {
            return Err(BatchError::Number);
        }
        let creates = |operation: &Operation| matches!(operation, Operation::Create { .. });
        let other = operations.iter().position(|operation| !creates(operation));
        if let (Mode::Group, Some(position)) = (mode, other) {
            return Err(BatchError::NotCreate(position));
        }
        let mut seen = HashSet::new();
        let repeated = operations.iter().position(|operation| !seen.insert(operation.order_id()));
        match (mode, repeated) {
            (Mode::Atomic | Mode::Group, Some(position)) => Err(BatchError::Repeated(position)),
            (Mode::Each, _) | (_, None) => Ok(Self { mode, dry_run, operations }),
        }
    }

    /// The maximum number of orders in one import.
    pub const MAX_IMPORT: usize = 100_000;

    /// Creates a batch of imports, in [`Mode::Atomic`] or [`Mode::Each`]. The second of two orders
    /// with one id is rejected.
    ///
    /// # Errors
    /// [`BatchError::Number`] for no orders, or more than [`Self::MAX_IMPORT`].
    pub fn import(mode: Mode, orders: Vec<Import>) -> Result<Self, BatchError> {
        if !(1..=Self::MAX_IMPORT).contains(&orders.len()) {
            return Err(BatchError::Number);
        }
        let operations = orders.into_iter().map(|order| Operation::Import(Box::new(order)));
        Ok(Self { mode, dry_run: false, operations: operations.collect() })
    }

    /// Creates a batch without operations. Its response is stored under its idempotency key like any
    /// other.
    #[must_use]
    pub fn empty(mode: Mode) -> Self {
        Self { mode, dry_run: false, operations: Vec::new() }
    }

    /// How the operations depend on each other.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the batch is only validated, and writes nothing.
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

//! Commands: what callers request.

use super::batch::Batch;
use super::event::Actor;
use super::idempotency::IdempotentRequest;
use super::import::Import;
use crate::order::{Fee, OrderContent, OrderId, Services};
use crate::time::Timestamp;

/// The id of a new order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewId {
    /// The caller chose it. An order may have it, or may have had it.
    Chosen(OrderId),
    /// It was generated for this order (a new UUID). No order has it or ever had it.
    Generated(OrderId),
}

impl NewId {
    /// The id itself.
    #[must_use]
    pub fn id(&self) -> &OrderId {
        match self {
            Self::Chosen(id) | Self::Generated(id) => id,
        }
    }
}

/// A partial update of an order. `None` leaves a value unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderPatch {
    /// The new time.
    pub datetime: Option<Timestamp>,
    /// The new fee.
    pub total_fee: Option<Fee>,
    /// The new services.
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

/// A condition on the version of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Versions {
    /// One of these versions.
    Among(Vec<u64>),
    /// Any version but these.
    AllBut(Vec<u64>),
}

impl Versions {
    /// Returns `true` if a version meets the condition.
    #[must_use]
    pub fn contain(&self, version: u64) -> bool {
        match self {
            Self::Among(versions) => versions.contains(&version),
            Self::AllBut(versions) => !versions.contains(&version),
        }
    }
}

/// One change to one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Creates an order.
    Create {
        /// Its id.
        id: NewId,
        /// Its content.
        content: OrderContent,
    },
    /// Imports an order from another database, with its version and times.
    Import(Box<Import>),
    /// Updates an order, partially or fully.
    Update {
        /// Which order.
        id: OrderId,
        /// The versions that the caller accepts; `None` for any.
        if_match: Option<Versions>,
        /// The new values.
        patch: OrderPatch,
    },
    /// Deletes an order and frees its time.
    Delete {
        /// Which order.
        id: OrderId,
        /// The versions that the caller accepts; `None` for any.
        if_match: Option<Versions>,
    },
    /// Restores a deleted order as it last was.
    Restore {
        /// Which order.
        id: OrderId,
    },
}

impl Operation {
    /// The id of the order.
    #[must_use]
    pub fn order_id(&self) -> &OrderId {
        match self {
            Self::Create { id, .. } => id.id(),
            Self::Import(import) => import.id.id(),
            Self::Update { id, .. } | Self::Delete { id, .. } | Self::Restore { id } => id,
        }
    }
}

/// The action of one command.
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

/// One request to change orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The caller.
    pub actor: Actor,
    /// The requested action.
    pub action: Action,
    /// The idempotency key, if the caller sent one.
    pub retry: Option<IdempotentRequest>,
}

impl Command {
    /// The idempotency key. A dry run changes nothing, so it ignores the key.
    #[must_use]
    pub fn retry(&self) -> Option<&IdempotentRequest> {
        let dry_run = matches!(&self.action, Action::Batch(batch) if batch.dry_run());
        self.retry.as_ref().filter(|_| !dry_run)
    }
}

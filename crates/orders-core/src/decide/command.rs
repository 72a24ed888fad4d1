//! Commands: what callers ask to be done to orders.

use super::batch::Batch;
use super::event::Actor;
use super::import::Import;
use super::retry::Retry;
use crate::order::{Fee, OrderContent, OrderId, Services};
use crate::time::Instant;

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

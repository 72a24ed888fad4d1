//! Imports: orders from a file or from another database.

use std::sync::Arc;

use super::command::NewId;
use crate::order::{Group, OrderContent};
use crate::time::Timestamp;

/// An order from elsewhere. The spacing rule applies to it as to any new order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Its id.
    pub id: NewId,
    /// Its content.
    pub content: OrderContent,
    /// Its version, at least 1. If an order with this id was deleted here and the version after that
    /// is higher, that version is used.
    pub version: u64,
    /// When it was created; `None` for the current time.
    pub created_at: Option<Timestamp>,
    /// When it was last changed; `None` for the current time. Its event has this time.
    pub updated_at: Option<Timestamp>,
    /// Its exemption group.
    pub group: ImportGroup,
}

/// The exemption group of an imported order. It is only exempt from orders of the same import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportGroup {
    /// A group of its own.
    Own,
    /// The group of the orders of the same batch with this name.
    Named(Arc<str>),
    /// A group that an earlier batch of the same import created.
    Known(Group),
}

//! Orders that are brought along from elsewhere: from a file, or from another database.

use std::sync::Arc;

use super::command::NewId;
use crate::order::{Group, OrderContent};
use crate::time::Instant;

/// An order as it was elsewhere. The rule is asked about it as about any new order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Its id.
    pub id: NewId,
    /// What its callers said of it.
    pub content: OrderContent,
    /// Which version it is in, 1 at least. Where an order of this id was deleted here, its version
    /// goes on from there, if that is higher.
    pub version: u64,
    /// When it was created; `None` for now.
    pub created_at: Option<Instant>,
    /// When it was last changed; `None` for now. The event that tells of it has this time.
    pub updated_at: Option<Instant>,
    /// What it is exempt from.
    pub group: ImportGroup,
}

/// What an imported order is exempt from. Never an order that was not imported with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportGroup {
    /// Nothing.
    Own,
    /// The orders of the same batch that bear the same name.
    Named(Arc<str>),
    /// The members of a group that an earlier batch of the same import has made.
    Known(Group),
}

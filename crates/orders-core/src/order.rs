//! Orders: their ids, their content, and what the server adds.

mod content;
mod fee;
mod id;
#[cfg(feature = "serde")]
mod serde;
mod services;

use std::num::NonZeroU64;

use crate::time::Timestamp;

pub use content::OrderContent;
pub use fee::{Fee, FeeError};
pub use id::OrderId;
pub use services::{Services, ServicesError};

/// An exemption group: orders of one group are exempt from the spacing rule among themselves. Any
/// other order has a group of its own.
///
/// The number is the sequence of the event that created the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(pub NonZeroU64);

/// An order as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Order {
    /// Its id, which never changes.
    pub id: OrderId,
    /// What its caller decides.
    pub content: OrderContent,
    /// Starts at 1 and rises by one with each change, deletion and restoring included.
    pub version: u64,
    /// Its exemption group.
    pub group: Group,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

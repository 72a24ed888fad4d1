//! Orders: their ids, their content, and what the server keeps beside it.

mod content;
mod fee;
mod id;
#[cfg(feature = "serde")]
mod serde;
mod services;

use std::num::NonZeroU64;

use crate::time::Instant;

pub use content::OrderContent;
pub use fee::{Fee, FeeError};
pub use id::{OrderId, OrderIdError};
pub use services::{Services, ServicesError};

/// A number shared by the orders that are exempt from the rule among themselves. An order that is
/// exempt from nothing has a group of its own.
///
/// It is the sequence of the event that put the order, or the first of its group, at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(pub NonZeroU64);

/// An order as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Order {
    /// Its id, for ever.
    pub id: OrderId,
    /// What its callers said of it.
    pub content: OrderContent,
    /// 1 at first; one more with each change, deletion and restoring included.
    pub version: u64,
    /// Which orders it is exempt from.
    pub group: Group,
    /// When it was created.
    pub created_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
}

//! What a caller says of an order.

use crate::order::{Fee, Services};
use crate::time::Instant;

/// What a caller says of an order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderContent {
    /// When it takes place.
    pub datetime: Instant,
    /// What it costs in all.
    pub total_fee: Fee,
    /// What is done.
    pub services: Services,
}

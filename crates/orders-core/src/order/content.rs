//! The content of an order: what its caller decides.

use crate::order::{Fee, Services};
use crate::time::Timestamp;

/// The part of an order that its caller decides.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderContent {
    /// Its time.
    pub datetime: Timestamp,
    /// Its total fee.
    pub total_fee: Fee,
    /// Its services.
    pub services: Services,
}

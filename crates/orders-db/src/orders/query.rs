//! Queries of lists of orders: filter, sort order and start.

use std::collections::BTreeSet;

use orders_core::{Fee, Order, OrderId, ServiceId, Timestamp};

/// A query of a list of orders.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderQuery {
    /// The filter.
    pub filter: OrderFilter,
    /// The sort order.
    pub sort: OrderSort,
    /// The place after which the list starts: the end of the previous page.
    pub after: Option<OrderPlace>,
}

/// A filter of orders. It selects the orders that meet all conditions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderFilter {
    /// At this time or later.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
    /// Created at this time or later.
    pub created_from: Option<Timestamp>,
    /// Created before this time.
    pub created_to: Option<Timestamp>,
    /// With this fee or a higher one.
    pub min_fee: Option<Fee>,
    /// With this fee or a lower one.
    pub max_fee: Option<Fee>,
    /// With any of these services; empty for all orders.
    pub services: BTreeSet<ServiceId>,
}

/// The sort order of a list: by a time, then by id, both in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrderSort {
    /// The time to sort by.
    pub key: SortKey,
    /// Whether the latest come first.
    pub descending: bool,
}

/// The times that orders are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortKey {
    /// The time of the order.
    #[default]
    Datetime,
    /// The time of its creation.
    CreatedAt,
}

/// A place in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPlace {
    /// The time that the list is sorted by.
    pub at: Timestamp,
    /// The id of the order that is, or was, there.
    pub id: OrderId,
}

/// A page of orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPage {
    /// The orders. If a filter selects few, a page may have fewer than its limit, or none, and still
    /// not be the last.
    pub orders: Vec<Order>,
    /// The place after which the next page starts; `None` on the last page.
    pub next: Option<OrderPlace>,
}

impl OrderFilter {
    /// Returns the bounds of a time in milliseconds, the second exclusive.
    pub(super) fn bounds(&self, key: SortKey) -> (Option<i64>, Option<i64>) {
        let (from, to) = match key {
            SortKey::Datetime => (self.from, self.to),
            SortKey::CreatedAt => (self.created_from, self.created_to),
        };
        (from.map(Timestamp::as_millis), to.map(Timestamp::as_millis))
    }

    pub(super) fn bounds_time(&self, key: SortKey) -> bool {
        self.bounds(key) != (None, None)
    }

    pub(super) fn bounds_fee(&self) -> bool {
        (self.min_fee, self.max_fee) != (None, None)
    }
}

impl SortKey {
    /// Returns the time that the list is not sorted by.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Datetime => Self::CreatedAt,
            Self::CreatedAt => Self::Datetime,
        }
    }
}

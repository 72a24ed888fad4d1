//! What can be asked of a list of orders: which of them, in which order, from which place on.

use std::collections::BTreeSet;

use orders_core::{Fee, Order, OrderId, ServiceId, Timestamp};

/// Which orders a list is to have, how they are sorted, and where it starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderQuery {
    /// Which orders.
    pub filter: OrderFilter,
    /// In which order.
    pub sort: OrderSort,
    /// Behind this place: the end of the page before.
    pub after: Option<OrderPlace>,
}

/// Which orders a list is to have: those that meet every condition given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderFilter {
    /// From this time on.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
    /// Made at this time or later.
    pub created_from: Option<Timestamp>,
    /// Made before this time.
    pub created_to: Option<Timestamp>,
    /// With this fee or a higher one.
    pub min_fee: Option<Fee>,
    /// With this fee or a lower one.
    pub max_fee: Option<Fee>,
    /// With any of these services; empty for all orders.
    pub services: BTreeSet<ServiceId>,
}

/// How a list is sorted: by a time, and where that is the same by id, both in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrderSort {
    /// By which time.
    pub key: SortKey,
    /// The last first.
    pub descending: bool,
}

/// The times that orders are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortKey {
    /// For when the order is.
    #[default]
    Datetime,
    /// When it was made.
    CreatedAt,
}

/// A place in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPlace {
    /// The time that the list is sorted by.
    pub at: Timestamp,
    /// The id of the order that stands, or stood, there.
    pub id: OrderId,
}

/// A page of orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPage {
    /// The orders. Where a filter passes few, a page may have less than it has room for, or none,
    /// and still not be the last.
    pub orders: Vec<Order>,
    /// The place behind which the next page starts; `None` on the last page.
    pub next: Option<OrderPlace>,
}

impl OrderFilter {
    /// The bounds of a time, in milliseconds: from the first on, before the second.
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
    /// The one that a list is not sorted by.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Datetime => Self::CreatedAt,
            Self::CreatedAt => Self::Datetime,
        }
    }
}

//! Queries of lists of orders, and the part of an index that each scans.

use std::collections::BTreeSet;

use orders_core::{Fee, Order, OrderId, ServiceId, Timestamp};

use crate::StoreError;
use crate::database::rows::{self, OrderRow};

/// A query of a list of orders. It selects the orders that meet all conditions, sorted by a time, then
/// by id, both in the same direction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderQuery {
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
    /// The time to sort by.
    pub sort: SortKey,
    /// Whether the latest come first.
    pub descending: bool,
    /// The place after which the list starts: the end of the previous page.
    pub after: Option<OrderPlace>,
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

impl OrderPlace {
    pub(super) fn from_columns((at, id): Place) -> Result<Self, StoreError> {
        Ok(Self { at: rows::timestamp(at)?, id: rows::order_id(&id)? })
    }
}

impl OrderQuery {
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

    /// Returns the scan from its place on, bounded by the time that it is sorted by.
    pub(super) fn scan(&self) -> Scan {
        let mut scan = self.whole_scan(self.sort);
        let after = self.after.as_ref().map(|place| (place.at.as_millis(), place.id.to_string()));
        if self.descending {
            (scan.start, scan.end) = (scan.end, scan.start);
            scan.descending = true;
            scan.start = after.into_iter().fold(scan.start, Place::min);
        } else {
            scan.start = after.into_iter().fold(scan.start, Place::max);
        }
        scan
    }

    /// Returns the scan of all orders within the bounds of a time, earliest first.
    pub(super) fn whole_scan(&self, key: SortKey) -> Scan {
        let (from, to) = self.bounds(key);
        // Before the first order of each time: the first bound is within, the second is not.
        let before_all_of = |at: Option<i64>, or: i64| (at.unwrap_or(or), String::new());
        let (start, end) = (before_all_of(from, i64::MIN), before_all_of(to, i64::MAX));
        Scan { key, descending: false, start, end }
    }
}

/// The sort key of a list: a time in milliseconds and an id. No order has an empty id, so an empty id
/// comes before all orders of its time.
pub(super) type Place = (i64, String);

/// An interval of a list, and the direction of the scan.
#[derive(Debug, Clone)]
pub(super) struct Scan {
    pub(super) key: SortKey,
    pub(super) descending: bool,
    /// The scan begins after this place,
    pub(super) start: Place,
    /// and ends at this one.
    pub(super) end: Place,
}

impl SortKey {
    /// Returns the time that the list is not sorted by.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Datetime => Self::CreatedAt,
            Self::CreatedAt => Self::Datetime,
        }
    }

    /// Returns the time of an order.
    pub(super) fn time(self, row: &OrderRow) -> i64 {
        match self {
            Self::Datetime => row.datetime_ms,
            Self::CreatedAt => row.created_at_ms,
        }
    }

    /// Returns the place of an order.
    pub(super) fn place(self, row: &OrderRow) -> Place {
        (self.time(row), row.id.clone())
    }
}

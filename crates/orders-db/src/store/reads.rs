//! The store's reads: orders by id go through a queue that shares queries, all others run on the
//! caller's thread with a connection of a pool.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use orders_core::decide::EventFeed;
use orders_core::{Order, OrderId, Policy, Service, ServiceId, Timestamp};
use r2d2::Pool;

use super::Store;
use crate::database::connection::{AnyConnection, Manager, Purpose};
use crate::database::metrics::{ErrorKind, StoreMetrics};
use crate::database::rows;
use crate::database::url::DatabaseUrl;
use crate::events::{EventPage, OrderChange};
use crate::orders::availability::{Availability, AvailabilityQuery};
use crate::orders::calendar::{CalendarQuery, CalendarView};
use crate::orders::find::ReadJob;
use crate::orders::reports::OrderReport;
use crate::orders::{OrderPage, OrderQuery};
use crate::write::queue::Reply;
use crate::{
    StoreError, events, orders, orders::availability, orders::calendar, orders::reports, services,
};

impl Store {
    /// Finds an order by `deadline`. Reads that wait at the same moment share one query.
    pub fn find_order(&self, id: OrderId, deadline: Instant, reply: Reply<Option<Order>>) {
        if let Err(job) = self.reads.push(ReadJob { id, deadline, reply }) {
            (job.reply)(Err(StoreError::Overloaded));
        }
    }

    /// Lists at most `limit` orders. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_orders(&self, query: &OrderQuery, limit: usize) -> Result<OrderPage, StoreError> {
        self.read(|connection| orders::list(connection, query, limit))
    }

    /// Lists at most `limit` changes to an order after version `after`, oldest first; none if there
    /// never was such an order. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_history(
        &self,
        id: &OrderId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<OrderChange>, StoreError> {
        self.read(|connection| events::list_of_order(connection, id, after, limit))
    }

    /// Lists at most `limit` changes to any orders after sequence `after` (0 for all), oldest first.
    /// Sequences rise in commit order, so a reader that continues from the last one misses nothing and
    /// sees nothing twice. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_events(&self, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        read(&self.feeds, &self.metrics, |connection| events::list(connection, after, limit))
    }

    /// Finds the feed of events. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_event_feed(&self) -> Result<EventFeed, StoreError> {
        read(&self.feeds, &self.metrics, events::find_feed)
    }

    /// Replaces the id of the feed of events, so that followers start over: after a database was
    /// restored by other tools. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn renew_event_feed(&self) -> Result<(), StoreError> {
        events::renew_feed(&mut self.background.open()?)
    }

    /// Finds the sequence of the last committed event; 0 if there was none. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_last_sequence(&self) -> Result<u64, StoreError> {
        read(&self.feeds, &self.metrics, events::find_last)
    }

    /// Returns `true` if an order with this id exists or has existed. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn has_history(&self, id: &OrderId) -> Result<bool, StoreError> {
        self.read(|connection| orders::has_history(connection, id))
    }

    /// Finds a service. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_service(&self, id: ServiceId) -> Result<Option<Service>, StoreError> {
        self.read(|connection| services::find(connection, id))
    }

    /// Finds the services with these numbers. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_services(&self, ids: &BTreeSet<ServiceId>) -> Result<Vec<Service>, StoreError> {
        self.read(|connection| services::find_all(connection, ids))
    }

    /// Lists at most `limit` services whose numbers follow `after`. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_services(
        &self,
        after: Option<ServiceId>,
        limit: usize,
    ) -> Result<Vec<Service>, StoreError> {
        self.read(|connection| services::list(connection, after, limit))
    }

    /// Finds at most `limit` free intervals. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_availability(
        &self,
        query: &AvailabilityQuery,
        limit: usize,
    ) -> Result<Availability, StoreError> {
        self.read(|connection| availability::find(connection, query, limit))
    }

    /// Finds the calendar view of an interval, with one statement. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_calendar(&self, query: &CalendarQuery) -> Result<CalendarView, StoreError> {
        self.read(|connection| calendar::find(connection, query))
    }

    /// Finds the report of the orders in `[from, to)`. Blocks, in proportion to the number of orders.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_report(&self, from: Timestamp, to: Timestamp) -> Result<OrderReport, StoreError> {
        self.read(|connection| reports::find(connection, from, to))
    }

    /// Finds the policy. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_policy(&self) -> Result<Policy, StoreError> {
        self.read(|connection| rows::find_policy(connection).map_err(StoreError::from))
    }

    pub(super) fn read<T>(
        &self,
        query: impl Fn(&mut AnyConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        read(&self.pool, &self.metrics, query)
    }
}

pub(super) fn pool(url: &DatabaseUrl, connections: u32) -> Result<Pool<Manager>, StoreError> {
    Pool::builder()
        .max_size(connections)
        .min_idle(Some(0))
        // A query that finds its connection closed runs again.
        .test_on_check_out(false)
        .connection_timeout(Duration::from_secs(2))
        .error_handler(Box::new(Quiet))
        .build(Manager::new(url, Purpose::List))
        .map_err(|error| StoreError::Unavailable(error.to_string()))
}

/// Runs a query on a connection of a pool. If the server has closed an idle connection, retries on
/// other connections, at last on one that was just opened.
pub(super) fn read<T>(
    pool: &Pool<Manager>,
    metrics: &StoreMetrics,
    query: impl Fn(&mut AnyConnection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    loop {
        let mut pooled = pool.get().map_err(|error| {
            metrics.failed(ErrorKind::NoConnection);
            StoreError::Unavailable(error.to_string())
        })?;
        let result = query(&mut pooled.connection);
        if let Err(error) = &result {
            metrics.failed(error);
        }
        let was_used = std::mem::replace(&mut pooled.was_used, true);
        pooled.is_lost = matches!(result, Err(StoreError::Unavailable(_)));
        if !(pooled.is_lost && was_used) {
            return result;
        }
    }
}

/// Logs errors of the pool, which its callers receive anyway.
#[derive(Debug)]
struct Quiet;

impl r2d2::HandleError<StoreError> for Quiet {
    fn handle_error(&self, error: StoreError) {
        log::debug!("connection pool: {error}");
    }
}

//! Reads. Orders by id go through a queue that shares queries; all others run on the caller's thread,
//! on a connection of a pool.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use orders_core::{Instant as At, Order, OrderId, Policy, Service, ServiceId};
use r2d2::Pool;

use super::Store;
use crate::availability::{Availability, AvailabilityQuery};
use crate::calendar::{Calendar, CalendarQuery};
use crate::database::connection::{AnyConnection, Manager, Purpose};
use crate::events::{EventPage, OrderChange};
use crate::figures::Figures;
use crate::meter::{ErrorKind, Meter};
use crate::orders::find::ReadJob;
use crate::orders::{OrderPage, OrderQuery};
use crate::url::DatabaseUrl;
use crate::write::queue::Reply;
use crate::{StoreError, availability, calendar, events, figures, orders, policy, services};

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

    /// Lists at most `limit` changes to an order, oldest first, behind the one that led to version
    /// `after`; none if there never was such an order. Blocks.
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

    /// Lists at most `limit` changes to any orders, oldest first, whose sequences follow `after`: 0
    /// for all there are. A reader that continues after the last sequence misses nothing and sees nothing
    /// twice, since sequences rise in the order of commits. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_events(&self, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        read(&self.feeds, &self.meter, |connection| events::list(connection, after, limit))
    }

    /// The sequence of the last event that is committed; 0 where there was never one. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_last_sequence(&self) -> Result<u64, StoreError> {
        read(&self.feeds, &self.meter, events::find_last)
    }

    /// Whether an order with this id exists or ever existed. Blocks.
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

    /// Finds at most `limit` free stretches. Blocks.
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

    /// Finds what a calendar shows of a stretch of time, by one statement. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_calendar(&self, query: &CalendarQuery) -> Result<Calendar, StoreError> {
        self.read(|connection| calendar::find(connection, query))
    }

    /// Finds the figures of the orders from one time on, before another. Blocks, the longer the more
    /// orders there are.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_figures(&self, from: At, to: At) -> Result<Figures, StoreError> {
        self.read(|connection| figures::find(connection, from, to))
    }

    /// Finds the policy. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_policy(&self) -> Result<Policy, StoreError> {
        self.read(|connection| policy::find(connection).map_err(StoreError::from))
    }

    pub(super) fn read<T>(
        &self,
        question: impl Fn(&mut AnyConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        read(&self.pool, &self.meter, question)
    }
}

pub(super) fn pool(url: &DatabaseUrl, connections: u32) -> Result<Pool<Manager>, StoreError> {
    Pool::builder()
        .max_size(connections)
        .min_idle(Some(0))
        // A query that finds its connection closed is retried.
        .test_on_check_out(false)
        .connection_timeout(Duration::from_secs(2))
        .error_handler(Box::new(Quiet))
        .build(Manager::new(url, Purpose::List))
        .map_err(|error| StoreError::Unavailable(error.to_string()))
}

/// Runs a query on a connection of a pool. The server may have closed an idle connection: then the next
/// connection is tried, until one was opened just now.
pub(super) fn read<T>(
    pool: &Pool<Manager>,
    meter: &Meter,
    question: impl Fn(&mut AnyConnection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    loop {
        let mut pooled = pool.get().map_err(|error| {
            meter.failed(ErrorKind::NoConnection);
            StoreError::Unavailable(error.to_string())
        })?;
        let result = question(&mut pooled.connection);
        if let Err(error) = &result {
            meter.failed(error);
        }
        let was_used = std::mem::replace(&mut pooled.was_used, true);
        pooled.is_lost = matches!(result, Err(StoreError::Unavailable(_)));
        if !(pooled.is_lost && was_used) {
            return result;
        }
    }
}

/// Logs nothing above debug: errors of the pool are returned to the caller that asked for a connection.
#[derive(Debug)]
struct Quiet;

impl r2d2::HandleError<StoreError> for Quiet {
    fn handle_error(&self, error: StoreError) {
        log::debug!("connection pool: {error}");
    }
}

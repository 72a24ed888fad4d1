//! Reads that run on the caller's thread, with a connection of a pool.

use std::sync::Arc;
use std::time::Duration;

use r2d2::Pool;

use crate::StoreError;
use crate::database::connection::{AnyConnection, Manager, Purpose};
use crate::database::metrics::{ErrorKind, PoolSnapshot, StoreMetrics};
use crate::database::url::DatabaseUrl;

/// The connections for the feed of events.
const FEEDS: u32 = 3;

/// Reads a database. All methods block. Each noun's module has its own.
pub struct ReadPool {
    lists: Pool<Manager>,
    /// For the event feed, so that no slow list delays it.
    feeds: Pool<Manager>,
    metrics: Arc<StoreMetrics>,
}

impl ReadPool {
    pub(crate) fn new(
        url: &DatabaseUrl,
        connections: u32,
        metrics: Arc<StoreMetrics>,
    ) -> Result<Self, StoreError> {
        Ok(Self { lists: pool(url, connections)?, feeds: pool(url, FEEDS)?, metrics })
    }

    /// Runs a query.
    pub(crate) fn read<T>(
        &self,
        query: impl Fn(&mut AnyConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        read(&self.lists, &self.metrics, query)
    }

    /// Runs a query of the event feed.
    pub(crate) fn read_feed<T>(
        &self,
        query: impl Fn(&mut AnyConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        read(&self.feeds, &self.metrics, query)
    }

    /// Returns the current state of the pools, without a query.
    pub(crate) fn snapshots(&self) -> [PoolSnapshot; 2] {
        [("lists", &self.lists), ("feeds", &self.feeds)].map(|(name, pool)| {
            let r2d2::State { connections, idle_connections, .. } = pool.state();
            let in_use = connections.saturating_sub(idle_connections);
            PoolSnapshot { name, in_use, idle: idle_connections, most: pool.max_size() }
        })
    }
}

fn pool(url: &DatabaseUrl, connections: u32) -> Result<Pool<Manager>, StoreError> {
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
fn read<T>(
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

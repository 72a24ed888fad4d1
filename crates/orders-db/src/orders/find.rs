//! Reads of orders by id. All that wait at the same time share one query. There is no cache: each order
//! is read after it was requested.

use std::sync::Arc;
use std::time::Instant;

use orders_core::{Order, OrderId};

use super::Found;
use crate::database::connection::{AnyConnection, Manager};
use crate::database::metrics::StoreMetrics;
use crate::write::queue::{Reply, Weigh, WorkQueue};
use crate::{StoreError, orders};

/// The most orders found by one query.
const MOST: usize = 256;

pub(crate) struct ReadJob {
    pub(crate) id: OrderId,
    pub(crate) deadline: Instant,
    pub(crate) reply: Reply<Option<Order>>,
}

impl Weigh for ReadJob {
    fn weight(&self) -> usize {
        1
    }
}

/// Executes the jobs of the queue until it is closed.
pub(crate) fn run(queue: &Arc<WorkQueue<ReadJob>>, manager: &Manager, metrics: &StoreMetrics) {
    let mut connection: Option<AnyConnection> = None;
    while let Some(mut jobs) = queue.take(MOST) {
        jobs.retain(|job| Instant::now() < job.deadline);
        let ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
        let found = find(&mut connection, manager, &ids);
        if let Err(error) = &found {
            metrics.failed(error);
        }
        for job in jobs {
            let reply = match &found {
                Ok(orders) => orders.get(job.id.as_str()).cloned().transpose(),
                Err(error) => Err(error.clone()),
            };
            (job.reply)(reply);
        }
    }
}

fn find(
    connection: &mut Option<AnyConnection>,
    manager: &Manager,
    ids: &[&str],
) -> Result<Found, StoreError> {
    let had_one = connection.is_some();
    let found = find_once(connection, manager, ids);
    match found {
        // The server may have closed an idle connection.
        Err(StoreError::Unavailable(_)) if had_one => find_once(connection, manager, ids),
        found => found,
    }
}

fn find_once(
    connection: &mut Option<AnyConnection>,
    manager: &Manager,
    ids: &[&str],
) -> Result<Found, StoreError> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => manager.open()?,
    };
    let found = orders::find_all(&mut open, ids)?;
    *connection = Some(open);
    Ok(found)
}

//! Availability: free intervals, found with the same slots and the same minimum gap as decisions.

use std::collections::BTreeSet;

use diesel::prelude::*;
use orders_core::decide::{FreeInterval, FreeIntervals};
use orders_core::policy::CalendarId;
use orders_core::{OrderId, Policy, Scope, ServiceId, Timestamp};

use crate::database::connection::AnyConnection;
use crate::database::read_pool::ReadPool;
use crate::database::schema::order_slots;
use crate::database::{rows, transaction};
use crate::{StoreError, services};

/// How many slots one query reads.
const PAGE: i64 = 5_000;

/// A query for free intervals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvailabilityQuery {
    /// The first time.
    pub from: Timestamp,
    /// The last time.
    pub to: Timestamp,
    /// The services of the order to place.
    pub services: BTreeSet<ServiceId>,
    /// An order to ignore, since it is to be moved.
    pub ignore: Option<OrderId>,
}

/// Free intervals, and the policy that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    /// The intervals, earliest first.
    pub intervals: Vec<FreeInterval>,
    /// The policy.
    pub policy: Policy,
    /// The requested services that do not exist.
    pub unknown: Vec<ServiceId>,
}

impl ReadPool {
    /// Finds at most `limit` free intervals. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_availability(
        &self,
        query: &AvailabilityQuery,
        limit: usize,
    ) -> Result<Availability, StoreError> {
        self.read(|connection| find(connection, query, limit))
    }
}

/// Finds at most `limit` free intervals, at one moment.
pub(crate) fn find(
    connection: &mut AnyConnection,
    query: &AvailabilityQuery,
    limit: usize,
) -> Result<Availability, StoreError> {
    transaction::read_only(connection, |connection| {
        let policy = rows::find_policy(connection)?;
        let known: BTreeSet<ServiceId> = services::find_all(connection, &query.services)?
            .into_iter()
            .map(|service| service.id)
            .collect();
        let unknown = query.services.difference(&known).copied().collect();
        let intervals = intervals(connection, query, &policy, limit)?;
        Ok(Availability { intervals, policy, unknown })
    })
}

fn intervals(
    connection: &mut AnyConnection,
    query: &AvailabilityQuery,
    policy: &Policy,
    limit: usize,
) -> Result<Vec<FreeInterval>, StoreError> {
    let calendars: Vec<CalendarId> = match policy.scope {
        Scope::Global => vec![CalendarId::Global],
        Scope::Service => query.services.iter().copied().map(CalendarId::Service).collect(),
    };
    let scopes: Vec<i64> = calendars.iter().map(|id| rows::scope_column(*id)).collect();
    let mut free = FreeIntervals::new(policy, &calendars, query.from, query.to);
    let (mut from, to) = (free.starts().0.as_millis(), free.starts().1.as_millis());
    let mut found = Vec::new();
    loop {
        let page: Vec<(i64, i64, String)> = order_slots::table
            .filter(order_slots::scope.eq_any(&scopes))
            .filter(order_slots::start_ms.ge(from))
            .filter(order_slots::start_ms.le(to))
            .order(order_slots::start_ms.asc())
            .limit(PAGE)
            .select((order_slots::start_ms, order_slots::end_ms, order_slots::order_id))
            .load(connection)
            .map_err(|error| StoreError::from_read(&error))?;
        let last = page.last().map(|(start_ms, _, _)| *start_ms);
        let full = i64::try_from(page.len()).is_ok_and(|length| length == PAGE);
        for (start_ms, end_ms, order_id) in page {
            if query.ignore.as_ref().is_none_or(|ignored| ignored.as_str() != order_id) {
                found.extend(free.pass(rows::interval(start_ms, end_ms)?));
            }
        }
        if found.len() >= limit {
            found.truncate(limit);
            return Ok(found);
        }
        match last {
            // The next page repeats the slots at the last time, which is harmless. If one time fills a page,
            // its remaining slots change nothing.
            Some(last) if full => from = if last > from { last } else { last + 1 },
            Some(_) | None => break,
        }
    }
    found.extend(free.finish());
    Ok(found)
}

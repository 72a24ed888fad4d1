//! Availability: the free stretches of time, found over the same slots and by the same window that
//! a write is judged by.

use std::collections::BTreeSet;

use diesel::prelude::*;
use orders_core::{CalendarId, FreeStretches, Instant, OrderId, Policy, Scope, ServiceId, Stretch};

use crate::connection::AnyConnection;
use crate::schema::order_slots;
use crate::{StoreError, policy, rows, services, transaction};

/// How many slots are looked at in one query.
const PAGE: i64 = 5_000;

/// For what, and within which time, free stretches are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvailabilityQuery {
    /// The first instant.
    pub from: Instant,
    /// The last instant.
    pub to: Instant,
    /// The services of the order that is to be placed.
    pub services: BTreeSet<ServiceId>,
    /// An order that is left out, as one that is to be moved.
    pub ignore: Option<OrderId>,
}

/// Free stretches, and the policy by which they are free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    /// The stretches, earliest first.
    pub stretches: Vec<Stretch>,
    /// The policy.
    pub policy: Policy,
    /// Those of the services asked for that do not exist.
    pub unknown: Vec<ServiceId>,
}

/// At most `limit` free stretches, all on one state of the database.
pub(crate) fn find(
    connection: &mut AnyConnection,
    query: &AvailabilityQuery,
    limit: usize,
) -> Result<Availability, StoreError> {
    transaction::read_only(connection, |connection| {
        let policy = policy::find(connection)?;
        let known: BTreeSet<ServiceId> = services::find_all(connection, &query.services)?
            .into_iter()
            .map(|service| service.id)
            .collect();
        let unknown = query.services.difference(&known).copied().collect();
        let stretches = stretches(connection, query, &policy, limit)?;
        Ok(Availability { stretches, policy, unknown })
    })
}

fn stretches(
    connection: &mut AnyConnection,
    query: &AvailabilityQuery,
    policy: &Policy,
    limit: usize,
) -> Result<Vec<Stretch>, StoreError> {
    let scopes: Vec<i64> = match policy.scope {
        Scope::Global => vec![rows::scope_column(CalendarId::Global)],
        Scope::Service => query.services.iter().map(|id| id.get()).collect(),
    };
    let mut from = query.from.saturating_sub(policy.window).as_millis();
    let to = query.to.saturating_add(policy.window).as_millis();
    let mut free = FreeStretches::new(policy.window, query.from, query.to);
    let mut found = Vec::new();
    loop {
        let page: Vec<(i64, String)> = order_slots::table
            .filter(order_slots::scope.eq_any(&scopes))
            .filter(order_slots::start_ms.ge(from))
            .filter(order_slots::start_ms.le(to))
            .order(order_slots::start_ms.asc())
            .limit(PAGE)
            .select((order_slots::start_ms, order_slots::order_id))
            .load(connection)
            .map_err(|error| StoreError::of_read(&error))?;
        let last = page.last().map(|(start_ms, _)| *start_ms);
        let full = i64::try_from(page.len()).is_ok_and(|length| length == PAGE);
        for (start_ms, order_id) in page {
            if query.ignore.as_ref().is_none_or(|ignored| ignored.as_str() != order_id) {
                found.extend(free.pass(rows::instant(start_ms)?));
            }
        }
        if found.len() >= limit {
            found.truncate(limit);
            return Ok(found);
        }
        match last {
            // Those at the last instant come again, which does no harm; but where a page is filled
            // by a single instant, the rest of it holds what the page holds.
            Some(last) if full => from = if last > from { last } else { last + 1 },
            Some(_) | None => break,
        }
    }
    found.extend(free.finish());
    Ok(found)
}

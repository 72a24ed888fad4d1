//! Writes and trims the delivery log.

use std::collections::HashSet;
use std::time::Duration;

use diesel::prelude::*;
use orders_core::Timestamp;
use orders_core::webhook::{DeliveryStatus, WebhookId};

use super::{Attempt, after};
use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::database::rows;
use crate::database::schema::{deliveries, webhooks};

/// How many deliveries to a webhook are kept.
const KEPT: i64 = 10_000;
/// How many deliveries one statement deletes: few enough that other writers do not wait long.
const PURGED_AT_ONCE: i64 = 500;

/// Records an attempt in the row of the pending delivery, or in a new row. `rest` is the delay before
/// the next attempt.
pub(super) fn write(
    connection: &mut AnyConnection,
    webhook: &WebhookId,
    attempt: &Attempt,
    rest: Option<Duration>,
    now: Timestamp,
) -> QueryResult<()> {
    let status = match (attempt.status, rest) {
        // The webhook was changed meanwhile, so there is no next attempt.
        (DeliveryStatus::Pending, None) => DeliveryStatus::Failed,
        (status, _) => status,
    };
    let last = (
        deliveries::status.eq(status.as_str()),
        deliveries::http_status.eq(attempt.http_status.map(i32::from)),
        deliveries::error.eq(attempt.error.as_deref()),
        deliveries::duration_ms.eq(i64::try_from(attempt.duration.as_millis()).unwrap_or(i64::MAX)),
        deliveries::updated_at_ms.eq(now.as_millis()),
        deliveries::next_attempt_ms.eq(rest.map(|rest| after(now, rest))),
    );
    let waiting = deliveries::table
        .filter(deliveries::webhook_id.eq(webhook.as_str()))
        .filter(deliveries::status.eq(DeliveryStatus::Pending.as_str()))
        .filter(deliveries::sequence.eq(rows::bigint(attempt.sequence)));
    let continued = diesel::update(waiting)
        .set((last, deliveries::attempts.eq(deliveries::attempts + 1)))
        .execute(connection)?;
    if continued > 0 {
        return Ok(());
    }
    diesel::insert_into(deliveries::table)
        .values((
            deliveries::webhook_id.eq(webhook.as_str()),
            deliveries::sequence.eq(rows::bigint(attempt.sequence)),
            deliveries::kind.eq(attempt.kind.as_str()),
            deliveries::attempts.eq(1),
            deliveries::created_at_ms.eq(now.as_millis()),
            last,
        ))
        .execute(connection)
        .map(drop)
}

/// Deletes one chunk of old deliveries. Returns whether there may be more.
pub(super) fn purge(
    connection: &mut AnyConnection,
    grown: &mut HashSet<WebhookId>,
) -> Result<bool, DbError> {
    let gone: Option<String> = webhooks::table
        .filter(webhooks::deleted_at_ms.is_not_null())
        .select(webhooks::id)
        .first(connection)
        .optional()
        .map_err(|error| DbError::from_diesel(&error))?;
    if let Some(id) = gone {
        if purge_up_to(connection, &id, i64::MAX)? < PURGED_AT_ONCE {
            diesel::delete(webhooks::table.find(&id))
                .execute(connection)
                .map_err(|error| DbError::from_diesel(&error))?;
        }
        return Ok(true);
    }
    let Some(id) = grown.iter().next().cloned() else { return Ok(false) };
    let last_too_much: Option<i64> = deliveries_to(id.as_str())
        .order(deliveries::id.desc())
        .offset(KEPT)
        .select(deliveries::id)
        .first(connection)
        .optional()
        .map_err(|error| DbError::from_diesel(&error))?;
    let purged = match last_too_much {
        Some(last) => purge_up_to(connection, id.as_str(), last)?,
        None => 0,
    };
    if purged < PURGED_AT_ONCE {
        grown.remove(&id);
    }
    Ok(!grown.is_empty())
}

#[diesel::dsl::auto_type(no_type_alias)]
fn deliveries_to<'a>(webhook: &'a str) -> _ {
    deliveries::table.filter(deliveries::webhook_id.eq(webhook))
}

/// Deletes the oldest deliveries to a webhook, up to an id. Returns how many.
fn purge_up_to(connection: &mut AnyConnection, webhook: &str, last: i64) -> Result<i64, DbError> {
    let end_of_chunk: Option<i64> = deliveries_to(webhook)
        .order(deliveries::id.asc())
        .offset(PURGED_AT_ONCE - 1)
        .select(deliveries::id)
        .first(connection)
        .optional()
        .map_err(|error| DbError::from_diesel(&error))?;
    let end = end_of_chunk.unwrap_or(i64::MAX).min(last);
    let purged = diesel::delete(deliveries_to(webhook).filter(deliveries::id.le(end)))
        .execute(connection)
        .map_err(|error| DbError::from_diesel(&error))?;
    Ok(i64::try_from(purged).unwrap_or(i64::MAX))
}

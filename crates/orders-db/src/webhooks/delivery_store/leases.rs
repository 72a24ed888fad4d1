//! Leases and positions in the rows of webhooks.

use std::time::Duration;

use diesel::prelude::*;
use orders_core::Timestamp;
use orders_core::webhook::{Disabled, WebhookId};

use super::super::WebhookRow;
use super::{Owner, Progress, after};
use crate::database::connection::AnyConnection;
use crate::database::rows;
use crate::database::schema::webhooks;

/// Finds webhooks whose next event may be delivered now and that are not leased.
pub(super) fn due(
    connection: &mut AnyConnection,
    now: Timestamp,
    last_sequence: i64,
    is_held: bool,
    room: usize,
) -> QueryResult<Vec<WebhookRow>> {
    let now = now.as_millis();
    let is_free = webhooks::lease_owner.is_null().or(webhooks::lease_until_ms.le(now));
    let due = webhooks::table
        .filter(webhooks::deleted_at_ms.is_null())
        .filter(webhooks::disabled.is_null())
        .filter(webhooks::position.lt(last_sequence))
        .filter(webhooks::next_attempt_ms.le(now))
        .filter(is_free)
        .order((webhooks::lease_until_ms.asc(), webhooks::id.asc()))
        .limit(i64::try_from(room).unwrap_or(i64::MAX))
        .select(WebhookRow::as_select());
    if is_held {
        due.filter(webhooks::attempts.gt(0)).load(connection)
    } else {
        due.filter(webhooks::attempts.eq(0)).load(connection)
    }
}

/// Moves the position of a webhook, unless it was changed since it was leased or another process has
/// leased it. Returns whether it moved; if not, the lease is released.
pub(super) fn advance(
    connection: &mut AnyConnection,
    owner: &Owner,
    progress: &Progress,
    now: Timestamp,
) -> QueryResult<bool> {
    let id = progress.id.as_str();
    let own =
        webhooks::table.filter(webhooks::id.eq(id)).filter(webhooks::lease_owner.eq(&owner.name));
    let unchanged = own
        .filter(webhooks::generation.eq(rows::bigint(progress.generation)))
        .filter(webhooks::deleted_at_ms.is_null());
    // A release also records when the webhook was served last, so that none is starved.
    let lease = if progress.release { Duration::ZERO } else { owner.lease_time };
    let next_owner = (!progress.release).then_some(&owner.name);
    let moved = diesel::update(unchanged)
        .set((
            webhooks::position.eq(progress.position()),
            webhooks::attempts.eq(progress.attempts()),
            webhooks::next_attempt_ms.eq(progress.next_attempt_ms(now)),
            webhooks::lease_owner.eq(next_owner),
            webhooks::lease_until_ms.eq(after(now, lease)),
        ))
        .execute(connection)?;
    if moved == 0 {
        diesel::update(own)
            .set((
                webhooks::lease_owner.eq(None::<String>),
                webhooks::lease_until_ms.eq(now.as_millis()),
            ))
            .execute(connection)?;
        return Ok(false);
    }
    if let Some(reason) = progress.disabled() {
        diesel::update(webhooks::table.find(id))
            .set((
                webhooks::disabled.eq(Disabled::as_str(reason)),
                webhooks::updated_at_ms.eq(now.as_millis()),
            ))
            .execute(connection)?;
    }
    Ok(true)
}

/// Returns `true` if a webhook exists and is not deleted.
pub(super) fn is_there(connection: &mut AnyConnection, id: &WebhookId) -> QueryResult<bool> {
    let there = webhooks::table.find(id.as_str()).filter(webhooks::deleted_at_ms.is_null());
    diesel::select(diesel::dsl::exists(there)).get_result(connection)
}

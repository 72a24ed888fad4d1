//! The delivery log: one row for each event that was sent to a webhook, however many attempts it took.

use std::collections::HashMap;

use diesel::prelude::*;
use orders_core::webhook::{DeliveryStatus, WebhookId};
use orders_core::{EventKind, Timestamp};

use crate::StoreError;
use crate::database::connection::AnyConnection;
use crate::database::rows;
use crate::database::schema::deliveries;

/// The delivery of an event to a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id. Ids rise in the log.
    pub id: u64,
    /// The event's sequence.
    pub sequence: u64,
    /// The kind of the event.
    pub kind: EventKind,
    /// Its status.
    pub status: DeliveryStatus,
    /// The number of attempts.
    pub attempts: u32,
    /// The HTTP status of the last response, if there was one.
    pub http_status: Option<u16>,
    /// The error of the last attempt, in words.
    pub error: Option<String>,
    /// The duration of the last attempt, in milliseconds.
    pub duration_ms: u64,
    /// The time of the first attempt.
    pub created_at: Timestamp,
    /// The time of the last attempt.
    pub updated_at: Timestamp,
    /// The time of the next attempt.
    pub next_attempt_at: Option<Timestamp>,
}

/// A row of `deliveries`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = deliveries)]
struct DeliveryRow {
    id: i64,
    sequence: i64,
    kind: String,
    status: String,
    attempts: i32,
    http_status: Option<i32>,
    error: Option<String>,
    duration_ms: i64,
    created_at_ms: i64,
    updated_at_ms: i64,
    next_attempt_ms: Option<i64>,
}

impl DeliveryRow {
    fn into_delivery(self) -> Result<Delivery, StoreError> {
        let corrupt = || StoreError::Corrupt(format!("delivery {}", self.id));
        let number = |number: i64| u64::try_from(number).ok().ok_or_else(corrupt);
        let http_status = self.http_status.map(|status| u16::try_from(status).ok());
        Ok(Delivery {
            id: number(self.id)?,
            sequence: number(self.sequence)?,
            kind: EventKind::parse(&self.kind).ok().ok_or_else(corrupt)?,
            status: DeliveryStatus::parse(&self.status).ok().ok_or_else(corrupt)?,
            attempts: u32::try_from(self.attempts).ok().ok_or_else(corrupt)?,
            http_status: http_status.map(|status| status.ok_or_else(corrupt)).transpose()?,
            duration_ms: number(self.duration_ms)?,
            created_at: rows::timestamp(self.created_at_ms)?,
            updated_at: rows::timestamp(self.updated_at_ms)?,
            next_attempt_at: self.next_attempt_ms.map(rows::timestamp).transpose()?,
            error: self.error,
        })
    }
}

/// Lists at most `limit` deliveries to a webhook, newest first, with ids below `before`.
pub(crate) fn list(
    connection: &mut AnyConnection,
    webhook: &WebhookId,
    status: Option<DeliveryStatus>,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let mut page = deliveries::table
        .filter(deliveries::webhook_id.eq(webhook.as_str()))
        .order(deliveries::id.desc())
        .select(DeliveryRow::as_select())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .into_boxed();
    if let Some(status) = status {
        page = page.filter(deliveries::status.eq(status.as_str()));
    }
    if let Some(before) = before {
        page = page.filter(deliveries::id.lt(rows::bigint(before)));
    }
    let rows: Vec<DeliveryRow> =
        page.load(connection).map_err(|error| StoreError::from_read(&error))?;
    rows.into_iter().map(DeliveryRow::into_delivery).collect()
}

/// Counts the failed deliveries of each of these webhooks.
pub(super) fn count_failed(
    connection: &mut AnyConnection,
    webhooks: &[&str],
) -> Result<HashMap<String, u64>, StoreError> {
    let counts: Vec<(String, i64)> = deliveries::table
        .filter(deliveries::webhook_id.eq_any(webhooks.iter().copied()))
        .filter(deliveries::status.eq(DeliveryStatus::Failed.as_str()))
        .group_by(deliveries::webhook_id)
        .select((deliveries::webhook_id, diesel::dsl::count_star()))
        .load(connection)
        .map_err(|error| StoreError::from_read(&error))?;
    Ok(counts.into_iter().map(|(id, count)| (id, u64::try_from(count).unwrap_or(0))).collect())
}

/// Marks pending deliveries up to a position as failed: they are not retried.
pub(super) fn cancel_pending(
    connection: &mut AnyConnection,
    webhook: &WebhookId,
    position: u64,
) -> QueryResult<()> {
    let pending = deliveries::table
        .filter(deliveries::webhook_id.eq(webhook.as_str()))
        .filter(deliveries::status.eq(DeliveryStatus::Pending.as_str()))
        .filter(deliveries::sequence.le(rows::bigint(position)));
    diesel::update(pending)
        .set((
            deliveries::status.eq(DeliveryStatus::Failed.as_str()),
            deliveries::next_attempt_ms.eq(None::<i64>),
        ))
        .execute(connection)
        .map(drop)
}

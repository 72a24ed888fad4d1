//! Reads of webhooks. `change.rs` changes them, `delivery_store.rs` serves the delivering process,
//! `deliveries.rs` reads the log.

mod change;
mod deliveries;
mod delivery_store;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orders_core::Timestamp;
use orders_core::webhook::{
    DeliveryStatus, Disabled, EventPattern, EventPatterns, Held, SigningSecret, Webhook,
    WebhookContent, WebhookDescription, WebhookId,
};

use crate::StoreError;
use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::database::read_pool::ReadPool;
use crate::database::schema::{counters, webhook_secrets, webhooks};
use crate::database::{clock, rows};

pub use deliveries::Delivery;
pub use delivery_store::{Attempt, DeliveryStore, Lease, Progress};

/// A row of `webhooks`, without the columns of leases.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = webhooks, treat_none_as_null = true)]
struct WebhookRow {
    id: String,
    url: String,
    events: String,
    description: Option<String>,
    disabled: Option<String>,
    created_at_ms: i64,
    updated_at_ms: i64,
    position: i64,
    attempts: i32,
    next_attempt_ms: i64,
    generation: i64,
}

impl WebhookRow {
    /// Creates the row of a new or changed webhook, whose next event was not tried yet.
    fn from_webhook(webhook: &Webhook) -> Self {
        let description = webhook.content.description.as_ref();
        Self {
            id: webhook.id.as_str().to_owned(),
            url: webhook.content.url.clone(),
            events: write_patterns(&webhook.content.events),
            description: description.map(|text| text.as_str().to_owned()),
            disabled: webhook.disabled.map(|reason| reason.as_str().to_owned()),
            created_at_ms: webhook.created_at.as_millis(),
            updated_at_ms: webhook.updated_at.as_millis(),
            position: rows::bigint(webhook.position),
            attempts: 0,
            next_attempt_ms: 0,
            generation: rows::bigint(webhook.generation),
        }
    }

    /// Counts the events after its position up to `last` as pending.
    fn into_webhook(self, last: u64, failed: u64) -> Result<Webhook, StoreError> {
        let corrupt = || StoreError::Corrupt(format!("webhook {:?}", self.id));
        let patterns: Result<Vec<EventPattern>, _> =
            self.events.split(' ').map(EventPattern::parse).collect();
        let position = u64::try_from(self.position).ok().ok_or_else(corrupt)?;
        let description = self.description.as_deref().map(WebhookDescription::parse).transpose();
        let disabled =
            self.disabled.as_deref().map(|text| Disabled::parse(text).ok().ok_or_else(corrupt));
        let attempts = u32::try_from(self.attempts).ok().ok_or_else(corrupt)?;
        let next_attempt_at = rows::timestamp(self.next_attempt_ms)?;
        Ok(Webhook {
            id: WebhookId::parse(&self.id).ok().ok_or_else(corrupt)?,
            content: WebhookContent {
                events: EventPatterns::new(patterns.ok().ok_or_else(corrupt)?)
                    .ok()
                    .ok_or_else(corrupt)?,
                description: description.ok().ok_or_else(corrupt)?,
                url: self.url.clone(),
            },
            disabled: disabled.transpose()?,
            created_at: rows::timestamp(self.created_at_ms)?,
            updated_at: rows::timestamp(self.updated_at_ms)?,
            position,
            pending: last.saturating_sub(position),
            failed,
            held: (attempts > 0).then_some(Held { attempts, next_attempt_at }),
            generation: u64::try_from(self.generation).ok().ok_or_else(corrupt)?,
        })
    }
}

/// A row of `webhook_secrets`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = webhook_secrets)]
struct SecretRow {
    webhook_id: String,
    secret: Vec<u8>,
    until_ms: Option<i64>,
}

fn write_patterns(patterns: &EventPatterns) -> String {
    patterns.iter().map(|pattern| pattern.as_str()).collect::<Vec<_>>().join(" ")
}

impl ReadPool {
    /// Finds a webhook. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_webhook(&self, id: &WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.read(|connection| find(connection, id))
    }

    /// Lists at most `limit` webhooks after a position (creation time and id), oldest first. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_webhooks(
        &self,
        after: Option<&(Timestamp, WebhookId)>,
        limit: usize,
    ) -> Result<Vec<Webhook>, StoreError> {
        self.read(|connection| list(connection, after, limit))
    }

    /// Returns the secrets that sign deliveries to a webhook, and the database's time. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_signing_secrets(
        &self,
        id: &WebhookId,
    ) -> Result<(Vec<SigningSecret>, Timestamp), StoreError> {
        self.read(|connection| {
            let now = clock::now(connection)?;
            Ok((secrets(connection, id, now)?, now))
        })
    }

    /// Lists at most `limit` deliveries to a webhook, the newest first, below the one with the id
    /// `before`. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_deliveries(
        &self,
        webhook: &WebhookId,
        status: Option<DeliveryStatus>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.read(|connection| deliveries::list(connection, webhook, status, before, limit))
    }
}

/// Finds a webhook.
pub(crate) fn find(
    connection: &mut AnyConnection,
    id: &WebhookId,
) -> Result<Option<Webhook>, StoreError> {
    let row: Option<WebhookRow> = webhooks::table
        .find(id.as_str())
        .filter(webhooks::deleted_at_ms.is_null())
        .select(WebhookRow::as_select())
        .first(connection)
        .optional()
        .map_err(|error| StoreError::from_read(&error))?;
    Ok(with_counts(connection, row.into_iter().collect())?.pop())
}

/// Lists at most `limit` webhooks after `after`, oldest first.
pub(crate) fn list(
    connection: &mut AnyConnection,
    after: Option<&(Timestamp, WebhookId)>,
    limit: usize,
) -> Result<Vec<Webhook>, StoreError> {
    let mut page = webhooks::table
        .filter(webhooks::deleted_at_ms.is_null())
        .order((webhooks::created_at_ms.asc(), webhooks::id.asc()))
        .select(WebhookRow::as_select())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .into_boxed();
    if let Some((created_at, id)) = after {
        let at = created_at.as_millis();
        let later = webhooks::created_at_ms.eq(at).and(webhooks::id.gt(id.as_str()));
        page = page.filter(webhooks::created_at_ms.gt(at).or(later));
    }
    let rows: Vec<WebhookRow> =
        page.load(connection).map_err(|error| StoreError::from_read(&error))?;
    with_counts(connection, rows)
}

fn with_counts(
    connection: &mut AnyConnection,
    rows: Vec<WebhookRow>,
) -> Result<Vec<Webhook>, StoreError> {
    let last = last_sequence(connection).map_err(|error| StoreError::from_read(&error))?;
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let failed = deliveries::count_failed(connection, &ids)?;
    let webhook = |row: WebhookRow| {
        let failed = failed.get(&row.id).copied().unwrap_or(0);
        row.into_webhook(last, failed)
    };
    rows.into_iter().map(webhook).collect()
}

fn last_sequence(connection: &mut AnyConnection) -> QueryResult<u64> {
    let last: i64 = counters::table.select(counters::last_sequence).first(connection)?;
    Ok(u64::try_from(last).unwrap_or(0))
}

/// Lists the secrets that sign now, newest first.
pub(crate) fn secrets(
    connection: &mut AnyConnection,
    id: &WebhookId,
    now: Timestamp,
) -> Result<Vec<SigningSecret>, StoreError> {
    let valid = webhook_secrets::until_ms.is_null();
    let mut rows: Vec<SecretRow> = webhook_secrets::table
        .filter(webhook_secrets::webhook_id.eq(id.as_str()))
        .filter(valid.or(webhook_secrets::until_ms.gt(now.as_millis())))
        .select(SecretRow::as_select())
        .load(connection)
        .map_err(|error| StoreError::from_read(&error))?;
    rows.sort_by_key(|row| std::cmp::Reverse(row.until_ms.unwrap_or(i64::MAX)));
    let corrupt = || StoreError::Corrupt(format!("a secret of webhook {id}"));
    let secret = |row: SecretRow| SigningSecret::new(row.secret).ok_or_else(corrupt);
    rows.into_iter().map(secret).collect()
}

/// Takes PostgreSQL's lock on webhooks until the end of the transaction. If the write lock is also
/// needed, it is taken first.
fn lock(connection: &mut AnyConnection) -> Result<(), DbError> {
    match connection {
        AnyConnection::Postgres(_) => connection
            .batch_execute("SELECT pg_advisory_xact_lock(7310868735434190197)")
            .map_err(|error| DbError::from_diesel(&error)),
        // SQLite has one writer.
        AnyConnection::Sqlite(_) => Ok(()),
    }
}

//! Webhooks: found, listed and changed. `delivery_store.rs` is for the process that delivers,
//! `deliveries.rs` has the log.

mod deliveries;
mod delivery_store;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orders_core::{
    Disabled, EventPattern, EventPatterns, Held, Instant, SigningSecret, Webhook, WebhookChange,
    WebhookCommand, WebhookContent, WebhookDescription, WebhookId, WebhookRefusal, WebhookSnapshot,
    decide_webhook,
};

use crate::connection::AnyConnection;
use crate::database::error::Trouble;
use crate::rows;
use crate::schema::{counters, webhook_secrets, webhooks};
use crate::write::change::Change;
use crate::{StoreError, clock, events};

pub(crate) use deliveries::list as list_deliveries;
pub use deliveries::{Delivery, DeliveryStatus};
pub use delivery_store::{Attempt, DeliveryStore, Lease, Progress};

/// How many replaced secrets may still sign beside the newest.
const PREVIOUS_SECRETS: usize = 4;

/// A row of `webhooks`, without the columns of leases.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = webhooks)]
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
    /// Counts the events after its position up to `last` as pending.
    fn into_webhook(self, last: u64, failed: u64) -> Result<Webhook, StoreError> {
        let corrupt = || StoreError::Corrupt(format!("webhook {:?}", self.id));
        let patterns: Option<Vec<EventPattern>> =
            self.events.split(' ').map(EventPattern::parse).collect();
        let position = u64::try_from(self.position).ok().ok_or_else(corrupt)?;
        let description = self.description.as_deref().map(WebhookDescription::parse).transpose();
        let disabled =
            self.disabled.as_deref().map(|text| Disabled::parse(text).ok_or_else(corrupt));
        let attempts = u32::try_from(self.attempts).ok().ok_or_else(corrupt)?;
        let next_attempt_at = rows::instant(self.next_attempt_ms)?;
        Ok(Webhook {
            id: WebhookId::parse(&self.id).ok().ok_or_else(corrupt)?,
            content: WebhookContent {
                events: EventPatterns::new(patterns.ok_or_else(corrupt)?)
                    .ok()
                    .ok_or_else(corrupt)?,
                description: description.ok().ok_or_else(corrupt)?,
                url: self.url.clone(),
            },
            disabled: disabled.transpose()?,
            created_at: rows::instant(self.created_at_ms)?,
            updated_at: rows::instant(self.updated_at_ms)?,
            position,
            pending: last.saturating_sub(position),
            failed,
            held: (attempts > 0).then_some(Held { attempts, next_attempt_at }),
            generation: u64::try_from(self.generation).ok().ok_or_else(corrupt)?,
        })
    }
}

fn write_patterns(patterns: &EventPatterns) -> String {
    patterns.iter().map(EventPattern::as_str).collect::<Vec<_>>().join(" ")
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
        .map_err(|error| StoreError::of_read(&error))?;
    Ok(with_counts(connection, row.into_iter().collect())?.pop())
}

/// Lists at most `limit` webhooks after `after`, oldest first.
pub(crate) fn list(
    connection: &mut AnyConnection,
    after: Option<&(Instant, WebhookId)>,
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
        page.load(connection).map_err(|error| StoreError::of_read(&error))?;
    with_counts(connection, rows)
}

fn with_counts(
    connection: &mut AnyConnection,
    rows: Vec<WebhookRow>,
) -> Result<Vec<Webhook>, StoreError> {
    let last = last_sequence(connection).map_err(|error| StoreError::of_read(&error))?;
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
    now: Instant,
) -> Result<Vec<SigningSecret>, StoreError> {
    let valid = webhook_secrets::until_ms.is_null();
    let mut rows: Vec<(Vec<u8>, Option<i64>)> = webhook_secrets::table
        .filter(webhook_secrets::webhook_id.eq(id.as_str()))
        .filter(valid.or(webhook_secrets::until_ms.gt(now.as_millis())))
        .select((webhook_secrets::secret, webhook_secrets::until_ms))
        .load(connection)
        .map_err(|error| StoreError::of_read(&error))?;
    rows.sort_by_key(|(_, until)| std::cmp::Reverse(until.unwrap_or(i64::MAX)));
    let corrupt = || StoreError::Corrupt(format!("a secret of webhook {id}"));
    let secret = |(bytes, _)| SigningSecret::new(bytes).ok_or_else(corrupt);
    rows.into_iter().map(secret).collect()
}

impl Change for WebhookCommand {
    /// With the time.
    type Snapshot = (WebhookSnapshot, Instant);
    type Accepted = WebhookChange;
    type Refusal = WebhookRefusal;

    fn load(&self, connection: &mut AnyConnection) -> Result<Self::Snapshot, Trouble> {
        // Deliveries move positions without the write lock.
        lock(connection)?;
        let now = clock::now(connection)?;
        Ok((load(connection, self)?, now))
    }

    fn decide(&self, (snapshot, now): &Self::Snapshot) -> Result<WebhookChange, WebhookRefusal> {
        decide_webhook(snapshot, self, *now)
    }

    fn store(
        connection: &mut AnyConnection,
        (_, now): &Self::Snapshot,
        change: &WebhookChange,
    ) -> Result<(), Trouble> {
        store(connection, change, *now).map_err(|error| Trouble::of(&error))
    }

    fn is_done(
        connection: &mut AnyConnection,
        change: &WebhookChange,
    ) -> Result<Option<bool>, Trouble> {
        Ok(Some(match change {
            WebhookChange::Created(webhook, _) => find(connection, &webhook.id)?.is_some(),
            WebhookChange::Changed(webhook) | WebhookChange::Replayed(webhook) => {
                let found = find(connection, &webhook.id)?;
                found.is_some_and(|found| found.generation == webhook.generation)
            }
            WebhookChange::Unchanged(_) => true,
            WebhookChange::Deleted(id) => find(connection, id)?.is_none(),
            WebhookChange::Rotated { webhook, secret, .. } => {
                let found: Option<String> = webhook_secrets::table
                    .find((webhook.id.as_str(), secret.expose()))
                    .select(webhook_secrets::webhook_id)
                    .first(connection)
                    .optional()
                    .map_err(|error| Trouble::of(&error))?;
                found.is_some()
            }
        }))
    }
}

/// Takes PostgreSQL's lock of the webhooks until the end of the transaction. If the write lock is
/// needed, too, it is taken first.
fn lock(connection: &mut AnyConnection) -> Result<(), Trouble> {
    match connection {
        AnyConnection::Postgres(_) => connection
            .batch_execute("SELECT pg_advisory_xact_lock(7310868735434190197)")
            .map_err(|error| Trouble::of(&error)),
        // SQLite has one writer.
        AnyConnection::Sqlite(_) => Ok(()),
    }
}

fn load(
    connection: &mut AnyConnection,
    command: &WebhookCommand,
) -> Result<WebhookSnapshot, Trouble> {
    let trouble = |error| Trouble::of(&error);
    let count: i64 = webhooks::table
        .filter(webhooks::deleted_at_ms.is_null())
        .count()
        .get_result(connection)
        .map_err(trouble)?;
    Ok(WebhookSnapshot {
        named: find(connection, command.id())?,
        count: u64::try_from(count).unwrap_or(0),
        last_sequence: last_sequence(connection).map_err(trouble)?,
        trimmed_through: events::trimmed_through(connection)?,
    })
}

fn store(connection: &mut AnyConnection, change: &WebhookChange, now: Instant) -> QueryResult<()> {
    match change {
        WebhookChange::Created(webhook, secret) => {
            insert(connection, webhook)?;
            add_secret(connection, &webhook.id, secret)
        }
        WebhookChange::Changed(webhook) => update(connection, webhook),
        WebhookChange::Replayed(webhook) => {
            deliveries::cancel_pending(connection, &webhook.id, webhook.position)?;
            update(connection, webhook)
        }
        WebhookChange::Unchanged(_) => Ok(()),
        WebhookChange::Deleted(id) => {
            diesel::delete(secrets_of(id)).execute(connection)?;
            diesel::update(webhooks::table.find(id.as_str()))
                .set(webhooks::deleted_at_ms.eq(now.as_millis()))
                .execute(connection)
                .map(drop)
        }
        WebhookChange::Rotated { webhook, secret, former_until } => {
            end_secrets(connection, &webhook.id, *former_until, now)?;
            add_secret(connection, &webhook.id, secret)
        }
    }
}

fn insert(connection: &mut AnyConnection, webhook: &Webhook) -> QueryResult<()> {
    diesel::insert_into(webhooks::table)
        .values((
            webhooks::id.eq(webhook.id.as_str()),
            webhooks::url.eq(&webhook.content.url),
            webhooks::events.eq(write_patterns(&webhook.content.events)),
            webhooks::description.eq(webhook
                .content
                .description
                .as_ref()
                .map(WebhookDescription::as_str)),
            webhooks::created_at_ms.eq(webhook.created_at.as_millis()),
            webhooks::updated_at_ms.eq(webhook.updated_at.as_millis()),
            webhooks::position.eq(rows::bigint(webhook.position)),
            webhooks::attempts.eq(0),
            webhooks::next_attempt_ms.eq(0),
            webhooks::generation.eq(rows::bigint(webhook.generation)),
            webhooks::lease_until_ms.eq(0),
        ))
        .execute(connection)
        .map(drop)
}

/// The holder of the lease keeps it, so that no two processes deliver at once, but its progress no
/// longer counts.
fn update(connection: &mut AnyConnection, webhook: &Webhook) -> QueryResult<()> {
    diesel::update(webhooks::table.find(webhook.id.as_str()))
        .set((
            webhooks::url.eq(&webhook.content.url),
            webhooks::events.eq(write_patterns(&webhook.content.events)),
            webhooks::description.eq(webhook
                .content
                .description
                .as_ref()
                .map(WebhookDescription::as_str)),
            webhooks::disabled.eq(webhook.disabled.map(Disabled::as_str)),
            webhooks::updated_at_ms.eq(webhook.updated_at.as_millis()),
            webhooks::position.eq(rows::bigint(webhook.position)),
            webhooks::attempts.eq(0),
            webhooks::next_attempt_ms.eq(0),
            webhooks::generation.eq(rows::bigint(webhook.generation)),
        ))
        .execute(connection)
        .map(drop)
}

#[diesel::dsl::auto_type(no_type_alias)]
fn secrets_of<'a>(id: &'a WebhookId) -> _ {
    let id: &'a str = id.as_str();
    webhook_secrets::table.filter(webhook_secrets::webhook_id.eq(id))
}

fn add_secret(
    connection: &mut AnyConnection,
    id: &WebhookId,
    secret: &SigningSecret,
) -> QueryResult<()> {
    diesel::insert_into(webhook_secrets::table)
        .values((
            webhook_secrets::webhook_id.eq(id.as_str()),
            webhook_secrets::secret.eq(secret.expose()),
        ))
        .execute(connection)
        .map(drop)
}

/// Ends the newest secret at a time, and deletes those that have ended.
fn end_secrets(
    connection: &mut AnyConnection,
    id: &WebhookId,
    until: Instant,
    now: Instant,
) -> QueryResult<()> {
    diesel::update(secrets_of(id).filter(webhook_secrets::until_ms.is_null()))
        .set(webhook_secrets::until_ms.eq(until.as_millis()))
        .execute(connection)?;
    // An earlier end also applies to older secrets.
    diesel::update(secrets_of(id).filter(webhook_secrets::until_ms.gt(until.as_millis())))
        .set(webhook_secrets::until_ms.eq(until.as_millis()))
        .execute(connection)?;
    diesel::delete(secrets_of(id).filter(webhook_secrets::until_ms.le(now.as_millis())))
        .execute(connection)?;
    let previous: Vec<Vec<u8>> = secrets_of(id)
        .order(webhook_secrets::until_ms.desc())
        .select(webhook_secrets::secret)
        .load(connection)?;
    for old in previous.iter().skip(PREVIOUS_SECRETS) {
        diesel::delete(webhook_secrets::table.find((id.as_str(), old))).execute(connection)?;
    }
    Ok(())
}

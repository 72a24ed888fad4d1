//! Changes to webhooks.

use diesel::prelude::*;
use orders_core::Timestamp;
use orders_core::webhook::{
    SigningSecret, Webhook, WebhookChange, WebhookCommand, WebhookId, WebhookRefusal,
    WebhookSnapshot, decide_webhook,
};

use super::{SecretRow, WebhookRow, deliveries, find, lock};
use crate::database::clock;
use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::database::schema::{webhook_secrets, webhooks};
use crate::events;
use crate::write::audit::{AuditAction, AuditRecord};
use crate::write::change::Change;

/// How many replaced secrets may still sign beside the newest.
const PREVIOUS_SECRETS: usize = 4;

impl Change for WebhookCommand {
    /// With the time.
    type Snapshot = (WebhookSnapshot, Timestamp);
    type Accepted = WebhookChange;
    type Refusal = WebhookRefusal;

    fn load(&self, connection: &mut AnyConnection) -> Result<Self::Snapshot, DbError> {
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
    ) -> Result<(), DbError> {
        store(connection, change, *now).map_err(|error| DbError::from_diesel(&error))
    }

    fn audit(change: &WebhookChange) -> Option<AuditRecord> {
        let (action, id) = match change {
            WebhookChange::Created(webhook, _) => (AuditAction::WebhookCreated, &webhook.id),
            WebhookChange::Changed(webhook) => (AuditAction::WebhookUpdated, &webhook.id),
            WebhookChange::Replayed(webhook) => (AuditAction::WebhookReplayed, &webhook.id),
            WebhookChange::Rotated { webhook, .. } => (AuditAction::WebhookRotated, &webhook.id),
            WebhookChange::Deleted(id) => (AuditAction::WebhookDeleted, id),
            WebhookChange::Unchanged(_) => return None,
        };
        Some(AuditRecord::new(action, id))
    }

    fn is_done(
        connection: &mut AnyConnection,
        change: &WebhookChange,
    ) -> Result<Option<bool>, DbError> {
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
                    .map_err(|error| DbError::from_diesel(&error))?;
                found.is_some()
            }
        }))
    }
}

fn load(
    connection: &mut AnyConnection,
    command: &WebhookCommand,
) -> Result<WebhookSnapshot, DbError> {
    let error = |error| DbError::from_diesel(&error);
    let count: i64 = webhooks::table
        .filter(webhooks::deleted_at_ms.is_null())
        .count()
        .get_result(connection)
        .map_err(error)?;
    Ok(WebhookSnapshot {
        named: find(connection, command.id())?,
        count: u64::try_from(count).unwrap_or(0),
        feed: events::find_feed(connection)?,
    })
}

fn store(
    connection: &mut AnyConnection,
    change: &WebhookChange,
    now: Timestamp,
) -> QueryResult<()> {
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
        WebhookChange::Rotated { webhook, secret, previous_until } => {
            end_secrets(connection, &webhook.id, *previous_until, now)?;
            add_secret(connection, &webhook.id, secret)
        }
    }
}

fn insert(connection: &mut AnyConnection, webhook: &Webhook) -> QueryResult<()> {
    diesel::insert_into(webhooks::table)
        .values((WebhookRow::from_webhook(webhook), webhooks::lease_until_ms.eq(0)))
        .execute(connection)
        .map(drop)
}

/// Updates a webhook. The lease stays, so that no two processes deliver at once, but the progress of its
/// holder no longer counts.
fn update(connection: &mut AnyConnection, webhook: &Webhook) -> QueryResult<()> {
    diesel::update(webhooks::table.find(webhook.id.as_str()))
        .set(WebhookRow::from_webhook(webhook))
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
    let row = SecretRow {
        webhook_id: id.as_str().to_owned(),
        secret: secret.expose().to_vec(),
        until_ms: None,
    };
    diesel::insert_into(webhook_secrets::table).values(row).execute(connection).map(drop)
}

/// Ends the newest secret at a time, and deletes those that have ended.
fn end_secrets(
    connection: &mut AnyConnection,
    id: &WebhookId,
    until: Timestamp,
    now: Timestamp,
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

//! The audit trail: who changed something besides orders, and who signed in. An entry is stored in the
//! transaction of its change.

use diesel::prelude::*;
use orders_core::{Actor, Timestamp};

use crate::StoreError;
use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::database::read_pool::ReadPool;
use crate::database::schema::audit;
use crate::database::{clock, rows};

/// What an entry of the audit trail reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditAction {
    /// A key was created.
    KeyCreated,
    /// A key was rotated.
    KeyRotated,
    /// A key was revoked.
    KeyRevoked,
    /// Authentication became required without a key in the database.
    KeysRequired,
    /// A service was created.
    ServiceCreated,
    /// A service was renamed.
    ServiceUpdated,
    /// A service was deleted.
    ServiceDeleted,
    /// The policy was set.
    PolicyUpdated,
    /// A webhook was created.
    WebhookCreated,
    /// A webhook was changed, for example disabled.
    WebhookUpdated,
    /// The signing secret of a webhook was rotated.
    WebhookRotated,
    /// A webhook delivers again from an earlier event.
    WebhookReplayed,
    /// A webhook was deleted.
    WebhookDeleted,
    /// A session of the console was started.
    SessionCreated,
    /// A sign-in to the console was rejected.
    SessionFailed,
    /// A session of the console was ended.
    SessionEnded,
    /// The secret of all sessions was replaced, which ends them.
    SessionSecretRotated,
}

impl AuditAction {
    /// All actions.
    pub const ALL: [Self; 17] = [
        Self::KeyCreated,
        Self::KeyRotated,
        Self::KeyRevoked,
        Self::KeysRequired,
        Self::ServiceCreated,
        Self::ServiceUpdated,
        Self::ServiceDeleted,
        Self::PolicyUpdated,
        Self::WebhookCreated,
        Self::WebhookUpdated,
        Self::WebhookRotated,
        Self::WebhookReplayed,
        Self::WebhookDeleted,
        Self::SessionCreated,
        Self::SessionFailed,
        Self::SessionEnded,
        Self::SessionSecretRotated,
    ];

    /// Returns the name of the action, such as `key.created`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KeyCreated => "key.created",
            Self::KeyRotated => "key.rotated",
            Self::KeyRevoked => "key.revoked",
            Self::KeysRequired => "keys.required",
            Self::ServiceCreated => "service.created",
            Self::ServiceUpdated => "service.updated",
            Self::ServiceDeleted => "service.deleted",
            Self::PolicyUpdated => "policy.updated",
            Self::WebhookCreated => "webhook.created",
            Self::WebhookUpdated => "webhook.updated",
            Self::WebhookRotated => "webhook.rotated",
            Self::WebhookReplayed => "webhook.replayed",
            Self::WebhookDeleted => "webhook.deleted",
            Self::SessionCreated => "session.created",
            Self::SessionFailed => "session.failed",
            Self::SessionEnded => "session.ended",
            Self::SessionSecretRotated => "session_secret.rotated",
        }
    }

    /// Returns how many entries are stored; `None` for all. Unlike the other actions, anyone can fail to
    /// sign in, and any key can sign in again and again.
    fn most(self) -> Option<i64> {
        match self {
            Self::SessionFailed => Some(1_000),
            Self::SessionCreated | Self::SessionEnded => Some(10_000),
            Self::KeyCreated
            | Self::KeyRotated
            | Self::KeyRevoked
            | Self::KeysRequired
            | Self::ServiceCreated
            | Self::ServiceUpdated
            | Self::ServiceDeleted
            | Self::PolicyUpdated
            | Self::WebhookCreated
            | Self::WebhookUpdated
            | Self::WebhookRotated
            | Self::WebhookReplayed
            | Self::WebhookDeleted
            | Self::SessionSecretRotated => None,
        }
    }
}

/// Who makes a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The key, or the name of another credential.
    pub actor: Actor,
    /// The request that makes the change; `None` for a command.
    pub request_id: Option<String>,
}

impl Author {
    /// A command of the command line.
    #[must_use]
    pub fn command(name: &str) -> Self {
        Self { actor: Actor::new(name), request_id: None }
    }
}

/// What the audit trail says of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// What was done.
    pub action: AuditAction,
    /// The id of what was changed; `None` where there is only one.
    pub target: Option<String>,
}

impl AuditRecord {
    pub(crate) fn new(action: AuditAction, target: &impl ToString) -> Self {
        Self { action, target: Some(target.to_string()) }
    }

    pub(crate) fn without_target(action: AuditAction) -> Self {
        Self { action, target: None }
    }

    /// Logs a change that is committed. A command reports its changes itself.
    pub(crate) fn log(&self, author: &Author) {
        let Author { actor, request_id: Some(request_id) } = author else { return };
        let (action, target) = (self.action.as_str(), self.target.as_deref().unwrap_or("-"));
        log::info!(
            target: "audit",
            actor = actor.as_str(), action = action, target_id = target, request_id = request_id.as_str();
            "{action} {target} by {}", actor.as_str()
        );
    }
}

/// An entry of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number. Numbers rise in the order of the commits.
    pub id: i64,
    /// When it was stored.
    pub time: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// The name of the action. A newer version may have stored one that is not in [`AuditAction::ALL`].
    pub action: String,
    /// The id of what was changed.
    pub target: Option<String>,
    /// The request that did it; `None` for a command.
    pub request_id: Option<String>,
}

/// A row of `audit`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = audit)]
struct AuditRow {
    id: i64,
    time_ms: i64,
    actor: String,
    action: String,
    target: Option<String>,
    request_id: Option<String>,
}

/// Stores an entry. Runs in a transaction that holds the lock.
pub(crate) fn record(
    connection: &mut AnyConnection,
    author: &Author,
    record: &AuditRecord,
) -> Result<(), DbError> {
    let now = clock::now(connection)?;
    diesel::insert_into(audit::table)
        .values((
            audit::time_ms.eq(now.as_millis()),
            audit::actor.eq(author.actor.as_str()),
            audit::action.eq(record.action.as_str()),
            audit::target.eq(&record.target),
            audit::request_id.eq(&author.request_id),
        ))
        .execute(connection)
        .and_then(|_inserted| delete_oldest(connection, record.action))
        .map_err(|error| DbError::from_diesel(&error))
}

/// Deletes the oldest entries of an action of which only some are stored.
fn delete_oldest(connection: &mut AnyConnection, action: AuditAction) -> QueryResult<()> {
    let Some(most) = action.most() else { return Ok(()) };
    let newest_to_delete: Option<i64> = audit::table
        .filter(audit::action.eq(action.as_str()))
        .order(audit::id.desc())
        .offset(most)
        .limit(1)
        .select(audit::id)
        .first(connection)
        .optional()?;
    let Some(newest) = newest_to_delete else { return Ok(()) };
    diesel::delete(audit::table)
        .filter(audit::action.eq(action.as_str()).and(audit::id.le(newest)))
        .execute(connection)
        .map(drop)
}

impl ReadPool {
    /// Lists at most `limit` entries of the audit trail above a number, oldest first. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_audit(
        &self,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.read(|connection| list(connection, after, limit))
    }
}

fn list(
    connection: &mut AnyConnection,
    after: Option<i64>,
    limit: usize,
) -> Result<Vec<AuditEntry>, StoreError> {
    let rows: Vec<AuditRow> = audit::table
        .filter(audit::id.gt(after.unwrap_or(0)))
        .order(audit::id.asc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(AuditRow::as_select())
        .load(connection)
        .map_err(|error| StoreError::from_read(&error))?;
    let entry = |AuditRow { id, time_ms, actor, action, target, request_id }: AuditRow| {
        let (time, actor) = (rows::timestamp(time_ms)?, Actor::new(&actor));
        Ok(AuditEntry { id, time, actor, action, target, request_id })
    };
    rows.into_iter().map(entry).collect()
}

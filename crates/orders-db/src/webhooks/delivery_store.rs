//! The delivery store: leases webhooks to a delivering process and records its progress.
//!
//! Its transactions are short, do not take the write lock, and do not wait for the disk. A delivery
//! whose record is lost in a power failure is repeated.

mod leases;
mod log;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orders_core::webhook::{
    DeliveryStatus, Disabled, EventPatterns, SigningSecret, Webhook, WebhookId,
};
use orders_core::{EventKind, Timestamp};

use crate::StoreError;
use crate::database::connection::{AnyConnection, Manager};
use crate::database::error::DbError;
use crate::database::rows;
use crate::database::schema::{counters, webhooks};
use crate::database::{clock, transaction};

/// The database side of one process's deliveries. All methods block.
pub struct DeliveryStore {
    manager: Manager,
    connection: Option<AnyConnection>,
    owner: Owner,
    /// Webhooks whose delivery log has grown since it was last trimmed.
    grown: HashSet<WebhookId>,
}

/// The holder of leases, and how long a lease lasts.
#[derive(Debug, Clone)]
struct Owner {
    name: String,
    lease_time: Duration,
}

/// A webhook that this process may deliver to until the lease ends.
#[derive(Debug, Clone)]
pub struct Lease {
    /// The webhook's id.
    pub id: WebhookId,
    /// Where events are sent.
    pub url: String,
    /// The events that are sent to it.
    pub events: EventPatterns,
    /// The sequence up to which all events are delivered or skipped.
    pub position: u64,
    /// The number of failed attempts to deliver the next event.
    pub attempts: u32,
    /// The generation, which rises with each change of the webhook.
    pub generation: u64,
    /// The signing secrets, newest first.
    pub secrets: Vec<SigningSecret>,
    /// The database's time.
    pub now: Timestamp,
}

/// The progress of the deliveries to a webhook.
#[derive(Debug, Clone)]
pub struct Progress {
    /// The webhook.
    pub id: WebhookId,
    /// The generation in the lease. If it differs by now, only the attempt is recorded.
    pub generation: u64,
    /// The sequence up to which all events are delivered or skipped.
    pub position: u64,
    /// The attempt; `None` if only events were skipped that the webhook does not select.
    pub attempt: Option<Attempt>,
    /// The number of failed attempts to deliver the next event, and the delay before the next one.
    pub held: Option<(u32, Duration)>,
    /// Whether the endpoint is gone, which disables the webhook.
    pub gone: bool,
    /// Whether to release the lease.
    pub release: bool,
}

/// An attempt to deliver an event.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The event's sequence.
    pub sequence: u64,
    /// Its kind.
    pub kind: EventKind,
    /// The status of the delivery after it.
    pub status: DeliveryStatus,
    /// The HTTP status of the response, if there was one.
    pub http_status: Option<u16>,
    /// The error, in words.
    pub error: Option<String>,
    /// How long it took.
    pub duration: Duration,
}

impl DeliveryStore {
    pub(crate) fn new(manager: Manager, name: String, lease_time: Duration) -> Self {
        let owner = Owner { name, lease_time };
        Self { manager, connection: None, owner, grown: HashSet::new() }
    }

    /// Leases webhooks that have undelivered events: at most `room` whose next event was not tried
    /// yet, and `held_room` whose next event is due for a retry. The longest unserved come first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn acquire(&mut self, room: usize, held_room: usize) -> Result<Vec<Lease>, StoreError> {
        self.with_connection(|connection, owner, _| acquire(connection, owner, room, held_room))
    }

    /// Returns `true` if there is an enabled webhook.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn has_work(&mut self) -> Result<bool, StoreError> {
        self.with_connection(|connection, _, _| {
            let enabled = webhooks::table
                .filter(webhooks::deleted_at_ms.is_null())
                .filter(webhooks::disabled.is_null());
            diesel::select(diesel::dsl::exists(enabled))
                .get_result(connection)
                .map_err(|error| DbError::from_diesel(&error))
        })
    }

    /// Records progress and renews the leases. Returns for each whether its lease is still valid: it
    /// is not if the webhook was changed or another process has leased it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn record(&mut self, progress: &[Progress]) -> Result<Vec<bool>, StoreError> {
        self.with_connection(|connection, owner, grown| {
            in_transaction(connection, |connection, now| {
                let mut valid = Vec::with_capacity(progress.len());
                for one in progress {
                    valid.push(record(connection, owner, one, now)?);
                    if one.attempt.is_some() {
                        grown.insert(one.id.clone());
                    }
                }
                Ok(valid)
            })
        })
    }

    /// Releases all leases.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn release_all(&mut self) -> Result<(), StoreError> {
        self.with_connection(|connection, owner, _| {
            diesel::update(webhooks::table.filter(webhooks::lease_owner.eq(&owner.name)))
                .set(webhooks::lease_owner.eq(None::<String>))
                .execute(connection)
                .map(drop)
                .map_err(|error| DbError::from_diesel(&error))
        })
    }

    /// Trims delivery logs that are too long and deletes the rest of deleted webhooks, one chunk a
    /// call. Returns whether there is more to do.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn purge(&mut self) -> Result<bool, StoreError> {
        self.with_connection(|connection, _, grown| log::purge(connection, grown))
    }

    fn with_connection<T>(
        &mut self,
        work: impl FnOnce(&mut AnyConnection, &Owner, &mut HashSet<WebhookId>) -> Result<T, DbError>,
    ) -> Result<T, StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => open(&self.manager)?,
        };
        let result = work(&mut connection, &self.owner, &mut self.grown);
        if !matches!(result, Err(DbError::Lost(_))) {
            self.connection = Some(connection);
        }
        result.map_err(StoreError::from)
    }
}

/// Opens a connection whose commits do not wait for the disk. They stay in order, also among those of
/// other connections.
fn open(manager: &Manager) -> Result<AnyConnection, StoreError> {
    let mut connection = manager.open()?;
    let asynchronous = match connection {
        AnyConnection::Postgres(_) => "SET synchronous_commit = off",
        AnyConnection::Sqlite(_) => "PRAGMA synchronous = NORMAL",
    };
    connection.batch_execute(asynchronous).map_err(|error| StoreError::from_read(&error))?;
    Ok(connection)
}

/// Runs a short transaction under the lock of the webhooks.
fn in_transaction<T>(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection, Timestamp) -> Result<T, DbError>,
) -> Result<T, DbError> {
    let begin = match connection {
        AnyConnection::Postgres(_) => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        AnyConnection::Sqlite(_) => "BEGIN IMMEDIATE",
    };
    connection.batch_execute(begin).map_err(|error| DbError::from_diesel(&error))?;
    let done = super::lock(connection).and_then(|()| {
        let now = clock::now(connection)?;
        let done = work(connection, now)?;
        transaction::commit(connection)?;
        Ok(done)
    });
    if done.is_err() {
        transaction::roll_back(connection);
    }
    done
}

fn acquire(
    connection: &mut AnyConnection,
    owner: &Owner,
    room: usize,
    held_room: usize,
) -> Result<Vec<Lease>, DbError> {
    // First without a lock: most of the time there is nothing to do.
    let now = clock::now(connection)?;
    if find_due(connection, now, room, held_room)?.is_empty() {
        return Ok(Vec::new());
    }
    in_transaction(connection, |connection, now| {
        let due = find_due(connection, now, room, held_room)?;
        let ids: Vec<&str> = due.iter().map(|webhook| webhook.id.as_str()).collect();
        diesel::update(webhooks::table.filter(webhooks::id.eq_any(ids)))
            .set((
                webhooks::lease_owner.eq(&owner.name),
                webhooks::lease_until_ms.eq(after(now, owner.lease_time)),
            ))
            .execute(connection)
            .map_err(|error| DbError::from_diesel(&error))?;
        let mut leases = Vec::with_capacity(due.len());
        for webhook in due {
            let secrets = super::secrets(connection, &webhook.id, now)?;
            leases.push(Lease {
                id: webhook.id,
                url: webhook.content.url,
                events: webhook.content.events,
                position: webhook.position,
                attempts: webhook.held.map_or(0, |held| held.attempts),
                generation: webhook.generation,
                secrets,
                now,
            });
        }
        Ok(leases)
    })
}

/// Finds webhooks that have something to deliver now and are not leased.
fn find_due(
    connection: &mut AnyConnection,
    now: Timestamp,
    room: usize,
    held_room: usize,
) -> Result<Vec<Webhook>, DbError> {
    let error = |error| DbError::from_diesel(&error);
    let last: i64 =
        counters::table.select(counters::last_sequence).first(connection).map_err(error)?;
    let mut due = Vec::new();
    for (is_held, room) in [(false, room), (true, held_room)] {
        if room == 0 {
            continue;
        }
        due.extend(leases::due(connection, now, last, is_held, room).map_err(error)?);
    }
    // The number of failed deliveries does not matter here.
    let webhook = |row: super::WebhookRow| row.into_webhook(u64::try_from(last).unwrap_or(0), 0);
    Ok(due.into_iter().map(webhook).collect::<Result<_, _>>()?)
}

/// Records the progress of one webhook. Returns whether its lease is still valid.
fn record(
    connection: &mut AnyConnection,
    owner: &Owner,
    progress: &Progress,
    now: Timestamp,
) -> Result<bool, DbError> {
    let is_valid = leases::advance(connection, owner, progress, now)
        .map_err(|error| DbError::from_diesel(&error))?;
    let is_there = is_valid
        || leases::is_there(connection, &progress.id)
            .map_err(|error| DbError::from_diesel(&error))?;
    if let Some(attempt) = progress.attempt.as_ref().filter(|_| is_there) {
        let rests = progress.held.map(|(_, rest)| rest).filter(|_| is_valid);
        log::write(connection, &progress.id, attempt, rests, now)
            .map_err(|error| DbError::from_diesel(&error))?;
    }
    Ok(is_valid)
}

/// The time after a delay, in epoch milliseconds.
fn after(now: Timestamp, rest: Duration) -> i64 {
    now.as_millis().saturating_add(i64::try_from(rest.as_millis()).unwrap_or(i64::MAX))
}

impl Progress {
    fn disabled(&self) -> Option<Disabled> {
        self.gone.then_some(Disabled::Gone)
    }

    fn attempts(&self) -> i32 {
        self.held.map_or(0, |(attempts, _)| i32::try_from(attempts).unwrap_or(i32::MAX))
    }

    fn next_attempt_ms(&self, now: Timestamp) -> i64 {
        self.held.map_or(0, |(_, rest)| after(now, rest))
    }

    fn position(&self) -> i64 {
        rows::bigint(self.position)
    }
}

//! What a process that delivers asks the database: for webhooks to deliver to, each for a while of
//! its own (a lease), and to write down what became of it. Without the lock of the orders, by
//! short transactions that are not waited for until they are on the disk: what a power cut takes
//! with it is delivered again.

mod leases;
mod log;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orders_core::{Disabled, EventKind, EventPatterns, Instant, SigningSecret, Webhook, WebhookId};

use super::DeliveryStatus;
use crate::connection::{AnyConnection, Manager};
use crate::database::error::Trouble;
use crate::rows;
use crate::schema::{counters, webhooks};
use crate::{StoreError, clock, transaction};

/// Delivers for one process. All that it does blocks.
pub struct Courier {
    manager: Manager,
    connection: Option<AnyConnection>,
    owner: Owner,
    /// Webhooks whose logs have grown since they were last cut.
    grown: HashSet<WebhookId>,
}

/// Who delivers, and how long it keeps a webhook from others when it is not heard of.
#[derive(Debug, Clone)]
struct Owner {
    name: String,
    lease: Duration,
}

/// A webhook that this process delivers to for a while.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The webhook's id.
    pub id: WebhookId,
    /// Where events are sent.
    pub url: String,
    /// Of which events it is told.
    pub events: EventPatterns,
    /// The sequence up to which nothing is to be delivered any more.
    pub position: u64,
    /// How often the event behind the position was tried in vain.
    pub attempts: u32,
    /// What tells whether it was changed since.
    pub generation: u64,
    /// What signs: the newest first.
    pub secrets: Vec<SigningSecret>,
    /// The time by the database's clock.
    pub now: Instant,
}

/// How far the deliveries to a webhook are.
#[derive(Debug, Clone)]
pub struct Progress {
    /// The webhook as it was claimed.
    pub id: WebhookId,
    /// Its generation then. If it has another by now, only the attempt is written down.
    pub generation: u64,
    /// The sequence up to which nothing is to be delivered any more.
    pub position: u64,
    /// What was tried; `None` if events were passed that it does not ask for.
    pub attempt: Option<Attempt>,
    /// How often the event behind the position was tried in vain, and for how long it rests.
    pub held: Option<(u32, Duration)>,
    /// Whether it wants no more.
    pub gone: bool,
    /// Whether another process may have it now.
    pub release: bool,
}

/// An attempt to deliver an event.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The event's sequence.
    pub sequence: u64,
    /// What it tells of.
    pub kind: EventKind,
    /// What became of the delivery.
    pub status: DeliveryStatus,
    /// What was answered, if anything was.
    pub http_status: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
    /// How long it took.
    pub duration: Duration,
}

impl Courier {
    pub(crate) fn new(manager: Manager, name: String, lease: Duration) -> Self {
        let owner = Owner { name, lease };
        Self { manager, connection: None, owner, grown: HashSet::new() }
    }

    /// Claims webhooks that have something to be delivered: at most `room` whose next event was not
    /// tried yet, and `held_room` that are held by one that was. Those that nobody has delivered to
    /// for the longest time come first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn claim(&mut self, room: usize, held_room: usize) -> Result<Vec<Claim>, StoreError> {
        self.with_connection(|connection, owner, _| claim(connection, owner, room, held_room))
    }

    /// Whether there is a webhook that is not disabled.
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
                .map_err(|error| Trouble::of(&error))
        })
    }

    /// Writes down how far deliveries are, and renews the claims. Answers for each whether the claim
    /// is still good: it is not if the webhook was changed, or another process has it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn record(&mut self, progress: &[Progress]) -> Result<Vec<bool>, StoreError> {
        self.with_connection(|connection, owner, grown| {
            in_transaction(connection, |connection, now| {
                let mut good = Vec::with_capacity(progress.len());
                for one in progress {
                    good.push(record(connection, owner, one, now)?);
                    if one.attempt.is_some() {
                        grown.insert(one.id.clone());
                    }
                }
                Ok(good)
            })
        })
    }

    /// Gives back all claims.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn release_all(&mut self) -> Result<(), StoreError> {
        self.with_connection(|connection, owner, _| {
            diesel::update(webhooks::table.filter(webhooks::lease_owner.eq(&owner.name)))
                .set(webhooks::lease_owner.eq(None::<String>))
                .execute(connection)
                .map(drop)
                .map_err(|error| Trouble::of(&error))
        })
    }

    /// Cuts the logs that have grown too long, and throws away what is left of webhooks that are
    /// gone, a slice at a time. Whether there is more to do.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn purge(&mut self) -> Result<bool, StoreError> {
        self.with_connection(|connection, _, grown| log::purge(connection, grown))
    }

    fn with_connection<T>(
        &mut self,
        work: impl FnOnce(&mut AnyConnection, &Owner, &mut HashSet<WebhookId>) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => open(&self.manager)?,
        };
        let result = work(&mut connection, &self.owner, &mut self.grown);
        if !matches!(result, Err(Trouble::Lost(_))) {
            self.connection = Some(connection);
        }
        result.map_err(StoreError::from)
    }
}

/// Opens a connection whose commits do not wait for the disk. They are in order all the same, and
/// among those of others.
fn open(manager: &Manager) -> Result<AnyConnection, StoreError> {
    let mut connection = manager.open()?;
    let unhurried = match connection {
        AnyConnection::Postgres(_) => "SET synchronous_commit = off",
        AnyConnection::Sqlite(_) => "PRAGMA synchronous = NORMAL",
    };
    connection.batch_execute(unhurried).map_err(|error| StoreError::of_read(&error))?;
    Ok(connection)
}

/// Runs a short transaction that has the webhooks to itself.
fn in_transaction<T>(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection, Instant) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let begin = match connection {
        AnyConnection::Postgres(_) => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        AnyConnection::Sqlite(_) => "BEGIN IMMEDIATE",
    };
    connection.batch_execute(begin).map_err(|error| Trouble::of(&error))?;
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

fn claim(
    connection: &mut AnyConnection,
    owner: &Owner,
    room: usize,
    held_room: usize,
) -> Result<Vec<Claim>, Trouble> {
    // Looked at first without a lock: most of the time there is nothing.
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
                webhooks::lease_until_ms.eq(after(now, owner.lease)),
            ))
            .execute(connection)
            .map_err(|error| Trouble::of(&error))?;
        let mut claims = Vec::with_capacity(due.len());
        for webhook in due {
            let secrets = super::secrets(connection, &webhook.id, now)?;
            claims.push(Claim {
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
        Ok(claims)
    })
}

/// Webhooks that have something to be delivered now, and that nobody has claimed.
fn find_due(
    connection: &mut AnyConnection,
    now: Instant,
    room: usize,
    held_room: usize,
) -> Result<Vec<Webhook>, Trouble> {
    let trouble = |error| Trouble::of(&error);
    let last: i64 =
        counters::table.select(counters::last_sequence).first(connection).map_err(trouble)?;
    let mut due = Vec::new();
    for (is_held, room) in [(false, room), (true, held_room)] {
        if room == 0 {
            continue;
        }
        due.extend(leases::due(connection, now, last, is_held, room).map_err(trouble)?);
    }
    // What has failed is not of interest here.
    let webhook = |row: super::WebhookRow| row.into_webhook(u64::try_from(last).unwrap_or(0), 0);
    Ok(due.into_iter().map(webhook).collect::<Result<_, _>>()?)
}

/// Writes down how far the deliveries to one webhook are; whether its claim is still good.
fn record(
    connection: &mut AnyConnection,
    owner: &Owner,
    progress: &Progress,
    now: Instant,
) -> Result<bool, Trouble> {
    let good =
        leases::advance(connection, owner, progress, now).map_err(|error| Trouble::of(&error))?;
    let is_there =
        good || leases::is_there(connection, &progress.id).map_err(|error| Trouble::of(&error))?;
    if let Some(attempt) = progress.attempt.as_ref().filter(|_| is_there) {
        let rests = progress.held.map(|(_, rest)| rest).filter(|_| good);
        log::write(connection, &progress.id, attempt, rests, now)
            .map_err(|error| Trouble::of(&error))?;
    }
    Ok(good)
}

/// A time after another, in epoch milliseconds.
fn after(now: Instant, rest: Duration) -> i64 {
    now.as_millis().saturating_add(i64::try_from(rest.as_millis()).unwrap_or(i64::MAX))
}

impl Progress {
    fn disabled(&self) -> Option<Disabled> {
        self.gone.then_some(Disabled::Gone)
    }

    fn attempts(&self) -> i32 {
        self.held.map_or(0, |(attempts, _)| i32::try_from(attempts).unwrap_or(i32::MAX))
    }

    fn next_attempt_ms(&self, now: Instant) -> i64 {
        self.held.map_or(0, |(_, rest)| after(now, rest))
    }

    fn position(&self) -> i64 {
        rows::bigint(self.position)
    }
}

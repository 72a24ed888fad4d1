//! Changes to services, keys, webhooks and the policy. Each one is decided and stored in a transaction
//! of its own, under the write lock.

use orders_core::decide::IdempotentRequest;

use crate::StoreError;
use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::write::audit::{self, AuditRecord, Author};
use crate::write::idempotency::{self, Answered, RenderResponse};
use crate::write::queue::Reply;
use crate::write::ticket::Ticket;

/// A change that [`Store::change`](crate::Store::change) decides and stores.
///
/// All methods run in one transaction that holds the write lock. The commands of `orders_core`
/// implement the trait; nothing outside this crate can, since it cannot name a connection.
pub trait Change: Send + 'static {
    /// What the decision needs to know.
    type Snapshot;
    /// What the decision says to store.
    type Accepted: Send + 'static;
    /// Why the change is rejected.
    type Refusal: Send + 'static;

    /// Reads the snapshot.
    ///
    /// # Errors
    /// A database error.
    fn load(&self, connection: &mut AnyConnection) -> Result<Self::Snapshot, DbError>;

    /// Decides. Pure.
    ///
    /// # Errors
    /// The reason why the change is rejected.
    fn decide(&self, snapshot: &Self::Snapshot) -> Result<Self::Accepted, Self::Refusal>;

    /// Stores what was decided.
    ///
    /// # Errors
    /// A database error.
    fn store(
        connection: &mut AnyConnection,
        snapshot: &Self::Snapshot,
        accepted: &Self::Accepted,
    ) -> Result<(), DbError>;

    /// Returns what the audit trail says of what was stored; `None` if nothing has changed.
    fn audit(accepted: &Self::Accepted) -> Option<AuditRecord>;

    /// Returns whether a change is stored whose commit has no response; `None` if that can no longer be
    /// determined.
    ///
    /// # Errors
    /// A database error.
    fn is_done(
        connection: &mut AnyConnection,
        accepted: &Self::Accepted,
    ) -> Result<Option<bool>, DbError>;
}

/// The result of a change.
pub type ChangeResult<C> = Result<<C as Change>::Accepted, <C as Change>::Refusal>;

/// An idempotency key, and the renderer of the response to store under it, which must not contain a
/// secret.
pub type Idempotency<C> = (IdempotentRequest, RenderResponse<ChangeResult<C>>);

/// Loads, decides and stores a change with its entry of the audit trail, in a transaction that holds
/// the lock.
pub(crate) fn apply<C: Change>(
    connection: &mut AnyConnection,
    author: &Author,
    change: &C,
) -> Result<ChangeResult<C>, DbError> {
    let snapshot = change.load(connection)?;
    let result = change.decide(&snapshot);
    if let Ok(accepted) = &result {
        C::store(connection, &snapshot, accepted)?;
        if let Some(record) = C::audit(accepted) {
            audit::record(connection, author, &record)?;
        }
    }
    Ok(result)
}

/// A change of any kind, as the writer sees it.
pub(crate) trait AnyChange: Send {
    fn ticket(&self) -> &Ticket;

    /// Applies the change, unless it was applied before under its idempotency key.
    fn apply(&mut self, connection: &mut AnyConnection) -> Result<(), DbError>;

    /// Returns whether a change is stored whose commit has no response.
    fn is_done(&self, connection: &mut AnyConnection) -> Result<Option<bool>, DbError>;

    /// Replies to the caller with the result if it is committed, else with the error.
    fn reply(self: Box<Self>, committed: Result<(), StoreError>);
}

/// A change that waits for the writer.
pub(crate) struct ChangeJob<C: Change> {
    author: Author,
    change: C,
    idempotency: Option<Idempotency<C>>,
    ticket: Ticket,
    reply: Reply<Answered<ChangeResult<C>>>,
    result: Option<Answered<ChangeResult<C>>>,
}

impl<C: Change> ChangeJob<C> {
    pub(crate) fn new(
        author: Author,
        change: C,
        idempotency: Option<Idempotency<C>>,
        ticket: Ticket,
        reply: Reply<Answered<ChangeResult<C>>>,
    ) -> Self {
        Self { author, change, idempotency, ticket, reply, result: None }
    }
}

impl<C: Change> AnyChange for ChangeJob<C> {
    fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    fn apply(&mut self, connection: &mut AnyConnection) -> Result<(), DbError> {
        let Self { author, change, idempotency, .. } = self;
        self.result = Some(match idempotency {
            None => Answered::Now(apply(connection, author, change)?),
            Some((request, render)) => {
                idempotency::once(connection, request, render, |connection| {
                    apply(connection, author, change)
                })?
            }
        });
        Ok(())
    }

    fn is_done(&self, connection: &mut AnyConnection) -> Result<Option<bool>, DbError> {
        match &self.result {
            Some(Answered::Now(Ok(accepted))) => C::is_done(connection, accepted),
            // Nothing was to be written.
            Some(Answered::Now(Err(_)) | Answered::Again(_) | Answered::KeyReused) | None => {
                Ok(Some(true))
            }
        }
    }

    fn reply(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { author, reply, result, .. } = *self;
        if let (Ok(()), Some(Answered::Now(Ok(accepted)))) = (&committed, &result)
            && let Some(record) = C::audit(accepted)
        {
            record.log(&author);
        }
        // A committed change has a result.
        reply(committed.and_then(|()| result.ok_or(StoreError::OutcomeUnknown)));
    }
}

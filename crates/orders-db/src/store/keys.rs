//! What can be asked of a store about keys.

use std::sync::{Arc, PoisonError, mpsc};
use std::time::Instant as Moment;

use orders_core::{Instant, Key, KeyCommand, KeyId, Retry};

use super::Store;
use crate::StoreError;
use crate::answers::{Answered, Render};
use crate::keys::{self, KeyJob, KeyTable, KeyVerdict, KeyedChange};
use crate::lane::Reply;
use crate::sessions::{self, Session};
use crate::ticket::Ticket;
use crate::write::Job;

impl Store {
    /// Has a change to the keys decided and done by `deadline`. What `render` makes of it is kept
    /// for whoever asks again, so it must not show a secret.
    pub fn change_keys(
        &self,
        command: KeyCommand,
        retry: Option<Retry>,
        render: Render<KeyVerdict>,
        deadline: Moment,
        reply: Reply<Answered<KeyVerdict>>,
    ) -> Ticket {
        let ticket = self.ticket(deadline);
        let change = KeyedChange { command, retry, render };
        self.queue(Job::Key(KeyJob { change, ticket: ticket.clone(), reply }));
        ticket
    }

    /// Has it noted that there was a key, so that from now on nobody gets in without one.
    pub fn require_keys(&self, deadline: Moment, reply: Reply<()>) -> Ticket {
        let ticket = self.ticket(deadline);
        self.queue(Job::RequireKeys(ticket.clone(), reply));
        ticket
    }

    /// What is known of the keys.
    #[must_use]
    pub fn keys(&self) -> Arc<KeyTable> {
        self.keys.table()
    }

    /// Has the keys looked at now, and replies once that is done.
    pub fn look_at_keys(&self, reply: Reply<()>) {
        let looks = self.key_looks.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = looks.as_ref().map(|looks| looks.send(reply));
        if let Some(Err(mpsc::SendError(reply))) = asked {
            reply(Err(StoreError::Unavailable("nobody looks at the keys".to_owned())));
        }
    }

    /// Ends a session before its time, on every process within a second. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn end_session(&self, session: &Session) -> Result<(), StoreError> {
        sessions::end(&mut self.courier.open()?, session).map_err(StoreError::from)
    }

    /// Finds a key. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_key(&self, id: &KeyId) -> Result<Option<Key>, StoreError> {
        self.read(|connection| keys::find(connection, id))
    }

    /// Lists at most `limit` keys behind the one made at a time with an id, oldest first. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_keys(
        &self,
        after: Option<&(Instant, KeyId)>,
        limit: usize,
    ) -> Result<Vec<Key>, StoreError> {
        self.read(|connection| keys::list(connection, after, limit))
    }
}

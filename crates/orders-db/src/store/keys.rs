//! What can be asked of a store about keys.

use std::sync::{Arc, PoisonError, mpsc};

use orders_core::{Instant, Key, KeyId};

use super::Store;
use crate::StoreError;
use crate::keys::sessions::{self, Session};
use crate::keys::{self, KeyTable};
use crate::lane::Reply;

impl Store {
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

//! The store's methods for keys and the audit trail.

use std::sync::{Arc, PoisonError, mpsc};

use orders_core::Timestamp;
use orders_core::key::{Key, KeyId};

use super::Store;
use crate::StoreError;
use crate::keys::{self, KeyTable};
use crate::write::audit::{self, AuditEntry};
use crate::write::queue::Reply;

impl Store {
    /// Returns the cached keys.
    #[must_use]
    pub fn keys(&self) -> Arc<KeyTable> {
        self.keys.table()
    }

    /// Refreshes the key cache now, and replies when that is done.
    pub fn refresh_keys(&self, reply: Reply<()>) {
        let refreshes = self.key_refreshes.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = refreshes.as_ref().map(|refreshes| refreshes.send(reply));
        if let Some(Err(mpsc::SendError(reply))) = sent {
            reply(Err(StoreError::Unavailable("the key cache is closed".to_owned())));
        }
    }

    /// Finds a key. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_key(&self, id: &KeyId) -> Result<Option<Key>, StoreError> {
        self.read(|connection| keys::find(connection, id))
    }

    /// Lists at most `limit` keys after a position (creation time and id), oldest first. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_keys(
        &self,
        after: Option<&(Timestamp, KeyId)>,
        limit: usize,
    ) -> Result<Vec<Key>, StoreError> {
        self.read(|connection| keys::list(connection, after, limit))
    }

    /// Lists at most `limit` entries of the audit trail above a number, oldest first. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_audit(
        &self,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.read(|connection| audit::list(connection, after, limit))
    }
}

//! The store's methods for cached keys.

use std::sync::{Arc, PoisonError, mpsc};

use super::Store;
use crate::StoreError;
use crate::keys::KeyTable;
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
}

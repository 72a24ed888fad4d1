//! The API keys, as last read from the database.

use std::sync::Arc;
use std::time::Duration;

use actix_rt::time::timeout;
use orders_db::{KeyTable, Store, StoreError};
use tokio::sync::oneshot;

/// The timeout of a refresh.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(1);

/// The API keys, which the store refreshes regularly. Clones share them.
#[derive(Clone)]
pub(crate) struct KeyCache(Arc<Store>);

impl KeyCache {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self(store)
    }

    /// The keys as last read.
    pub(crate) fn table(&self) -> Arc<KeyTable> {
        self.0.keys()
    }

    /// Reads the keys now. Fails if the database does not respond in time.
    pub(crate) async fn refresh(&self) -> Result<Arc<KeyTable>, StoreError> {
        let (sender, receiver) = oneshot::channel();
        // A request that has timed out needs no reply.
        self.0.refresh_keys(Box::new(move |result| drop(sender.send(result))));
        let Ok(Ok(refreshed)) = timeout(REFRESH_TIMEOUT, receiver).await else {
            return Err(StoreError::Unavailable("the keys were not read in time".to_owned()));
        };
        refreshed.map(|()| self.table())
    }
}

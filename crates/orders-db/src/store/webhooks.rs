//! The store's methods for webhooks and their deliveries.

use std::time::Duration;

use orders_core::Timestamp;
use orders_core::webhook::{DeliveryStatus, SigningSecret, Webhook, WebhookId};

use super::Store;
use crate::StoreError;
use crate::database::clock;
use crate::webhooks::{self, Delivery, DeliveryStore};

impl Store {
    /// Finds a webhook. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_webhook(&self, id: &WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.read(|connection| webhooks::find(connection, id))
    }

    /// Lists at most `limit` webhooks after a position (creation time and id), oldest first. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_webhooks(
        &self,
        after: Option<&(Timestamp, WebhookId)>,
        limit: usize,
    ) -> Result<Vec<Webhook>, StoreError> {
        self.read(|connection| webhooks::list(connection, after, limit))
    }

    /// Returns the secrets that sign deliveries to a webhook, and the database's time. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_signing_secrets(
        &self,
        id: &WebhookId,
    ) -> Result<(Vec<SigningSecret>, Timestamp), StoreError> {
        self.read(|connection| {
            let now = clock::now(connection)?;
            Ok((webhooks::secrets(connection, id, now)?, now))
        })
    }

    /// Lists at most `limit` deliveries to a webhook, the newest first, below the one with the id
    /// `before`. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_deliveries(
        &self,
        webhook: &WebhookId,
        status: Option<DeliveryStatus>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.read(|connection| {
            webhooks::list_deliveries(connection, webhook, status, before, limit)
        })
    }

    /// Opens the delivery store under a name that is unique among processes. A lease lasts for
    /// `lease_time`; each record renews it.
    #[must_use]
    pub fn delivery_store(&self, name: String, lease_time: Duration) -> DeliveryStore {
        DeliveryStore::new(self.background.clone(), name, lease_time)
    }
}

//! What can be asked of a store about webhooks.

use std::time::Duration;

use orders_core::{Instant, SigningSecret, Webhook, WebhookId};

use super::Store;
use crate::webhooks::{self, Courier, Delivery, DeliveryStatus};
use crate::{StoreError, clock};

impl Store {
    /// Finds a webhook. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_webhook(&self, id: &WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.read(|connection| webhooks::find(connection, id))
    }

    /// Lists at most `limit` webhooks behind the one made at a time with an id, oldest first. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_webhooks(
        &self,
        after: Option<&(Instant, WebhookId)>,
        limit: usize,
    ) -> Result<Vec<Webhook>, StoreError> {
        self.read(|connection| webhooks::list(connection, after, limit))
    }

    /// What signs deliveries to a webhook at this moment, which comes with it. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_signing_secrets(
        &self,
        id: &WebhookId,
    ) -> Result<(Vec<SigningSecret>, Instant), StoreError> {
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

    /// Delivers for this process, under a name that no other has. A claim is good for as long as
    /// `lease`, and each time that something is written down it begins anew.
    #[must_use]
    pub fn courier(&self, name: String, lease: Duration) -> Courier {
        Courier::new(self.courier.clone(), name, lease)
    }
}

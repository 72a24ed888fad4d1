//! What can be asked of a store about webhooks.

use std::time::{Duration, Instant as Moment};

use orders_core::{Instant, Retry, SigningSecret, Webhook, WebhookCommand, WebhookId};

use super::Store;
use crate::answers::{Answered, Render};
use crate::lane::Reply;
use crate::ticket::Ticket;
use crate::webhooks::{
    self, Courier, Delivery, DeliveryStatus, KeyedChange, WebhookJob, WebhookVerdict,
};
use crate::write::Job;
use crate::{StoreError, clock};

impl Store {
    /// Has a change to the webhooks decided and done by `deadline`. What `render` makes of it is kept
    /// for whoever asks again, so it must not show a secret.
    pub fn change_webhooks(
        &self,
        command: WebhookCommand,
        retry: Option<Retry>,
        render: Render<WebhookVerdict>,
        deadline: Moment,
        reply: Reply<Answered<WebhookVerdict>>,
    ) -> Ticket {
        let ticket = self.ticket(deadline);
        let change = KeyedChange { command, retry, render };
        self.queue(Job::Webhook(WebhookJob { change, ticket: ticket.clone(), reply }));
        ticket
    }

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

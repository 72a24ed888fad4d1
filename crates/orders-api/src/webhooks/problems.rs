//! Converts refusals of changes to webhooks into problems.

use orders_core::webhook::{Webhook, WebhookRefusal};

use crate::events;
use crate::http::problem::{Code, Problem};

impl From<WebhookRefusal> for Problem {
    fn from(refusal: WebhookRefusal) -> Self {
        match refusal {
            WebhookRefusal::NotFound(id) => {
                Self::new(Code::NotFound, format!("Webhook {id} does not exist."))
            }
            WebhookRefusal::TooMany => Self::new(
                Code::TooManyWebhooks,
                format!("The limit of {} webhooks is reached; delete one first.", Webhook::MAX),
            ),
            WebhookRefusal::EventsGone(feed) => events::gone(&feed),
        }
    }
}

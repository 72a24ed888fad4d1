//! Converts refusals of changes to webhooks into problems.

use orders_core::webhook::{Webhook, WebhookRefusal};

use crate::events;
use crate::http::problem::{Code, FieldError, Problem};

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
            WebhookRefusal::EventsGone(first) => events::gone(first),
            WebhookRefusal::NoSuchEvent(last) => {
                let pointer = "/after".to_owned();
                let detail = format!("must be at most {last}, the sequence of the last event");
                Self::of_fields(Code::InvalidWebhook, vec![FieldError { pointer, detail }])
            }
        }
    }
}

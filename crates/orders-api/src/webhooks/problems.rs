//! Refused changes to webhooks as problems.

use orders_core::webhook::{Webhook, WebhookRefusal};

use crate::events;
use crate::http::problem::{Code, FieldError, Problem};

impl From<WebhookRefusal> for Problem {
    fn from(refusal: WebhookRefusal) -> Self {
        match refusal {
            WebhookRefusal::NotFound(id) => {
                Self::new(Code::NotFound, format!("There is no webhook {id}."))
            }
            WebhookRefusal::TooMany => Self::new(
                Code::TooManyWebhooks,
                format!("There are {} webhooks already.", Webhook::MAX),
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

//! What is to be told of a webhook, in words.

use orders_core::{Disabled, Instant, Webhook};
use orders_db::Delivery;

use super::super::zone::Zone;
use crate::webhooks::SendResult;

/// A delivery.
pub(super) struct Row {
    pub(super) delivery: Delivery,
    /// Behind which event whatever is delivered again begins with this one.
    pub(super) before: u64,
    pub(super) answer: String,
    pub(super) at: String,
    pub(super) next: String,
}

/// How it is with a webhook, in words.
pub(in super::super) fn state(zone: Zone, webhook: &Webhook) -> String {
    match (webhook.disabled, webhook.held) {
        (Some(Disabled::Operator), _) => "paused".to_owned(),
        (Some(Disabled::Gone), _) => "paused: it answered that it wants no more".to_owned(),
        (None, Some(held)) => {
            let next = zone.words(held.next_attempt_at);
            format!("failing: tried {} times, again at {next}", held.attempts)
        }
        (None, None) => "delivering".to_owned(),
    }
}

pub(super) fn row(zone: Zone, delivery: Delivery) -> Row {
    Row {
        before: delivery.sequence.saturating_sub(1),
        answer: match (delivery.http_status, &delivery.error) {
            (Some(status), _) => status.to_string(),
            (None, Some(error)) => error.clone(),
            (None, None) => String::new(),
        },
        at: zone.words(delivery.updated_at),
        next: delivery.next_attempt_at.map(|at: Instant| zone.words(at)).unwrap_or_default(),
        delivery,
    }
}

/// What became of a trial, and whether it was taken.
pub(super) fn test_result(sent: &SendResult) -> (bool, String) {
    let took = sent.duration.as_millis();
    match (&sent.response, sent.error()) {
        (Ok(status), None) => (true, format!("It took the test: {status} after {took} ms.")),
        (_, error) => {
            let why = error.unwrap_or_default();
            (false, format!("The test failed after {took} ms: {why}."))
        }
    }
}

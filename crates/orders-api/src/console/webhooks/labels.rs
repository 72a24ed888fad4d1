//! Webhooks and deliveries in words.

use orders_core::Timestamp;
use orders_core::webhook::{Disabled, Webhook};
use orders_db::Delivery;

use super::super::zone::Zone;
use crate::webhooks::SendResult;

/// A delivery.
pub(super) struct Row {
    pub(super) delivery: Delivery,
    /// The event before this one, for a replay from here.
    pub(super) before: u64,
    pub(super) answer: String,
    pub(super) at: String,
    pub(super) next: String,
}

/// The state of a webhook.
pub(in super::super) fn state(zone: Zone, webhook: &Webhook) -> String {
    match (webhook.disabled, webhook.held) {
        (Some(Disabled::Operator), _) => "paused".to_owned(),
        (Some(Disabled::Gone), _) => "disabled: the endpoint responded 410 Gone".to_owned(),
        (None, Some(held)) => {
            let next = zone.words(held.next_attempt_at);
            format!("failing: {} attempts, next attempt at {next}", held.attempts)
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
        next: delivery.next_attempt_at.map(|at: Timestamp| zone.words(at)).unwrap_or_default(),
        delivery,
    }
}

/// The result of a test delivery, and whether it succeeded.
pub(super) fn test_result(sent: &SendResult) -> (bool, String) {
    let took = sent.duration.as_millis();
    match (&sent.response, sent.error()) {
        (Ok(status), None) => (true, format!("The test was delivered: {status} after {took} ms.")),
        (_, error) => {
            let why = error.unwrap_or_default();
            (false, format!("The test failed after {took} ms: {why}."))
        }
    }
}

//! How webhooks change: created, changed, deleted, rotated, replayed.

use super::{
    Disabled, EventPatterns, SigningSecret, Webhook, WebhookContent, WebhookDescription, WebhookId,
};
use crate::decide::EventFeed;
use crate::time::{Period, Timestamp};

/// A partial update of a webhook. `None` leaves a value unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookPatch {
    /// The new URL.
    pub url: Option<String>,
    /// The new patterns.
    pub events: Option<EventPatterns>,
    /// The new description, or none.
    pub description: Option<Option<WebhookDescription>>,
    /// Whether to disable it.
    pub disabled: Option<bool>,
}

/// A request to change the webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookCommand {
    /// Creates a webhook. It receives events from now on.
    Create {
        /// A random id.
        id: WebhookId,
        /// Its content.
        content: WebhookContent,
        /// Its signing secret.
        secret: SigningSecret,
    },
    /// Updates a webhook. Its next event is due at once, with no attempts counted.
    Change {
        /// Which webhook.
        id: WebhookId,
        /// The new values.
        patch: WebhookPatch,
    },
    /// Deletes a webhook.
    Delete(WebhookId),
    /// Replaces a webhook's signing secret.
    Rotate {
        /// Which webhook.
        id: WebhookId,
        /// The new secret.
        secret: SigningSecret,
        /// How long previous secrets also sign; `None` if they end at once.
        overlap: Option<Period>,
    },
    /// Delivers all events after a sequence again, in order.
    Replay {
        /// Which webhook.
        id: WebhookId,
        /// The sequence.
        after: u64,
    },
}

impl WebhookCommand {
    /// The id of the webhook.
    #[must_use]
    pub fn id(&self) -> &WebhookId {
        match self {
            Self::Create { id, .. }
            | Self::Change { id, .. }
            | Self::Rotate { id, .. }
            | Self::Replay { id, .. }
            | Self::Delete(id) => id,
        }
    }
}

/// What one [`WebhookCommand`] is decided by, read under the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSnapshot {
    /// The webhook with the command's id, if there is one.
    pub named: Option<Webhook>,
    /// The number of webhooks.
    pub count: u64,
    /// The feed of events.
    pub feed: EventFeed,
}

/// A change to the webhooks to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookChange {
    /// A new webhook with its secret.
    Created(Webhook, SigningSecret),
    /// The webhook was updated.
    Changed(Webhook),
    /// The webhook has another position.
    Replayed(Webhook),
    /// The webhook already had these values.
    Unchanged(Webhook),
    /// The webhook was deleted.
    Deleted(WebhookId),
    /// The webhook's secret was replaced.
    Rotated {
        /// The webhook.
        webhook: Webhook,
        /// The new secret.
        secret: SigningSecret,
        /// Until when previous secrets also sign.
        previous_until: Timestamp,
    },
}

/// Why a change to the webhooks is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookRefusal {
    /// There is no such webhook.
    #[error("there is no webhook {0}")]
    NotFound(WebhookId),
    /// The maximum number of webhooks exists.
    #[error("there are {} webhooks already, and no more are possible", Webhook::MAX)]
    TooMany,
    /// The feed cannot be followed from the sequence.
    #[error("the feed has the events from {} to {}", .0.first_sequence, .0.last_sequence)]
    EventsGone(EventFeed),
}

/// Decides one change to the webhooks.
///
/// # Errors
/// [`WebhookRefusal`] if the change is rejected.
pub fn decide_webhook(
    snapshot: &WebhookSnapshot,
    command: &WebhookCommand,
    now: Timestamp,
) -> Result<WebhookChange, WebhookRefusal> {
    let named =
        |id: &WebhookId| snapshot.named.clone().ok_or_else(|| WebhookRefusal::NotFound(id.clone()));
    match command {
        WebhookCommand::Create { id, content, secret } => {
            if snapshot.count >= Webhook::MAX {
                return Err(WebhookRefusal::TooMany);
            }
            let webhook = Webhook {
                id: id.clone(),
                content: content.clone(),
                disabled: None,
                created_at: now,
                updated_at: now,
                position: snapshot.feed.last_sequence,
                held: None,
                generation: 1,
                pending: 0,
                failed: 0,
            };
            Ok(WebhookChange::Created(webhook, secret.clone()))
        }
        WebhookCommand::Change { id, patch } => Ok(change(named(id)?, patch, now)),
        WebhookCommand::Delete(id) => named(id).map(|webhook| WebhookChange::Deleted(webhook.id)),
        WebhookCommand::Rotate { id, secret, overlap } => {
            let previous_until = overlap.map_or(now, |overlap| now.saturating_add(overlap));
            Ok(WebhookChange::Rotated {
                webhook: named(id)?,
                secret: secret.clone(),
                previous_until,
            })
        }
        WebhookCommand::Replay { id, after } => {
            let webhook = named(id)?;
            if !snapshot.feed.continues_from(*after) {
                return Err(WebhookRefusal::EventsGone(snapshot.feed.clone()));
            }
            let pending = snapshot.feed.last_sequence.saturating_sub(*after);
            Ok(WebhookChange::Replayed(Webhook { position: *after, pending, ..restarted(webhook) }))
        }
    }
}

fn change(before: Webhook, patch: &WebhookPatch, now: Timestamp) -> WebhookChange {
    let WebhookPatch { url, events, description, disabled } = patch.clone();
    let content = before.content.clone();
    let content = WebhookContent {
        url: url.unwrap_or(content.url),
        events: events.unwrap_or(content.events),
        description: description.unwrap_or(content.description),
    };
    let disabled = match disabled {
        Some(true) => before.disabled.or(Some(Disabled::Operator)),
        Some(false) => None,
        None => before.disabled,
    };
    if content == before.content && disabled == before.disabled {
        return WebhookChange::Unchanged(before);
    }
    WebhookChange::Changed(Webhook { content, disabled, updated_at: now, ..restarted(before) })
}

/// The same webhook, with no attempts counted.
fn restarted(webhook: Webhook) -> Webhook {
    Webhook { held: None, generation: webhook.generation.saturating_add(1), ..webhook }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::Held;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    fn secret(byte: u8) -> SigningSecret {
        SigningSecret::new(vec![byte; 32]).unwrap()
    }

    fn snapshot(named: Option<Webhook>) -> WebhookSnapshot {
        WebhookSnapshot { named, count: 1, feed: feed(1) }
    }

    fn feed(first_sequence: u64) -> EventFeed {
        EventFeed { id: "f".to_owned(), first_sequence, last_sequence: 7, removed: vec![(4, 6)] }
    }

    fn some_webhook() -> Webhook {
        let content = WebhookContent {
            url: "https://example.com/".to_owned(),
            events: EventPatterns::default(),
            description: None,
        };
        let id = WebhookId::from_random([1; 8]);
        let create = WebhookCommand::Create { id, content, secret: secret(1) };
        let made = decide_webhook(&snapshot(None), &create, at(1_000)).unwrap();
        let WebhookChange::Created(webhook, _) = made else { panic!("{made:?}") };
        webhook
    }

    #[test]
    fn a_new_webhook_is_told_of_what_happens_from_now_on_and_there_is_a_limit() {
        let webhook = some_webhook();
        assert_eq!((webhook.position, webhook.disabled, webhook.held), (7, None, None));
        let create =
            WebhookCommand::Create { id: webhook.id, content: webhook.content, secret: secret(1) };
        let full = WebhookSnapshot { count: Webhook::MAX, ..snapshot(None) };
        assert_eq!(decide_webhook(&full, &create, at(1)), Err(WebhookRefusal::TooMany));
    }

    #[test]
    fn a_change_begins_anew_with_the_event_that_holds_and_nothing_new_is_no_change() {
        let held = Held { attempts: 3, next_attempt_at: at(9_000) };
        let webhook = Webhook { held: Some(held), ..some_webhook() };
        let patch = |disabled| WebhookCommand::Change {
            id: webhook.id.clone(),
            patch: WebhookPatch { disabled: Some(disabled), ..WebhookPatch::default() },
        };
        let decide = |named: &Webhook, command: &WebhookCommand| {
            decide_webhook(&snapshot(Some(named.clone())), command, at(2_000)).unwrap()
        };
        assert_eq!(decide(&webhook, &patch(false)), WebhookChange::Unchanged(webhook.clone()));
        let WebhookChange::Changed(disabled) = decide(&webhook, &patch(true)) else {
            panic!("it was disabled")
        };
        assert_eq!((disabled.disabled, disabled.held), (Some(Disabled::Operator), None));
        assert_eq!((disabled.updated_at, disabled.generation), (at(2_000), 2));
        let gone = Webhook { disabled: Some(Disabled::Gone), ..webhook.clone() };
        assert_eq!(decide(&gone, &patch(true)), WebhookChange::Unchanged(gone.clone()));
    }

    #[test]
    fn a_patch_changes_what_it_names() {
        let webhook = some_webhook();
        let (url, description) = ("https://example.org/".to_owned(), "Billing");
        let description = WebhookDescription::parse(description).unwrap();
        let patch = WebhookPatch {
            url: Some(url.clone()),
            description: Some(Some(description.clone())),
            ..WebhookPatch::default()
        };
        let command = WebhookCommand::Change { id: webhook.id.clone(), patch };
        let changed = decide_webhook(&snapshot(Some(webhook.clone())), &command, at(2_000));
        let Ok(WebhookChange::Changed(changed)) = changed else { panic!("{changed:?}") };
        let events = webhook.content.events.clone();
        let content = WebhookContent { url, events, description: Some(description) };
        assert_eq!((changed.content, changed.disabled), (content, None));
    }

    #[test]
    fn a_replay_goes_anywhere_where_events_are() {
        let webhook = some_webhook();
        let replay = |after| {
            let command = WebhookCommand::Replay { id: webhook.id.clone(), after };
            decide_webhook(&snapshot(Some(webhook.clone())), &command, at(2_000))
        };
        let Ok(WebhookChange::Replayed(moved)) = replay(0) else { panic!("it was moved") };
        assert_eq!((moved.position, moved.pending), (0, 7));
        assert!(replay(7).is_ok());
        for removed in [4, 5, 8] {
            assert_eq!(replay(removed), Err(WebhookRefusal::EventsGone(feed(1))), "{removed}");
        }
        assert!(replay(3).is_ok() && replay(6).is_ok());
        let replay_of_all = WebhookCommand::Replay { id: webhook.id.clone(), after: 1 };
        let trimmed = WebhookSnapshot { feed: feed(3), ..snapshot(Some(webhook.clone())) };
        let refusal = Err(WebhookRefusal::EventsGone(feed(3)));
        assert_eq!(decide_webhook(&trimmed, &replay_of_all, at(2_000)), refusal);
        let nothing = WebhookCommand::Delete(webhook.id.clone());
        let refusal = Err(WebhookRefusal::NotFound(webhook.id.clone()));
        assert_eq!(decide_webhook(&snapshot(None), &nothing, at(1)), refusal);
    }
}

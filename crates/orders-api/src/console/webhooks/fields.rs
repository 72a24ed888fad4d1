//! The form of a webhook.

use orders_core::webhook::{
    EventPattern, EventPatterns, Webhook, WebhookContent, WebhookDescription, WebhookPatch,
};

use super::super::form::Form;
use crate::http::problem::{Code, Problem};
use crate::webhooks::{self, SsrfGuard};

/// The values of the fields.
pub(crate) struct Fields {
    pub(crate) url: String,
    pub(crate) description: String,
    /// Event patterns: name, label, whether it is chosen.
    pub(crate) events: Vec<(&'static str, &'static str, bool)>,
    pub(crate) is_paused: bool,
}

impl Default for Fields {
    fn default() -> Self {
        let events = choices(|pattern| pattern == EventPattern::AllOfOrders);
        Self { url: String::new(), description: String::new(), events, is_paused: false }
    }
}

impl Fields {
    /// The fields of a webhook.
    pub(super) fn from_webhook(webhook: &Webhook) -> Self {
        let WebhookContent { url, events, description } = &webhook.content;
        Self {
            url: url.clone(),
            description: description.as_ref().map_or("", WebhookDescription::as_str).to_owned(),
            events: choices(|pattern| events.contains(&pattern)),
            is_paused: webhook.disabled.is_some(),
        }
    }

    /// Reads a form. Returns its fields, and the content of a webhook or why they are invalid.
    pub(super) fn read(form: &Form, guard: SsrfGuard) -> (Self, Result<WebhookContent, Problem>) {
        let chosen: Vec<&str> = form.all("event").collect();
        let fields = Self {
            url: form.one("url").trim().to_owned(),
            description: form.one("description").trim().to_owned(),
            events: choices(|pattern| chosen.contains(&pattern.as_str())),
            is_paused: form.one("state") == "paused",
        };
        let content = fields.content(guard);
        (fields, content)
    }

    fn content(&self, guard: SsrfGuard) -> Result<WebhookContent, Problem> {
        let invalid = |detail: String| Problem::new(Code::InvalidWebhook, detail);
        if let Some((code, why)) = webhooks::url_fault(guard, &self.url) {
            return Err(Problem::new(code, format!("The URL {why}.")));
        }
        let chosen = self.events.iter().filter(|(_, _, is_chosen)| *is_chosen);
        let patterns = chosen.filter_map(|(name, _, _)| EventPattern::parse(name).ok()).collect();
        let events = EventPatterns::new(patterns)
            .map_err(|_none| invalid("Choose at least one event.".to_owned()))?;
        let description = match self.description.as_str() {
            "" => None,
            text => Some(
                WebhookDescription::parse(text)
                    .map_err(|error| invalid(format!("The description {error}.")))?,
            ),
        };
        Ok(WebhookContent { url: self.url.clone(), events, description })
    }

    /// The change that gives a webhook these fields.
    pub(super) fn patch(&self, content: WebhookContent) -> WebhookPatch {
        WebhookPatch {
            url: Some(content.url),
            events: Some(content.events),
            description: Some(content.description),
            disabled: Some(self.is_paused),
        }
    }
}

fn choices(is_chosen: impl Fn(EventPattern) -> bool) -> Vec<(&'static str, &'static str, bool)> {
    let meanings = ["all order events", "created", "updated", "deleted", "restored"];
    let patterns = EventPattern::ALL.into_iter().zip(meanings);
    patterns.map(|(pattern, meaning)| (pattern.as_str(), meaning, is_chosen(pattern))).collect()
}

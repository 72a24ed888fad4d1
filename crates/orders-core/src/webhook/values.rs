//! The values of a webhook.

use std::fmt;

use crate::decide::EventKind;
use crate::text::{ParseError, random_id, read_from_text, serialize_as_text, text_value};

/// A webhook's id: `whk_` and 16 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebhookId(std::sync::Arc<str>);

random_id!(WebhookId, "whk_");

/// A pattern of events: all events of orders, or those of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventPattern {
    /// `order.*`
    AllOfOrders,
    /// `order.created` and so on.
    OfKind(EventKind),
}

impl EventPattern {
    /// All patterns.
    pub const ALL: [Self; 5] = [
        Self::AllOfOrders,
        Self::OfKind(EventKind::Created),
        Self::OfKind(EventKind::Updated),
        Self::OfKind(EventKind::Deleted),
        Self::OfKind(EventKind::Restored),
    ];

    /// Parses `order.*`, `order.created`, `order.updated`, `order.deleted` or `order.restored`.
    ///
    /// # Errors
    /// [`ParseError`] for any other text.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|pattern| pattern.as_str() == text).ok_or(ParseError(
            "must be order.*, order.created, order.updated, order.deleted or order.restored",
        ))
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AllOfOrders => "order.*",
            Self::OfKind(EventKind::Created) => "order.created",
            Self::OfKind(EventKind::Updated) => "order.updated",
            Self::OfKind(EventKind::Deleted) => "order.deleted",
            Self::OfKind(EventKind::Restored) => "order.restored",
        }
    }

    fn matches(self, kind: EventKind) -> bool {
        match self {
            Self::AllOfOrders => true,
            Self::OfKind(one) => one == kind,
        }
    }
}

read_from_text!(EventPattern, ParseError, EventPattern::parse);
serialize_as_text!(EventPattern);

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The events that a webhook receives: 1 to 5 patterns, each once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Vec<EventPattern>"))]
pub struct EventPatterns(Vec<EventPattern>);

impl std::ops::Deref for EventPatterns {
    type Target = [EventPattern];

    fn deref(&self) -> &[EventPattern] {
        &self.0
    }
}

/// An error which can be returned when a list of patterns is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventPatternsError {
    /// There are none.
    #[error("must name one pattern at least")]
    None,
    /// The pattern at this position (from 0) repeats an earlier one.
    #[error("must not name a pattern twice")]
    Repeated(usize),
}

impl EventPatterns {
    /// Checks patterns.
    ///
    /// # Errors
    /// - [`EventPatternsError::None`] for an empty list.
    /// - [`EventPatternsError::Repeated`] if a pattern comes twice.
    pub fn new(patterns: Vec<EventPattern>) -> Result<Self, EventPatternsError> {
        if patterns.is_empty() {
            return Err(EventPatternsError::None);
        }
        let repeats = |(place, one): (usize, &EventPattern)| {
            patterns.iter().take(place).any(|earlier| earlier == one).then_some(place)
        };
        match patterns.iter().enumerate().find_map(repeats) {
            Some(place) => Err(EventPatternsError::Repeated(place)),
            None => Ok(Self(patterns)),
        }
    }

    /// Returns `true` if a pattern matches events of a kind.
    #[must_use]
    pub fn match_kind(&self, kind: EventKind) -> bool {
        self.0.iter().any(|pattern| pattern.matches(kind))
    }
}

impl TryFrom<Vec<EventPattern>> for EventPatterns {
    type Error = EventPatternsError;

    fn try_from(patterns: Vec<EventPattern>) -> Result<Self, EventPatternsError> {
        Self::new(patterns)
    }
}

impl Default for EventPatterns {
    /// `order.*`
    fn default() -> Self {
        Self(vec![EventPattern::AllOfOrders])
    }
}

/// A webhook's description: at most 500 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebhookDescription(String);

text_value!(WebhookDescription, |text| {
    if str::chars(text).any(char::is_control) || text.chars().count() > 500 {
        return Err(ParseError("must have at most 500 characters, and no control characters"));
    }
    Ok(text)
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_only_as_it_is_made() {
        let id = WebhookId::from_random([0, 1, 2, 3, 4, 5, 6, 255]);
        assert_eq!(id.as_str(), "whk_00010203040506ff");
        assert_eq!(WebhookId::parse(id.as_str()), Ok(id.clone()));
        for odd in ["", "whk_", "whk_00010203040506FF", "key_00010203040506ff"] {
            assert!(WebhookId::parse(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn patterns_mean_all_or_some_kinds_and_stand_once() {
        assert!(EventPatterns::default().match_kind(EventKind::Restored));
        let read = |texts: &[&str]| {
            EventPatterns::new(
                texts.iter().map(|text| EventPattern::parse(text).unwrap()).collect(),
            )
        };
        let some = read(&["order.created", "order.deleted"]).unwrap();
        assert!(some.match_kind(EventKind::Deleted) && !some.match_kind(EventKind::Updated));
        assert_eq!(read(&[]), Err(EventPatternsError::None));
        assert_eq!(read(&["order.*", "order.*"]), Err(EventPatternsError::Repeated(1)));
        assert!(EventPattern::parse("order.Created").is_err());
    }
}

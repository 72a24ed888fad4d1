//! The policy: how far apart orders must be, and which orders share a calendar.

use std::fmt;

use crate::text::{read_from_text, serialize_as_text};
use crate::time::Period;

/// Which orders can conflict with one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All orders share one calendar.
    Global,
    /// Each service has a calendar; an order is in those of all its services.
    Service,
}

impl Scope {
    /// Reads `global` or `service`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "global" => Some(Self::Global),
            "service" => Some(Self::Service),
            _ => None,
        }
    }

    /// `global` or `service`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Service => "service",
        }
    }
}

/// The text given is not a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be global or service")]
pub struct ScopeError;

read_from_text!(Scope, ScopeError, |text| Scope::parse(text).ok_or(ScopeError));
serialize_as_text!(Scope);

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The rules that every process on one database works by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Policy {
    /// Two orders of one calendar conflict when they are less than this apart.
    pub window: Period,
    /// Which orders share a calendar.
    pub scope: Scope,
    /// How old an order must be before it may be updated; `None` lets it be updated at once.
    pub edit_lock: Option<Period>,
}

/// What is to become different about a policy; what is `None` stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PolicyPatch {
    /// Another window.
    pub window: Option<Period>,
    /// Another scope.
    pub scope: Option<Scope>,
    /// Another edit lock, or none.
    pub edit_lock: Option<Option<Period>>,
}

impl Default for Policy {
    /// Three hours, all orders in one calendar, no edit lock.
    fn default() -> Self {
        Self { window: Period::THREE_HOURS, scope: Scope::Global, edit_lock: None }
    }
}

impl Policy {
    /// This policy with some of it changed.
    #[must_use]
    pub fn with(self, patch: &PolicyPatch) -> Self {
        Self {
            window: patch.window.unwrap_or(self.window),
            scope: patch.scope.unwrap_or(self.scope),
            edit_lock: patch.edit_lock.unwrap_or(self.edit_lock),
        }
    }
}

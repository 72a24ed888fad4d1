//! The policy: the minimum gap between orders, and which orders share a calendar.

mod occupancy;

use crate::text::named_values;
use crate::time::Period;

pub use occupancy::{CalendarId, Interval, Slot};

/// Which orders can conflict with one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All orders share one calendar.
    Global,
    /// Each service has a calendar. An order is in the calendars of all its services.
    Service,
}

named_values!(Scope, "must be global or service", [Global = "global", Service = "service"]);

/// The rules of one database. Every process on it follows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Policy {
    /// The minimum gap between two orders of one calendar.
    pub window: Period,
    /// Which orders share a calendar.
    pub scope: Scope,
    /// How old an order must be before it may be updated; `None` for no limit.
    pub edit_lock: Option<Period>,
}

/// A partial update of a policy. `None` leaves a value unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PolicyPatch {
    /// The new window.
    pub window: Option<Period>,
    /// The new scope.
    pub scope: Option<Scope>,
    /// The new edit lock, or none.
    pub edit_lock: Option<Option<Period>>,
}

impl Default for Policy {
    /// Three hours, all orders in one calendar, no edit lock.
    fn default() -> Self {
        Self { window: Period::THREE_HOURS, scope: Scope::Global, edit_lock: None }
    }
}

impl Policy {
    /// This policy with a patch applied.
    #[must_use]
    pub fn with(self, patch: &PolicyPatch) -> Self {
        Self {
            window: patch.window.unwrap_or(self.window),
            scope: patch.scope.unwrap_or(self.scope),
            edit_lock: patch.edit_lock.unwrap_or(self.edit_lock),
        }
    }
}

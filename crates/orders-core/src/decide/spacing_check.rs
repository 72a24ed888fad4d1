//! Checks any number of slots against the spacing rule.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::order::{Group, OrderId};
use crate::policy::{CalendarId, Slot};
use crate::time::Timestamp;

/// Two orders that are too close to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The calendar that both are in.
    pub calendar: CalendarId,
    /// The earlier order, and its time.
    pub earlier: (OrderId, Timestamp),
    /// The later order, and its time.
    pub later: (OrderId, Timestamp),
    /// The groups of both, the earlier order's first.
    pub groups: (Group, Group),
}

/// Checks slots in one pass over any number of them. The slots of each calendar come in the order
/// of their starts; calendars may come one after the other or mixed.
///
/// Each slot is compared with the one that reaches furthest so far. That is enough to find a
/// violation wherever there is one: a slot that overlaps an earlier one also overlaps the furthest,
/// and the earlier one overlaps the furthest too. If the slot and the furthest are of one group,
/// then the earlier and the furthest are of different groups, and a violation was found before.
#[derive(Debug, Clone, Default)]
pub struct SpacingCheck(HashMap<CalendarId, (OrderId, Slot)>);

impl SpacingCheck {
    /// Checks the next slot. Returns the violation, if it overlaps the one that reaches furthest.
    pub fn next(&mut self, order_id: &OrderId, slot: Slot) -> Option<Violation> {
        let furthest = match self.0.entry(slot.calendar) {
            Entry::Vacant(first) => {
                first.insert((order_id.clone(), slot));
                return None;
            }
            Entry::Occupied(furthest) => furthest.into_mut(),
        };
        let (earlier_id, earlier) = &*furthest;
        let violation = earlier.conflicts_with(&slot).then(|| Violation {
            calendar: slot.calendar,
            earlier: (earlier_id.clone(), earlier.interval.start()),
            later: (order_id.clone(), slot.interval.start()),
            groups: (earlier.group, slot.group),
        });
        if earlier.interval.end_ms() <= slot.interval.end_ms() {
            *furthest = (order_id.clone(), slot);
        }
        violation
    }
}

//! Changes: what a decision stores.

use super::event::Event;
use crate::order::Order;

/// What to store for the accepted commands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// The orders that changed, each once.
    pub rows: Vec<RowChange>,
    /// The events, in order. There are more than `rows` if an order changed several times.
    pub events: Vec<Event>,
    /// The positions (from 0) of the commands whose responses are stored under their keys.
    pub responses: Vec<usize>,
}

impl Changes {
    /// Returns `true` if there is nothing to store.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.responses.is_empty()
    }
}

/// An order before and after a decision. At least one of both is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowChange {
    /// The stored order.
    pub before: Option<Order>,
    /// The order to store.
    pub after: Option<Order>,
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::decide::{Actor, EventKind};
    use crate::order::{Fee, Group, OrderContent, OrderId, Services};
    use crate::service::ServiceId;
    use crate::time::Timestamp;

    #[test]
    fn changes_are_empty_without_events_and_responses() {
        let order = Order {
            id: OrderId::parse("a").unwrap(),
            content: OrderContent {
                datetime: Timestamp::MIN,
                total_fee: Fee::from_hundredths(0).unwrap(),
                services: Services::new(vec![ServiceId::new(1).unwrap()]).unwrap(),
            },
            version: 1,
            group: Group(NonZeroU64::MIN),
            created_at: Timestamp::MIN,
            updated_at: Timestamp::MIN,
        };
        let (actor, kind) = (Actor::new("me"), EventKind::Created);
        let event = Event { sequence: 1, kind, time: Timestamp::MIN, actor, order };
        assert!(Changes::default().is_empty());
        assert!(!Changes { responses: vec![0], ..Changes::default() }.is_empty());
        // An order that was created and deleted at once leaves events only.
        assert!(!Changes { events: vec![event], ..Changes::default() }.is_empty());
    }
}

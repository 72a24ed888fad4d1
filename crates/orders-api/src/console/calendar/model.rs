//! The data that all views of the calendar draw.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use orders_core::{Scope, ServiceId, Timestamp};
use orders_db::{CalendarOrder, CalendarView};

use super::super::layout::Layout;
use super::super::zone::{Zone, later};
use super::address::Address;
use super::blocked::Blocked;

/// The data of all views.
pub(super) struct CalendarModel<'a> {
    pub(super) zone: Zone,
    pub(super) now: Timestamp,
    pub(super) address: &'a Address,
    pub(super) services: BTreeMap<ServiceId, (usize, &'a str)>,
    pub(super) orders: Vec<&'a CalendarOrder>,
    /// What is blocked for all services that are selected, or for all that there are.
    pub(super) blocked: Blocked,
    /// What is blocked for each of them, if each service has its own calendar.
    blocked_by_service: BTreeMap<ServiceId, Blocked>,
    pub(super) may_write: bool,
}

impl<'a> CalendarModel<'a> {
    pub(super) fn new(
        layout: &Layout,
        address: &'a Address,
        calendar: &'a CalendarView,
        (from, to): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Self {
        let policy = calendar.policy;
        let numbered = calendar.services.iter().enumerate();
        let is_shown = |order: &&CalendarOrder| {
            address.services.is_empty()
                || order.services.iter().any(|id| address.services.contains(&id))
        };
        let blocks = |orders: &[&CalendarOrder]| {
            Blocked::by(orders.iter().map(|order| order.datetime), policy.window)
        };
        let blocked_by_service: BTreeMap<ServiceId, Blocked> = match policy.scope {
            Scope::Global => BTreeMap::new(),
            Scope::Service => {
                let by_service = by_service(calendar, address);
                by_service.into_iter().map(|(id, orders)| (id, blocks(&orders))).collect()
            }
        };
        let blocked = match policy.scope {
            Scope::Global => blocks(&calendar.orders.iter().collect::<Vec<_>>()),
            // A time is free if it is free for any of the services.
            Scope::Service => Blocked::common(blocked_by_service.values().cloned()),
        };
        let within = |order: &&CalendarOrder| order.datetime >= from && order.datetime < to;
        Self {
            zone: layout.zone,
            now,
            address,
            services: numbered
                .map(|(at, service)| (service.id, (at % 8, service.name.as_str())))
                .collect(),
            blocked,
            blocked_by_service,
            orders: calendar.orders.iter().filter(within).filter(is_shown).collect(),
            may_write: layout.may_write(),
        }
    }

    /// What is blocked for a service.
    pub(super) fn blocked_for(&self, service: ServiceId) -> &Blocked {
        self.blocked_by_service.get(&service).unwrap_or(&self.blocked)
    }

    /// The colour and the name of an order: those of the first of its services that is selected.
    pub(super) fn look(&self, order: &CalendarOrder) -> (usize, String) {
        let services: &[ServiceId] = &order.services;
        let chosen = services.iter().find(|id| self.address.services.contains(id));
        let Some(shown) = chosen.or(services.first()) else { return (0, String::new()) };
        let (colour, name) = match self.services.get(shown) {
            Some((colour, name)) => (*colour, (*name).to_owned()),
            None => (0, format!("Service {shown}")),
        };
        let more = services.len().saturating_sub(1);
        (colour, if more == 0 { name } else { format!("{name} +{more}") })
    }

    /// The interval of a day, in epoch milliseconds.
    pub(super) fn interval(&self, date: NaiveDate) -> (i64, i64) {
        let (start, end) = (self.zone.start_of(date), self.zone.start_of(later(date, 1)));
        (start.as_millis(), end.as_millis())
    }

    /// The orders from one millisecond on, before another.
    pub(super) fn orders_within(&self, start: i64, end: i64) -> &[&'a CalendarOrder] {
        let before =
            |edge: i64| self.orders.partition_point(|order| order.datetime.as_millis() < edge);
        self.orders.get(before(start)..before(end)).unwrap_or_default()
    }
}

/// The orders of each selected service, or of each that there is.
fn by_service<'a>(
    calendar: &'a CalendarView,
    address: &Address,
) -> BTreeMap<ServiceId, Vec<&'a CalendarOrder>> {
    let is_chosen = |id: &ServiceId| address.services.is_empty() || address.services.contains(id);
    let known = calendar.services.iter().map(|service| service.id);
    let mut by_service: BTreeMap<ServiceId, Vec<&CalendarOrder>> =
        known.filter(is_chosen).map(|id| (id, Vec::new())).collect();
    for order in &calendar.orders {
        for id in order.services.iter().filter(is_chosen) {
            by_service.entry(id).or_default().push(order);
        }
    }
    by_service
}

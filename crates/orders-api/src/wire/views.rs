//! What answers look like.

use std::collections::HashMap;

use orders_core::{Fee, Instant, Order, Policy, Service, ServiceId, ServiceName, Stretch};
use orders_db::OrderChange;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::problem::ProblemView;

/// An order as it is answered.
#[derive(Debug, Serialize)]
pub(crate) struct OrderView<'a> {
    id: &'a str,
    datetime: Shown<Instant>,
    #[serde(serialize_with = "number")]
    totalfee: Fee,
    services: Vec<ServiceReference<'a>>,
    version: u64,
    created_at: Shown<Instant>,
    updated_at: Shown<Instant>,
}

#[derive(Debug, Serialize)]
struct ServiceReference<'a> {
    id: Shown<ServiceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

/// The services that orders name, to be shown with them.
pub(crate) type Names = HashMap<ServiceId, ServiceName>;

/// Serialized as the text that it is shown as.
#[derive(Debug)]
struct Shown<T>(T);

impl<T: std::fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A fee as a JSON number with its own digits, not by way of a float.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn number<S: Serializer>(fee: &Fee, serializer: S) -> Result<S::Ok, S::Error> {
    RawValue::from_string(fee.to_string()).map_err(serde::ser::Error::custom)?.serialize(serializer)
}

impl<'a> OrderView<'a> {
    pub(crate) fn of(order: &'a Order) -> Self {
        Self::show(order, |_| None)
    }

    /// With the names of its services, if they are to be shown.
    pub(crate) fn with_names(order: &'a Order, names: Option<&'a Names>) -> Self {
        names.map_or_else(|| Self::of(order), |names| Self::expanded(order, names))
    }

    /// With the names of its services.
    pub(crate) fn expanded(order: &'a Order, names: &'a Names) -> Self {
        Self::show(order, |id| names.get(&id).map(ServiceName::as_str))
    }

    fn show(order: &'a Order, name: impl Fn(ServiceId) -> Option<&'a str>) -> Self {
        let reference = |id| ServiceReference { id: Shown(id), name: name(id) };
        Self {
            id: order.id.as_str(),
            datetime: Shown(order.content.datetime),
            totalfee: order.content.total_fee,
            services: order.content.services.iter().map(reference).collect(),
            version: order.version,
            created_at: Shown(order.created_at),
            updated_at: Shown(order.updated_at),
        }
    }
}

/// A change to an order, as CloudEvents 1.0 has it, with the extension `sequence`.
#[derive(Debug, Serialize)]
pub(crate) struct EventView<'a> {
    specversion: &'static str,
    id: Shown<u64>,
    source: &'static str,
    #[serde(rename = "type")]
    kind: String,
    subject: &'a str,
    time: Shown<Instant>,
    datacontenttype: &'static str,
    sequence: Shown<u64>,
    sequencetype: &'static str,
    data: EventData<'a>,
}

#[derive(Debug, Serialize)]
struct EventData<'a> {
    actor: &'a str,
    before: Option<OrderView<'a>>,
    after: Option<OrderView<'a>>,
}

impl<'a> EventView<'a> {
    pub(crate) fn of(change: &'a OrderChange) -> Self {
        let event = &change.event;
        Self {
            specversion: "1.0",
            id: Shown(event.sequence),
            source: "/orders",
            kind: format!("order.{}", event.kind),
            subject: event.subject().as_str(),
            time: Shown(event.time),
            datacontenttype: "application/json",
            sequence: Shown(event.sequence),
            sequencetype: "Integer",
            data: EventData {
                actor: event.actor.as_str(),
                before: change.before.as_ref().map(OrderView::of),
                after: change.after().map(OrderView::of),
            },
        }
    }
}

/// What became of one operation of a batch.
#[derive(Debug, Serialize)]
pub(crate) struct ResultView<'a> {
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order: Option<OrderView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<ProblemView<'a>>,
}

/// A service as it is answered.
#[derive(Debug, Serialize)]
pub(crate) struct ServiceView<'a> {
    id: i64,
    name: &'a str,
}

impl<'a> ServiceView<'a> {
    pub(crate) fn of(service: &'a Service) -> Self {
        Self { id: service.id.get(), name: service.name.as_str() }
    }
}

/// The policy as it is answered.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PolicyView {
    window: String,
    scope: &'static str,
    edit_lock: Option<String>,
}

impl PolicyView {
    pub(crate) fn of(policy: &Policy) -> Self {
        Self {
            window: policy.window.to_string(),
            scope: policy.scope.as_str(),
            edit_lock: policy.edit_lock.map(|period| period.to_string()),
        }
    }
}

/// A free stretch, both ends included.
#[derive(Debug, Serialize)]
pub(crate) struct StretchView {
    start: Shown<Instant>,
    end: Shown<Instant>,
}

impl StretchView {
    pub(crate) fn of(stretch: &Stretch) -> Self {
        Self { start: Shown(stretch.start), end: Shown(stretch.end) }
    }
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub(crate) struct PageView<T> {
    pub(crate) data: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_is_answered_with_its_own_digits() {
        for digits in ["100", "99.5", "0.1", "999999999999.99"] {
            let fee = Fee::parse(digits).unwrap();
            let mut out = Vec::new();
            number(&fee, &mut serde_json::Serializer::new(&mut out)).unwrap();
            assert_eq!(out, digits.as_bytes());
        }
    }
}

//! The history of an order in words: who changed what, and when.

use orders_core::key::KeyId;
use orders_core::{EventKind, Order};
use orders_db::OrderChange;

use super::super::zone::Zone;
use crate::orders::response::Names;
use crate::store_client::StoreClient;

pub(super) struct Change {
    pub(super) what: &'static str,
    pub(super) who: String,
    pub(super) when: String,
    pub(super) utc: String,
    /// The differences: field, before, after.
    pub(super) differences: Vec<(&'static str, String, String)>,
}

pub(super) fn describe(
    store: &StoreClient,
    zone: Zone,
    names: &Names,
    change: &OrderChange,
) -> Change {
    let event = &change.event;
    let fields = |order: &Order| {
        [
            ("Time", zone.words(order.content.datetime)),
            ("Fee", order.content.total_fee.to_string()),
            ("Services", services_of(names, order)),
        ]
    };
    let before = change.before.as_ref().map(fields);
    let after = change.after().map(fields);
    let of = |fields: &Option<[(&'static str, String); 3]>, at: usize| {
        fields.as_ref().and_then(|fields| fields.get(at)).map(|(_, value)| value.clone())
    };
    let differences =
        ["Time", "Fee", "Services"].into_iter().enumerate().filter_map(|(at, name)| {
            let (before, after) = (of(&before, at), of(&after, at));
            (before != after).then(|| (name, before.unwrap_or_default(), after.unwrap_or_default()))
        });
    let actor = event.actor.as_str();
    let table = store.keys();
    let key = KeyId::parse(actor)
        .ok()
        .and_then(|id| table.find(&id).map(|entry| entry.key.name.as_str().to_owned()));
    Change {
        what: match event.kind {
            EventKind::Created => "Created",
            EventKind::Updated => "Updated",
            EventKind::Deleted => "Deleted",
            EventKind::Restored => "Restored",
        },
        who: key.unwrap_or_else(|| actor.to_owned()),
        when: zone.words(event.time),
        utc: event.time.to_string(),
        differences: differences.collect(),
    }
}

/// The names of an order's services.
pub(super) fn services_of(names: &Names, order: &Order) -> String {
    let name = |id| match names.get(&id) {
        Some(name) => name.as_str().to_owned(),
        None => format!("Service {id}"),
    };
    order.content.services.iter().map(name).collect::<Vec<_>>().join(", ")
}

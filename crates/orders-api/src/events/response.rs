//! Response bodies of events: in the feed, in histories and in webhook deliveries.

use orders_core::Timestamp;
use orders_db::OrderChange;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::openapi::shape;
use crate::http::shown::Shown;
use crate::orders;
use crate::orders::response::OrderView;

/// A change to an order as a `CloudEvent` (version 1.0), with the extension `sequence`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Event)]
pub(crate) struct EventView<'a> {
    #[schema(pattern = r"^1\.0$")]
    specversion: &'static str,
    #[schema(schema_with = shape::digits)]
    id: Shown<u64>,
    /// The installation and its feed.
    #[schema(pattern = "^([a-z]+://[^/]+)?/orders/[0-9a-f]{32}$")]
    source: &'a str,
    #[schema(pattern = r"^order\.(created|updated|deleted|restored)$")]
    #[serde(rename = "type")]
    kind: String,
    #[schema(schema_with = orders::shape::order_id)]
    subject: &'a str,
    #[schema(schema_with = shape::instant)]
    time: Shown<Timestamp>,
    #[schema(pattern = "^application/json$")]
    datacontenttype: &'static str,
    /// Rises with each event. Padded with zeros, so that it sorts as text.
    #[schema(pattern = "^[0-9]{18}$")]
    sequence: String,
    #[schema(pattern = "^Integer$")]
    sequencetype: &'static str,
    data: EventData<'a>,
}

/// The actor of the change, and the order before and after it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EventData<'a> {
    actor: &'a str,
    #[schema(required)]
    before: Option<OrderView<'a>>,
    #[schema(required)]
    after: Option<OrderView<'a>>,
}

impl<'a> EventView<'a> {
    pub(crate) fn new(change: &'a OrderChange, source: &'a str) -> Self {
        let event = &change.event;
        Self {
            specversion: "1.0",
            id: Shown(event.sequence),
            source,
            kind: format!("order.{}", event.kind),
            subject: event.order.id.as_str(),
            time: Shown(event.time),
            datacontenttype: "application/json",
            sequence: format!("{:018}", event.sequence),
            sequencetype: "Integer",
            data: EventData {
                actor: event.actor.as_str(),
                before: change.before.as_ref().map(OrderView::new),
                after: change.after().map(OrderView::new),
            },
        }
    }
}

/// A page of the feed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EventFeed)]
pub(crate) struct FeedView<'a> {
    #[schema(max_items = 1000)]
    pub(crate) data: Vec<EventView<'a>>,
    /// The value of `after` for the next page.
    #[schema(schema_with = shape::position)]
    pub(crate) next_after: String,
    /// The id of the feed. It changes when the database is restored; then followers start over.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    pub(crate) feed: String,
}

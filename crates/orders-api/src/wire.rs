//! The wire types: how the bodies of requests are read, all their faults at once, and what answers
//! look like.

mod batch;
mod bodies;
mod calendar;
mod cells;
mod imports;
mod keys;
mod lines;
mod reader;
mod schemas;
mod views;
mod webhooks;

pub(crate) use batch::{BatchBody, read_batch};
pub(crate) use bodies::{
    OrderBody, OrderPatchBody, ServiceBody, read_order, read_order_patch, read_renaming,
    read_replacement, read_service,
};
pub(crate) use calendar::write_entries;
pub(crate) use cells::write_cells;
pub(crate) use imports::{ImportBody, read_import, write_exported};
pub(crate) use keys::{
    KeyBody, KeyView, NewKeyView, RotateBody, RotatedKeyView, read_key, read_overlap, read_rotation,
};
pub(crate) use lines::write_lines;
pub(crate) use views::{
    EventView, FeedView, Names, OrderView, PageView, PolicyView, ResultView, ResultsView,
    ServiceView, StretchView, write_page,
};
pub(crate) use webhooks::{
    DeliveryView, NewWebhookView, ReplayBody, RotatedWebhookView, TestEventView, TestedView,
    WebhookBody, WebhookPatchBody, WebhookRotateBody, WebhookView, read_replay, read_webhook,
    read_webhook_patch, read_webhook_rotation,
};

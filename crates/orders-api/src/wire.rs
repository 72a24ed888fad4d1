//! The wire types: how the bodies of requests are read, all their faults at once, and what answers
//! look like.

mod batch;
pub(crate) mod bodies;
mod calendar;
mod cells;
mod imports;
pub(crate) mod keys;
mod lines;
pub(crate) mod reader;
mod schemas;
pub(crate) mod views;

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

//! The feed of events: its pages, and the stream of new events.

pub(crate) mod docs;
mod handlers;
mod live;
mod query;
mod reader;
mod ring;

pub(crate) use handlers::{list, stream};
pub(crate) use live::{Live, StreamMetrics, run};

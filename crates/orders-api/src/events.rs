//! The feed of events: its pages, and the stream of new events.

pub(crate) mod docs;
mod handlers;
pub(crate) mod history;
mod live;
mod problems;
mod query;
mod reader;
pub(crate) mod response;
mod ring;

pub(crate) use handlers::{list, stream};
pub(crate) use live::{Live, StreamMetrics, run};
pub(crate) use problems::gone;

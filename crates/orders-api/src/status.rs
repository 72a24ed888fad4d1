//! The service itself: its health and its readiness.

pub(crate) mod docs;
mod handlers;

pub(crate) use handlers::{StatusView, health, readiness};

//! Free times: the endpoint of the API.

pub(crate) mod docs;
mod handlers;

pub(crate) use handlers::{FreeTimesView, find};

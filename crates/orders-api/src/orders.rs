//! Orders: the endpoints of the API with their requests and responses.

pub(crate) mod batch;
pub(crate) mod batch_docs;
pub(crate) mod batch_request;
pub(crate) mod csv;
pub(crate) mod docs;
mod handlers;
mod icalendar;
pub(crate) mod import_request;
mod list;
mod ndjson;
pub(crate) mod policy;
pub(crate) mod problems;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod shape;
pub(crate) mod streams;

pub(crate) use handlers::{create, delete, find, made_id, patch, path_id, replace, restore};
pub(crate) use list::list;

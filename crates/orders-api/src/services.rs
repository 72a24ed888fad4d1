//! Services: the endpoints of the API.

pub(crate) mod docs;
mod handlers;

pub(crate) use handlers::{create, delete, find, list, path_id, replace};

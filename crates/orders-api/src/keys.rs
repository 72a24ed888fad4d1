//! API keys and the audit trail: the endpoints of the API.

pub(crate) mod audit;
pub(crate) mod docs;
mod handlers;
mod problems;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod shape;

pub(crate) use handlers::{create, delete, find, list, make, path_id, rotate, to_keep};

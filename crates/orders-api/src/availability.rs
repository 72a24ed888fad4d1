//! Free times: the endpoint of the API.

pub(crate) mod docs;
mod handlers;
mod query;
mod response;

pub(crate) use handlers::find;

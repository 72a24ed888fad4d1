//! The HTTP toolkit: what all features need of requests and responses. Knows no noun of the API.

pub(crate) mod body;
pub(crate) mod change_request;
pub(crate) mod connection_state;
pub(crate) mod cursor;
pub(crate) mod field;
pub(crate) mod headers;
pub(crate) mod idempotency;
pub(crate) mod installation;
pub(crate) mod json;
pub(crate) mod openapi;
pub(crate) mod page;
pub(crate) mod problem;
pub(crate) mod query;
pub(crate) mod reader;
pub(crate) mod request_context;
pub(crate) mod shown;
pub(crate) mod tls_client;
pub(crate) mod trace;

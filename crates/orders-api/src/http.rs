//! The HTTP toolkit: what all features need of requests and responses. Knows no noun of the API.

pub(crate) mod connection_state;
pub(crate) mod request_context;
pub(crate) mod tls_client;
pub(crate) mod trace;

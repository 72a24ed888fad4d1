//! The server: connections, what happens to every request, metrics, traces and logs.

mod access_log;
mod cors;
mod listen;
pub(crate) mod logging;
pub(crate) mod metrics;
pub(crate) mod middleware;
pub(crate) mod serve;
pub(crate) mod timeouts;
pub(crate) mod tls;
pub(crate) mod trace;

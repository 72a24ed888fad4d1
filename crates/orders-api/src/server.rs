//! The server: connections, what happens to every request, metrics, traces and logs.

mod access_log;
mod cors;
mod listen;
pub(crate) mod logging;
pub(crate) mod metrics;
mod middleware;
pub(crate) mod serve;
mod timeouts;
mod tls;

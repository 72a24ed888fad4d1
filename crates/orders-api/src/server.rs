//! The server: connections, what happens to every request, metrics and logs. Knows no feature's
//! handlers and no route.

mod access_log;
mod cors;
pub(crate) mod listen;
pub(crate) mod logging;
pub(crate) mod metrics;
pub(crate) mod middleware;
pub(crate) mod serve;
mod signals;
mod timeouts;
mod tls;

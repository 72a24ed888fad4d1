//! OpenTelemetry traces, in builds with the feature `otel`: a span for each request, which continues
//! the client's trace, and spans for its reads and writes. Without the feature, nothing is recorded.

#[cfg(not(feature = "otel"))]
mod disabled;
#[cfg(feature = "otel")]
mod enabled;
#[cfg(feature = "otel")]
mod exporter;

#[cfg(not(feature = "otel"))]
pub(crate) use disabled::{RequestSpan, Tracing, record_read, record_write};
#[cfg(feature = "otel")]
pub(crate) use enabled::{RequestSpan, Tracing, record_read, record_write};

/// What the span of a request shows of its response.
#[cfg_attr(
    not(feature = "otel"),
    expect(dead_code, reason = "a build without traces records none")
)]
pub(crate) struct SpanEnd<'a> {
    pub(crate) route: Option<&'static str>,
    pub(crate) status: actix_web::http::StatusCode,
    pub(crate) request_id: &'a str,
    pub(crate) actor: orders_core::Actor,
}

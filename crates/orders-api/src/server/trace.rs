//! OpenTelemetry traces, in builds with the feature `otel`: a span for each request, which goes on
//! with the caller's trace, and spans for what the database did for it. Without the feature all of
//! this is nothing.

#[cfg(not(feature = "otel"))]
mod off;
#[cfg(feature = "otel")]
mod on;
#[cfg(feature = "otel")]
mod send;

#[cfg(not(feature = "otel"))]
pub(crate) use off::{Span, Tracing, read, tell_write};
#[cfg(feature = "otel")]
pub(crate) use on::{Span, Tracing, read, tell_write};

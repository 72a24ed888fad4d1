//! A build without traces.

use std::time::Instant;

use actix_web::dev::{ServiceRequest, ServiceResponse};
use orders_db::Ticket;

/// Where spans would be sent to.
#[derive(Debug, Clone)]
pub(crate) struct Tracing;

impl Tracing {
    /// # Errors
    /// None.
    #[expect(clippy::unnecessary_wraps, reason = "a build with traces may fail")]
    pub(crate) fn start(is_wanted: bool) -> Result<Self, String> {
        if is_wanted {
            log::warn!("this program was built without traces (cargo feature otel); none are sent");
        }
        Ok(Self)
    }

    #[expect(clippy::unused_self, reason = "a build with traces asks it")]
    pub(crate) const fn is_on(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "a build with traces asks it")]
    pub(crate) const fn end(&self) {}
}

/// The span of a request.
pub(crate) struct Span;

impl Span {
    pub(crate) const fn begin(_: Option<&Tracing>, _: &ServiceRequest) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "a build with traces asks it")]
    pub(crate) fn around<F>(&self, work: F) -> F {
        work
    }

    #[expect(clippy::unused_self, reason = "a build with traces asks it")]
    pub(crate) fn end<B>(self, _: &ServiceResponse<B>, _request_id: &str) {}
}

/// A span of a read, which is nothing.
pub(crate) fn read<F>(work: F) -> F {
    work
}

/// The spans of a write, which are nothing.
pub(crate) fn tell_write(_: Instant, _: &Ticket) {}

//! A build without traces.

use std::time::Instant;

use actix_web::dev::ServiceRequest;
use orders_db::Ticket;

use super::SpanEnd;

#[derive(Debug, Clone)]
pub(crate) struct Tracing;

impl Tracing {
    #[expect(clippy::unnecessary_wraps, reason = "a build with traces may fail")]
    pub(crate) fn start(is_configured: bool) -> Result<Self, String> {
        if is_configured {
            log::warn!("this program was built without traces (cargo feature otel); none are sent");
        }
        Ok(Self)
    }

    #[expect(clippy::unused_self, reason = "a build with traces needs it")]
    pub(crate) const fn is_on(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "a build with traces needs it")]
    pub(crate) const fn shut_down(&self) {}
}

pub(crate) struct RequestSpan;

impl RequestSpan {
    pub(crate) const fn start(_: Option<&Tracing>, _: &ServiceRequest) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "a build with traces needs it")]
    pub(crate) fn around<F>(&self, work: F) -> F {
        work
    }

    #[expect(clippy::unused_self, reason = "a build with traces needs it")]
    pub(crate) fn end<'a>(self, _: impl FnOnce() -> SpanEnd<'a>) {}
}

pub(crate) fn record_read<F>(work: F) -> F {
    work
}

pub(crate) fn record_write(_: Instant, _: &Ticket) {}

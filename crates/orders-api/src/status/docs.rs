//! The documentation of health and metrics.

use crate::http::openapi::description::{ABOUT, Answer, Description};
use crate::http::openapi::problems::READ;
use crate::http::openapi::shape;
use crate::http::problem::Code;
use crate::status::StatusView;

pub(crate) fn metrics() -> Description {
    Description::new(ABOUT, "showMetrics", "Read metrics in the format of Prometheus")
        .answers(
            Answer::ok(
                "Metrics of requests, the database, its queues, events, webhooks and the process",
            )
            .content("text/plain", shape::text()),
        )
        .refuses(&[&[Code::Internal]])
}

pub(crate) fn health() -> Description {
    Description::new(ABOUT, "checkHealth", "Check that the process is running")
        .answers(Answer::ok("The process is running").json::<StatusView>())
}

pub(crate) fn readiness() -> Description {
    Description::new(ABOUT, "checkReadiness", "Check that the service is ready for requests")
        .answers(
            Answer::ok("The database responds and the service is not shutting down")
                .json::<StatusView>(),
        )
        .refuses(&[READ])
}

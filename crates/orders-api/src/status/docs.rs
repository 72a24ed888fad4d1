//! The documentation of health and metrics.

use crate::http::openapi::description::{ABOUT, Answer, Description};
use crate::http::openapi::problems::READ;
use crate::http::openapi::shape;
use crate::http::problem::Code;
use crate::status::StatusView;

pub(crate) fn metrics() -> Description {
    Description::new(ABOUT, "showMetrics", "Read metrics in the format of Prometheus")
        .returns(
            Answer::ok(
                "Metrics of requests, the database, its queues, events, webhooks and the process",
            )
            .content("text/plain", shape::text()),
        )
        .fails_with(&[&[Code::Internal]])
}

pub(crate) fn health() -> Description {
    Description::new(ABOUT, "checkHealth", "Check that the process is running")
        .returns(Answer::ok("The process is running").json::<StatusView>())
}

pub(crate) fn readiness() -> Description {
    Description::new(ABOUT, "checkReadiness", "Check that the service is ready for requests")
        .returns(
            Answer::ok("The database responds and the service is not shutting down")
                .json::<StatusView>(),
        )
        .fails_with(&[READ])
}

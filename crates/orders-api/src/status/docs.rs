//! The documentation of health and metrics.

use serde_json::json;

use crate::http::openapi::description::{ABOUT, Answer, Description};
use crate::http::openapi::problems::READ;
use crate::http::problem::Code;
use crate::status::StatusView;

/// The start of the metrics.
const METRICS: &str = "\
# HELP orders_http_requests_total Requests that received a response.
# TYPE orders_http_requests_total counter
orders_http_requests_total{route=\"/orders\",method=\"GET\",status=\"200\"} 1
";

pub(crate) fn metrics() -> Description {
    Description::new(ABOUT, "showMetrics", "Read metrics in the format of Prometheus")
        .details("Returns the current metrics for a Prometheus server, in its text format.")
        .returns(
            Answer::ok(
                "Metrics of requests, the database, its queues, events, webhooks and the process",
            )
            .text("text/plain", METRICS),
        )
        .fails_with(&[&[Code::Internal]])
}

pub(crate) fn health() -> Description {
    Description::new(ABOUT, "checkHealth", "Check that the process is running")
        .details(
            "Responds as long as the process runs, without the database. Restart the \
             process if it does not respond.",
        )
        .returns(
            Answer::ok("The process is running")
                .json::<StatusView>()
                .showing("/status", json!("ok")),
        )
}

pub(crate) fn readiness() -> Description {
    Description::new(ABOUT, "checkReadiness", "Check that the service is ready for requests")
        .details(
            "Responds 200 while the service can process requests, and 503 while the \
             database does not respond or the service shuts down. Send it no requests then.",
        )
        .returns(
            Answer::ok("The database responds and the service is not shutting down")
                .json::<StatusView>()
                .showing("/status", json!("ready")),
        )
        .fails_with(&[READ])
}

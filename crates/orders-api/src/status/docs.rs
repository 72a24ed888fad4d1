//! What is said of the service itself.

use crate::http::openapi::description::{ABOUT, Answer, Description};
use crate::http::openapi::problems::READ;
use crate::http::openapi::shape;
use crate::http::problem::Code;
use crate::status::StatusView;

pub(crate) fn metrics() -> Description {
    Description::new(ABOUT, "showMetrics", "Read what the service counts, as Prometheus does")
        .answers(
            Answer::ok(
                "Requests, the lanes to the database, its connections and errors, events, webhooks, \
                 the process",
            )
            .content("text/plain", shape::text()),
        )
        .refuses(&[&[Code::Internal]])
}

pub(crate) fn health() -> Description {
    Description::new(ABOUT, "checkHealth", "Ask whether the process lives")
        .answers(Answer::ok("It does").json::<StatusView>())
}

pub(crate) fn readiness() -> Description {
    Description::new(ABOUT, "checkReadiness", "Ask whether requests can be answered")
        .answers(
            Answer::ok("The database answers, and the service is not about to end")
                .json::<StatusView>(),
        )
        .refuses(&[READ])
}

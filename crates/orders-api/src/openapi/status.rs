//! What is said of the service itself.

use super::description::{ABOUT, Answer, Description};
use super::problems::{JSON, READ};
use crate::status::StatusView;
use crate::wire::PolicyView;

pub(crate) fn policy() -> Description {
    Description::new(ABOUT, "findPolicy", "Read the rules that orders are judged by")
        .answers(Answer::ok("The policy").json::<PolicyView>())
        .refuses(&[JSON, READ])
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

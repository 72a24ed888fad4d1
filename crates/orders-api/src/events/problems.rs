//! Requests for events that are gone as problems.

use crate::http::problem::{Code, Problem};

/// What a reader of events asked for is gone; `first` is the oldest sequence that is not.
pub(crate) fn gone(first: u64) -> Problem {
    let detail = format!(
        "The feed starts with sequence {first} now: what was asked for is gone. Read the orders \
         anew, and go on after {}.",
        first.saturating_sub(1)
    );
    Problem::new(Code::EventsGone, detail).with_member("first_sequence", &first.to_string())
}

//! The problem of a request for events that were purged.

use crate::http::problem::{Code, Problem};

/// The requested events were purged; `first` is the oldest sequence that is available.
pub(crate) fn gone(first: u64) -> Problem {
    let detail = format!(
        "The requested events are no longer available: the feed starts at sequence {first}. Read \
             all orders again, then continue after {}.",
        first.saturating_sub(1)
    );
    Problem::new(Code::EventsGone, detail).with_member("first_sequence", &first.to_string())
}

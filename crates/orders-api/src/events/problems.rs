//! The problem of a position from which the feed cannot be followed.

use orders_core::decide::EventFeed;

use crate::http::problem::{Code, Problem};

/// The feed cannot be followed from the requested position: its events were purged, or it is from
/// another feed, before a restore.
pub(crate) fn gone(feed: &EventFeed) -> Problem {
    let EventFeed { id, first_sequence, last_sequence, removed: _ } = feed;
    let detail = format!(
        "This feed cannot be followed from there: it has the events {first_sequence} to \
         {last_sequence}. Read all orders again, then continue after {last_sequence}."
    );
    Problem::new(Code::EventsGone, detail)
        .with_member("first_sequence", &first_sequence.to_string())
        .with_member("last_sequence", &last_sequence.to_string())
        .with_member("feed", id)
}

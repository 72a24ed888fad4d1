//! What is said of the feed of events.

use super::description::{Answer, Description, EVENTS};
use super::parameters::query;
use super::problems::{JSON, READ};
use super::shape;
use crate::problem::Code;
use crate::wire::FeedView;

pub(crate) fn list() -> Description {
    let limit = shape::whole_number(1, 1000, Some(100));
    Description::new(EVENTS, "listEvents", "List all changes to all orders, oldest first")
        .takes([
            query(
                "after",
                "The `next_after` of the page before; 0 for the start",
                shape::position(),
            ),
            query("limit", "How many events a page has at most", limit),
        ])
        .answers(
            Answer::ok("A page of changes, as CloudEvents 1.0, in the order of their commits")
                .json::<FeedView>()
                .header("Link", shape::link()),
        )
        .refuses(&[JSON, READ, &[Code::EventsGone]])
}

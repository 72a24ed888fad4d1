//! The documentation of `/events` and of an order's history.

use utoipa::openapi::path::Parameter;

use super::handlers::EVENT_STREAM;
use crate::events::response::{EventView, FeedView};
use crate::http::openapi::description::{Answer, Description, EVENTS, ORDERS};
use crate::http::openapi::parameters::{self, header, query};
use crate::http::openapi::problems::{JSON, READ};
use crate::http::openapi::shape;
use crate::http::page::PageView;
use crate::http::problem::Code;
use crate::orders;

pub(crate) fn list() -> Description {
    let limit = shape::whole_number(1, 1000, Some(100));
    Description::new(EVENTS, "listEvents", "List all events of all orders, oldest first")
        .with_parameters([
            query(
                "after",
                "The `next_after` of the previous page; 0 for the start",
                shape::position(),
            ),
            feed(),
            query("limit", "The maximum number of events", limit),
        ])
        .returns(
            Answer::ok("A page of CloudEvents 1.0, in commit order")
                .json::<FeedView>()
                .header("Link", shape::link()),
        )
        .fails_with(&[JSON, READ, &[Code::EventsGone]])
}

pub(crate) fn stream() -> Description {
    Description::new(EVENTS, "streamEvents", "Stream all events of all orders as they happen")
        .with_parameters([
            query(
                "after",
                "The sequence after which the stream starts; 0 for the start",
                shape::position(),
            ),
            query(
                "lastEventId",
                "The same as `Last-Event-ID`, for clients that cannot send headers",
                shape::position(),
            ),
            feed(),
            last_event_id(),
        ])
        .returns(
            Answer::ok("An endless stream of Server-Sent Events, with a comment every 15 seconds")
                .content(EVENT_STREAM, shape::text()),
        )
        .fails_with(&[JSON, READ, &[Code::InvalidHeader, Code::EventsGone]])
}

fn feed() -> Parameter {
    let meaning =
        "The `feed` that the position is of; if the feed is another one, the answer is 410";
    query("feed", meaning, shape::text())
}

pub(crate) fn history() -> Description {
    Description::new(ORDERS, "listHistory", "List all changes to an order, oldest first")
        .with_parameters([orders::shape::id_parameter()])
        .with_parameters(parameters::page())
        .returns(
            Answer::ok("A page of changes as CloudEvents 1.0. The history is kept when the order is deleted")
                .json::<PageView<EventView>>()
                .header("Link", shape::link()),
        )
        .fails_with(&[JSON, READ, &[Code::NotFound]])
}

fn last_event_id() -> Parameter {
    let meaning = "The sequence of the last event that was received; takes precedence over `after`";
    header("Last-Event-ID", meaning, shape::position())
}

//! The documentation of `/events` and of an order's history.

use serde_json::json;
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

/// The source of the events in examples.
const SOURCE: &str = "https://orders.example.com/orders/9f86d081884c7d659a2feaa0c55ad015";

/// The start of a stream: an event, and a comment 15 seconds later.
const STREAM: &str = concat!(
    "id: 4\nevent: order.deleted\n",
    r#"data: {"specversion":"1.0","id":"4","source":"https://orders.example.com/orders/9f86d081884c7d659a2feaa0c55ad015","#,
    r#""type":"order.deleted","#,
    r#""subject":"223","time":"2022-11-01T11:11:11.111Z","datacontenttype":"application/json","#,
    r#""sequence":"000000000000000004","sequencetype":"Integer","data":{"actor":"key_5f1d3a0c7a544a0e","#,
    r#""before":{"id":"223","datetime":"2022-11-01T11:11:11.111Z","totalfee":100,"#,
    r#""services":[{"id":"123"}],"version":1,"created_at":"2022-10-20T09:00:00.000Z","#,
    r#""updated_at":"2022-10-20T09:00:00.000Z"},"after":null}}"#,
    "\n\n:\n",
);

pub(crate) fn list() -> Description {
    let limit = shape::whole_number(1, 1000, Some(100));
    Description::new(EVENTS, "listEvents", "List all events of all orders, oldest first")
        .details(
            "Returns the changes to all orders in the order of their commits, without gaps. \
             Start with `after=0` and continue with `next_after`. If the events after a \
             position were deleted, the response is 410 `events-gone`.",
        )
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
            with_example(
                Answer::ok("A page of CloudEvents 1.0, in commit order").json::<FeedView>(),
            )
            .showing("/feed", json!("9f86d081884c7d659a2feaa0c55ad015"))
            .header("Link", shape::link()),
        )
        .example_query("after=0&limit=100")
        .fails_with(&[JSON, READ, &[Code::EventsGone]])
}

pub(crate) fn stream() -> Description {
    Description::new(EVENTS, "streamEvents", "Stream all events of all orders as they happen")
        .details(
            "Sends each change to an order as it is committed, as Server-Sent Events. After \
             a disconnect, send the id of the last event as `Last-Event-ID`; browsers do so \
             by themselves. Without a position, the stream starts with the next event.",
        )
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
                .text(EVENT_STREAM, STREAM),
        )
        .example_query("after=3")
        .fails_with(&[JSON, READ, &[Code::InvalidHeader, Code::EventsGone]])
}

fn feed() -> Parameter {
    let meaning =
        "The `feed` that the position is of; if the feed is another one, the answer is 410";
    query("feed", meaning, shape::text())
}

pub(crate) fn history() -> Description {
    Description::new(ORDERS, "listHistory", "List all changes to an order, oldest first")
        .details(
            "Returns every change to an order as an event, from its creation on. The \
             history stays after the order is deleted.",
        )
        .with_parameters([orders::shape::id_parameter()])
        .with_parameters(parameters::page())
        .returns(
            with_example(
                Answer::ok("A page of changes as CloudEvents 1.0. The history is kept when the order is deleted")
                    .json::<PageView<EventView>>(),
            )
                .header("Link", shape::link()),
        )
        .fails_with(&[JSON, READ, &[Code::NotFound]])
}

/// Shows the first event of an order in a page.
fn with_example(page: Answer) -> Answer {
    page.showing("/data/0/specversion", json!("1.0"))
        .showing("/data/0/id", json!("1"))
        .showing("/data/0/source", json!(SOURCE))
        .showing("/data/0/type", json!("order.created"))
        .showing("/data/0/datacontenttype", json!("application/json"))
        .showing("/data/0/sequence", json!("000000000000000001"))
        .showing("/data/0/sequencetype", json!("Integer"))
        .showing("/data/0/data/actor", json!("key_5f1d3a0c7a544a0e"))
        .showing("/data/0/data/before", json!(null))
}

fn last_event_id() -> Parameter {
    let meaning = "The sequence of the last event that was received; takes precedence over `after`";
    header("Last-Event-ID", meaning, shape::position())
}

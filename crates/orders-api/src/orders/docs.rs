//! The documentation of `/orders`.

use actix_web::http::StatusCode;
use serde_json::json;
use utoipa::openapi::path::Parameter;

use crate::http::openapi::description::{Answer, Description, ORDERS};
use crate::http::openapi::problems::{BODY, JSON, READ, WRITE};
use crate::http::openapi::{parameters, shape};
use crate::http::page::PageView;
use crate::http::problem::Code;
use crate::orders;
use crate::orders::request::{OrderBody, OrderPatchBody};
use crate::orders::response::OrderView;
use crate::orders::streams::Format;
use crate::services;

pub(crate) fn list() -> Description {
    let page = Answer::ok("A page of orders, or a stream of all matching orders, by `Accept`")
        .json::<PageView<OrderView>>()
        .header("Link", shape::link())
        .header("Vary", shape::one_of_texts(&["Accept"]));
    let streamed = FORMATS.into_iter().fold(page, with_stream);
    filtered("listOrders", "List orders page by page, or stream them")
        .details(
            "Returns one page; follow `next_cursor` for the rest. All filters are combined \
             with `and`. With `Accept: application/x-ndjson`, `text/csv` or \
             `text/calendar`, the response is a stream of all matching orders instead, and \
             `limit` and `cursor` are not available.",
        )
        .with_parameters(parameters::page())
        .with_parameters([bom()])
        .returns(streamed)
}

pub(crate) fn ndjson() -> Description {
    let summary = "Stream all matching orders, one JSON object a line";
    stream("streamOrdersAsNdjson", summary, Format::Ndjson).details(
        "Returns all matching orders without pages, each as one line. The orders are \
             those of one moment. If the server cannot complete the stream, it resets the \
             connection.",
    )
}

pub(crate) fn csv() -> Description {
    let summary = "Stream all matching orders as CSV (RFC 4180)";
    as_file("streamOrdersAsCsv", summary, Format::Csv)
        .details(
            "Returns all matching orders as a table with a header row. The services of an \
             order are in one cell. If the server cannot complete the stream, the response ends \
             without its last chunk, or with a reset where there are no chunks.",
        )
        .with_parameters([bom()])
}

pub(crate) fn calendar() -> Description {
    let summary = "Stream all matching orders as iCalendar (RFC 5545)";
    as_file("streamOrdersAsCalendar", summary, Format::Calendar).details(
        "Returns each matching order as an event of a calendar, which calendar programs \
             can import or subscribe to. If the server cannot complete the stream, it \
             ends without its last chunk.",
    )
}

const FORMATS: [Format; 3] = [Format::Ndjson, Format::Csv, Format::Calendar];

/// A stream in the format of its path.
fn stream(id: &'static str, summary: &'static str, format: Format) -> Description {
    filtered(id, summary).returns(with_stream(Answer::ok("All matching orders"), format))
}

/// Like [`stream`], as a file to download.
fn as_file(id: &'static str, summary: &'static str, format: Format) -> Description {
    let answer = with_stream(Answer::ok("All matching orders"), format);
    filtered(id, summary).returns(answer.header("Content-Disposition", shape::text()))
}

fn with_stream(answer: Answer, format: Format) -> Answer {
    answer.text(format.media_type(), example_of(format))
}

/// The first order of the sample data.
fn example_of(format: Format) -> &'static str {
    match format {
        Format::Ndjson => {
            "{\"id\":\"223\",\"datetime\":\"2022-11-01T11:11:11.111Z\",\"totalfee\":100,\
             \"services\":[{\"id\":\"123\"}],\"version\":1,\
             \"created_at\":\"2022-10-20T09:00:00.000Z\",\
             \"updated_at\":\"2022-10-20T09:00:00.000Z\"}\n"
        }
        Format::Csv => {
            "id,datetime,totalfee,services,version,created_at,updated_at\r\n\
             223,2022-11-01T11:11:11.111Z,100,123,1,2022-10-20T09:00:00.000Z,\
             2022-10-20T09:00:00.000Z\r\n"
        }
        Format::Calendar => {
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Orders//Orders//EN\r\n\
             CALSCALE:GREGORIAN\r\nBEGIN:VEVENT\r\nCREATED:20221020T090000Z\r\n\
             DTSTAMP:20221020T090000Z\r\nDTSTART:20221101T111111Z\r\n\
             LAST-MODIFIED:20221020T090000Z\r\nSEQUENCE:0\r\nSUMMARY:Inspection\r\n\
             UID:223@orders\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        }
    }
}

/// The parameters of lists and streams.
fn filtered(id: &'static str, summary: &'static str) -> Description {
    let query = parameters::query;
    let sorts = shape::one_of_texts(&["datetime", "-datetime", "created_at", "-created_at"]);
    Description::new(ORDERS, id, summary)
        .with_parameters([
            query("from", "Only orders at or after this time", shape::some_instant()),
            query("to", "Only orders before this time", shape::some_instant()),
            query("created_from", "Only orders created at or after this time", shape::some_instant()),
            query("created_to", "Only orders created before this time", shape::some_instant()),
            query("min_fee", "Only orders with at least this fee", orders::shape::fee_digits()),
            query("max_fee", "Only orders with at most this fee", orders::shape::fee_digits()),
            services::shape::services_parameter("Only orders with one of these services; can be repeated"),
            query("sort", "The sort order, `datetime` by default; a leading `-` reverses it. Ties are sorted by id", sorts),
            expand(),
        ])
        .example_query("from=2022-11-01T00:00:00Z&to=2022-12-01T00:00:00Z")
        .fails_with(&[JSON, READ])
}

pub(crate) fn create() -> Description {
    Description::new(ORDERS, "createOrder", "Create an order")
        .details(
            "Books a time. The order is rejected with 409 `order-conflict` if it is closer \
             to another order than the policy allows; the problem then suggests the nearest \
             free times. Send an `Idempotency-Key` to make retries safe.",
        )
        .reads::<OrderBody>("application/json")
        .example_body(json!({"id": "226", "datetime": "2022-11-02T09:00:00Z", "totalfee": 99.5,
            "services": [{"id": "123"}]}))
        .returns(
            Answer::new(StatusCode::CREATED, "The created order")
                .json::<OrderView>()
                .showing("/id", json!("226"))
                .showing("/datetime", json!("2022-11-02T09:00:00.000Z"))
                .showing("/totalfee", json!(99.5))
                .header("Location", shape::path_of("orders"))
                .header("ETag", shape::etag()),
        )
        .fails_with(&[JSON, BODY, WRITE])
        .fails_with(&[&[
            Code::OrderExists,
            Code::OrderConflict,
            Code::InvalidOrder,
            Code::UnknownService,
        ]])
        .with_idempotency_key()
}

pub(crate) fn find() -> Description {
    Description::new(ORDERS, "findOrder", "Read an order")
        .details(
            "Returns the current state of an order. Send the `ETag` that you have as \
             `If-None-Match`: the response is 304 without a body while the order is \
             unchanged.",
        )
        .with_parameters([orders::shape::id_parameter(), expand()])
        .with_parameters([parameters::if_match(), parameters::if_none_match()])
        .returns(
            Answer::ok("The order. `ETag` is sent only without `expand`")
                .json::<OrderView>()
                .header("ETag", shape::etag()),
        )
        .returns(
            Answer::new(StatusCode::NOT_MODIFIED, "The client already has this version")
                .header("ETag", shape::etag()),
        )
        .fails_with(&[JSON, READ, &[Code::InvalidHeader, Code::NotFound, Code::VersionMismatch]])
}

pub(crate) fn replace() -> Description {
    change("replaceOrder", "Replace an order")
        .details(
            "Sets all members of an order. It never creates one. Send the `ETag` that you \
             have as `If-Match`: the response is 412 `version-mismatch` if someone else \
             changed the order. A request that changes nothing keeps the version and \
             creates no event.",
        )
        .reads::<OrderBody>("application/json")
}

pub(crate) fn patch() -> Description {
    change("patchOrder", "Update parts of an order (RFC 7396)")
        .details(
            "Sets the members that the body has and keeps the others. The gap to other \
             orders is checked only if the time changes; in scope `service`, also if the \
             services change. Send the `ETag` that you have as `If-Match`: the response is \
             412 `version-mismatch` if someone else changed the order.",
        )
        .reads::<OrderPatchBody>("application/merge-patch+json")
        .reads::<OrderPatchBody>("application/json")
}

/// The common parts of changes to one order.
fn change(id: &'static str, summary: &'static str) -> Description {
    Description::new(ORDERS, id, summary)
        .with_parameters([
            orders::shape::id_parameter(),
            parameters::if_match(),
            parameters::if_none_match(),
        ])
        .returns(updated().header("ETag", shape::etag()))
        .fails_with(&[JSON, BODY, WRITE])
        .fails_with(&[&[
            Code::InvalidHeader,
            Code::NotFound,
            Code::EditLocked,
            Code::OrderConflict,
            Code::VersionMismatch,
            Code::InvalidOrder,
            Code::UnknownService,
            Code::VersionRequired,
        ]])
        .with_idempotency_key()
}

/// The response to a change: the next version.
fn updated() -> Answer {
    let fee = json!(99.5);
    Answer::ok("The updated order")
        .json::<OrderView>()
        .showing("/totalfee", fee)
        .showing("/version", json!(2))
}

pub(crate) fn delete() -> Description {
    Description::new(ORDERS, "deleteOrder", "Delete an order")
        .details(
            "Deletes an order and frees its time at once. Its history stays, and it can be \
             restored. A second deletion is 404 `not-found`.",
        )
        .with_parameters([
            orders::shape::id_parameter(),
            parameters::if_match(),
            parameters::if_none_match(),
        ])
        .returns(Answer::new(StatusCode::NO_CONTENT, "The order is deleted and its time is free"))
        .fails_with(&[WRITE])
        .fails_with(&[&[
            Code::InvalidParameter,
            Code::InvalidHeader,
            Code::NotFound,
            Code::VersionMismatch,
            Code::VersionRequired,
        ]])
        .with_idempotency_key()
}

pub(crate) fn restore() -> Description {
    Description::new(ORDERS, "restoreOrder", "Restore a deleted order in its last state")
        .details(
            "Creates a deleted order again, with the same id and content. It is validated \
             like a new order, so it is rejected if its time is taken or if one of its \
             services is gone.",
        )
        .with_parameters([orders::shape::id_parameter()])
        .returns(
            Answer::ok("The restored order")
                .json::<OrderView>()
                .showing("/version", json!(3))
                .header("ETag", shape::etag()),
        )
        .fails_with(&[JSON, WRITE])
        .fails_with(&[&[
            Code::NotFound,
            Code::OrderExists,
            Code::OrderConflict,
            Code::UnknownService,
        ]])
        .with_idempotency_key()
}

fn bom() -> Parameter {
    let meaning = "`true` starts CSV with a byte order mark, by which Excel knows that it is UTF-8";
    parameters::query("bom", meaning, shape::one_of_texts(&["true", "false"]))
}

fn expand() -> Parameter {
    parameters::query(
        "expand",
        "`services` shows services with their names",
        shape::one_of_texts(&["services"]),
    )
}

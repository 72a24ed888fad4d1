//! The documentation of `/orders`.

use actix_web::http::StatusCode;
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
        .with_parameters(parameters::page())
        .with_parameters([bom()])
        .returns(streamed)
}

pub(crate) fn ndjson() -> Description {
    let summary = "Stream all matching orders, one JSON object a line";
    stream("streamOrdersAsNdjson", summary, Format::Ndjson)
}

pub(crate) fn csv() -> Description {
    let summary = "Stream all matching orders as CSV (RFC 4180)";
    as_file("streamOrdersAsCsv", summary, Format::Csv).with_parameters([bom()])
}

pub(crate) fn calendar() -> Description {
    let summary = "Stream all matching orders as iCalendar (RFC 5545)";
    as_file("streamOrdersAsCalendar", summary, Format::Calendar)
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
    answer.content(format.media_type(), shape::text())
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
        .fails_with(&[JSON, READ])
}

pub(crate) fn create() -> Description {
    Description::new(ORDERS, "createOrder", "Create an order")
        .reads::<OrderBody>("application/json")
        .returns(
            Answer::new(StatusCode::CREATED, "The created order")
                .json::<OrderView>()
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
    change("replaceOrder", "Replace an order").reads::<OrderBody>("application/json")
}

pub(crate) fn patch() -> Description {
    change("patchOrder", "Update parts of an order (RFC 7396)")
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
        .returns(Answer::ok("The updated order").json::<OrderView>().header("ETag", shape::etag()))
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

pub(crate) fn delete() -> Description {
    Description::new(ORDERS, "deleteOrder", "Delete an order")
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
        .with_parameters([orders::shape::id_parameter()])
        .returns(Answer::ok("The restored order").json::<OrderView>().header("ETag", shape::etag()))
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

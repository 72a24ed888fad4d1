//! What is said of the operations on orders.

use actix_web::http::StatusCode;

use crate::http::openapi::description::{Answer, Description, ORDERS};
use crate::http::openapi::problems::{BODY, JSON, READ, WRITE};
use crate::http::openapi::{parameters, shape};
use crate::http::page::PageView;
use crate::http::problem::Code;
use crate::orders::request::{OrderBody, OrderPatchBody};
use crate::orders::response::OrderView;
use crate::orders::streams::Format;

pub(crate) fn list() -> Description {
    let page = Answer::ok("A page of orders; or all of them, as `Accept` asks")
        .json::<PageView<OrderView>>()
        .header("Link", shape::link())
        .header("Vary", shape::one_of_texts(&["Accept"]));
    let streamed = FORMATS.into_iter().fold(page, with_stream);
    filtered("listOrders", "List orders, page by page, or stream them")
        .takes(parameters::page())
        .answers(streamed)
}

pub(crate) fn ndjson() -> Description {
    let summary = "Stream all matching orders, one JSON object a line";
    stream("streamOrdersAsNdjson", summary, Format::Ndjson)
}

pub(crate) fn csv() -> Description {
    let summary = "Stream all matching orders as CSV (RFC 4180)";
    as_file("streamOrdersAsCsv", summary, Format::Csv)
}

pub(crate) fn calendar() -> Description {
    let summary = "Stream all matching orders as iCalendar (RFC 5545)";
    as_file("streamOrdersAsCalendar", summary, Format::Calendar)
}

const FORMATS: [Format; 3] = [Format::Ndjson, Format::Csv, Format::Calendar];

/// In the media type that its path names.
fn stream(id: &'static str, summary: &'static str, format: Format) -> Description {
    filtered(id, summary).answers(with_stream(Answer::ok("All matching orders"), format))
}

/// The same, to be kept as a file.
fn as_file(id: &'static str, summary: &'static str, format: Format) -> Description {
    let answer = with_stream(Answer::ok("All matching orders"), format);
    filtered(id, summary).answers(answer.header("Content-Disposition", shape::text()))
}

fn with_stream(answer: Answer, format: Format) -> Answer {
    answer.content(format.media_type(), shape::text())
}

/// What is the same for all ways to ask for many orders.
fn filtered(id: &'static str, summary: &'static str) -> Description {
    let query = parameters::query;
    let sorts = shape::one_of_texts(&["datetime", "-datetime", "created_at", "-created_at"]);
    Description::new(ORDERS, id, summary)
        .takes([
            query("from", "Only orders at this instant or later", shape::some_instant()),
            query("to", "Only orders before this instant", shape::some_instant()),
            query("created_from", "Only those made then or later", shape::some_instant()),
            query("created_to", "Only those made before", shape::some_instant()),
            query("min_fee", "Only those of this fee or more", shape::fee_digits()),
            query("max_fee", "Only those of this fee or less", shape::fee_digits()),
            parameters::service("Only orders with one of these services"),
            query("sort", "In which order; ties go by id", sorts),
            parameters::expand(),
        ])
        .refuses(&[JSON, READ])
}

pub(crate) fn create() -> Description {
    Description::new(ORDERS, "createOrder", "Create an order")
        .reads::<OrderBody>("application/json")
        .answers(
            Answer::new(StatusCode::CREATED, "The order as it was created")
                .json::<OrderView>()
                .header("Location", shape::path_of("orders"))
                .header("ETag", shape::etag()),
        )
        .refuses(&[JSON, BODY, WRITE])
        .refuses(&[&[
            Code::OrderExists,
            Code::OrderConflict,
            Code::InvalidOrder,
            Code::UnknownService,
        ]])
        .can_be_sent_again()
}

pub(crate) fn find() -> Description {
    Description::new(ORDERS, "findOrder", "Read an order")
        .takes([parameters::order_id(), parameters::expand()])
        .takes([parameters::if_match(), parameters::if_none_match()])
        .answers(
            Answer::ok("The order; `ETag` only without `expand`")
                .json::<OrderView>()
                .header("ETag", shape::etag()),
        )
        .answers(
            Answer::new(StatusCode::NOT_MODIFIED, "The caller has this version already")
                .header("ETag", shape::etag()),
        )
        .refuses(&[JSON, READ, &[Code::InvalidHeader, Code::NotFound, Code::VersionMismatch]])
}

pub(crate) fn replace() -> Description {
    change("replaceOrder", "Replace all of an order").reads::<OrderBody>("application/json")
}

pub(crate) fn patch() -> Description {
    change("patchOrder", "Change a part of an order (RFC 7396)")
        .reads::<OrderPatchBody>("application/merge-patch+json")
        .reads::<OrderPatchBody>("application/json")
}

/// What is the same for every change of one order.
fn change(id: &'static str, summary: &'static str) -> Description {
    Description::new(ORDERS, id, summary)
        .takes([parameters::order_id(), parameters::if_match(), parameters::if_none_match()])
        .answers(
            Answer::ok("The order as it is now").json::<OrderView>().header("ETag", shape::etag()),
        )
        .refuses(&[JSON, BODY, WRITE])
        .refuses(&[&[
            Code::InvalidHeader,
            Code::NotFound,
            Code::EditLocked,
            Code::OrderConflict,
            Code::VersionMismatch,
            Code::InvalidOrder,
            Code::UnknownService,
            Code::VersionRequired,
        ]])
        .can_be_sent_again()
}

pub(crate) fn delete() -> Description {
    Description::new(ORDERS, "deleteOrder", "Delete an order")
        .takes([parameters::order_id(), parameters::if_match(), parameters::if_none_match()])
        .answers(Answer::new(StatusCode::NO_CONTENT, "The order is gone, and its time is free"))
        .refuses(&[WRITE])
        .refuses(&[&[
            Code::InvalidParameter,
            Code::InvalidHeader,
            Code::NotFound,
            Code::VersionMismatch,
            Code::VersionRequired,
        ]])
        .can_be_sent_again()
}

pub(crate) fn restore() -> Description {
    Description::new(ORDERS, "restoreOrder", "Bring a deleted order back as it last was")
        .takes([parameters::order_id()])
        .answers(
            Answer::ok("The order as it is now").json::<OrderView>().header("ETag", shape::etag()),
        )
        .refuses(&[JSON, WRITE])
        .refuses(&[&[Code::NotFound, Code::OrderExists, Code::OrderConflict, Code::UnknownService]])
        .can_be_sent_again()
}

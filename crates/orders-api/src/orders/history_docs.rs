//! The documentation of an order's history and of restoring an order.

use crate::http::openapi::description::{Answer, Description, ORDERS};
use crate::http::openapi::problems::{JSON, READ, WRITE};
use crate::http::openapi::{parameters, shape};
use crate::http::problem::Code;
use crate::orders::response::{EventView, OrderView, PageView};

pub(crate) fn list() -> Description {
    Description::new(ORDERS, "listHistory", "List all changes to an order, oldest first")
        .takes([parameters::order_id()])
        .takes(parameters::page())
        .answers(
            Answer::ok("A page of changes as CloudEvents 1.0. The history is kept when the order is deleted")
                .json::<PageView<EventView>>()
                .header("Link", shape::link()),
        )
        .refuses(&[JSON, READ, &[Code::NotFound]])
}

pub(crate) fn restore() -> Description {
    Description::new(ORDERS, "restoreOrder", "Restore a deleted order in its last state")
        .takes([parameters::order_id()])
        .answers(Answer::ok("The restored order").json::<OrderView>().header("ETag", shape::etag()))
        .refuses(&[JSON, WRITE])
        .refuses(&[&[Code::NotFound, Code::OrderExists, Code::OrderConflict, Code::UnknownService]])
        .can_be_sent_again()
}

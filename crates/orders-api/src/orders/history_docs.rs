//! What is said of an order's history, and of its restoring.

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
            Answer::ok("A page of changes, as CloudEvents 1.0; they stay after deletion")
                .json::<PageView<EventView>>()
                .header("Link", shape::link()),
        )
        .refuses(&[JSON, READ, &[Code::NotFound]])
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

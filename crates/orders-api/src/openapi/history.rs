//! What is said of an order's history, and of its restoring.

use super::description::{Answer, Description, ORDERS};
use super::problems::{JSON, READ, WRITE};
use super::{parameters, shape};
use crate::problem::Code;
use crate::wire::{EventView, OrderView, PageView};

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

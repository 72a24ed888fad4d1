//! What is said of free times.

use super::response::FreeTimesView;
use crate::http::openapi::description::{Answer, Description, TIMES};
use crate::http::openapi::problems::{JSON, READ};
use crate::http::openapi::{parameters, shape};

pub(crate) fn find() -> Description {
    let by_services = "The services of the order to be; required in scope `service`";
    let slots = "Answers so many of the first free instants, one window apart, instead";
    let at = shape::some_instant;
    Description::new(TIMES, "findAvailability", "Find when an order would be accepted")
        .takes([
            parameters::required_query("from", "The first instant looked at", at()),
            parameters::required_query("to", "The last, at most 366 days later", at()),
            parameters::service(by_services),
            parameters::query("slots", slots, shape::whole_number(1, 1000, None)),
            parameters::query("ignore", "An order to be moved: leaves it out", shape::order_id()),
        ])
        .takes(parameters::page())
        .answers(
            Answer::ok("The free stretches, both ends included; or the free instants")
                .json::<FreeTimesView>()
                .header("Link", shape::link()),
        )
        .refuses(&[JSON, READ])
}

//! The documentation of `/availability`.

use super::response::FreeTimesView;
use crate::http::openapi::description::{Answer, Description, TIMES};
use crate::http::openapi::problems::{JSON, READ};
use crate::http::openapi::{parameters, shape};
use crate::orders;
use crate::services;

pub(crate) fn find() -> Description {
    let by_services = "The services of the planned order; required in scope `service`";
    let slots = "Returns the first free times instead, at most this many, one minimum gap apart";
    let at = shape::some_instant;
    Description::new(TIMES, "findAvailability", "Find when an order would be accepted")
        .with_parameters([
            parameters::required_query("from", "The start of the search", at()),
            parameters::required_query(
                "to",
                "The end of the search, at most 366 days after `from`",
                at(),
            ),
            services::shape::services_parameter(by_services),
            parameters::query("slots", slots, shape::whole_number(1, 1000, None)),
            parameters::query(
                "ignore",
                "The id of an order to ignore, because it will be moved",
                orders::shape::order_id(),
            ),
        ])
        .with_parameters(parameters::page())
        .returns(
            Answer::ok("The free intervals, both ends included, or the first free times")
                .json::<FreeTimesView>()
                .header("Link", shape::link()),
        )
        .fails_with(&[JSON, READ])
}

//! The documentation of `/availability`.

use serde_json::json;

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
        .details(
            "Returns the intervals in which an order could start, or with `slots` the first \
             times. Another client can take a time before you do, so creating an order can \
             still be rejected.",
        )
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
                .showing(
                    "/data",
                    json!([
                        {"start": "2022-11-01T00:00:00.000Z", "end": "2022-11-01T08:11:11.111Z"},
                        {"start": "2022-11-01T14:11:11.111Z", "end": "2022-11-02T00:00:00.000Z"}
                    ]),
                )
                .showing("/policy/scope", json!("global"))
                .header("Link", shape::link()),
        )
        .example_query("from=2022-11-01T00:00:00Z&to=2022-11-02T00:00:00Z")
        .fails_with(&[JSON, READ])
}

//! Query parameters of `/availability`.

use std::collections::BTreeSet;

use actix_web::HttpRequest;
use orders_core::{OrderId, Period, ServiceId, Timestamp};
use validator::{Validate, ValidationError};

use crate::http::cursor::ListKey;
use crate::http::problem::Problem;
use crate::http::query::{self, PageQuery, Parameters, Times};

/// The parameters of `GET /availability`.
#[derive(Debug, Validate)]
#[validate(schema(function = "check_range"))]
pub(crate) struct AvailabilityParameters {
    pub(crate) page: PageQuery,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) services: BTreeSet<ServiceId>,
    pub(crate) slots: Option<usize>,
    pub(crate) ignore: Option<OrderId>,
}

impl AvailabilityParameters {
    /// Identifies the list in its cursors.
    pub(crate) fn list_key(&self) -> ListKey {
        let Self { from, to, services, ignore, page: _, slots: _ } = self;
        ListKey::new("/availability")
            .with("from", [from])
            .with("to", [to])
            .with("service", services)
            .with("ignore", ignore)
    }
}

/// Reads the parameters of `GET /availability`.
pub(crate) fn read(request: &HttpRequest) -> Result<AvailabilityParameters, Problem> {
    let [limit, cursor] = PageQuery::KNOWN;
    let once = |name| (name, Times::Once);
    let own = [once("from"), once("to"), ("service", Times::Many), once("slots"), once("ignore")];
    let mut parameters = Parameters::read(request, &[&[limit, cursor][..], &own].concat());
    let order_id = |text: &str| OrderId::parse(text).map_err(|error| error.to_string());
    let page = PageQuery::take(&mut parameters);
    let from = parameters.required("from", query::timestamp);
    let to = parameters.required("to", query::timestamp);
    let services = query::take_services(&mut parameters);
    let slots = parameters.one("slots", query::rows);
    let ignore = parameters.one("ignore", order_id);
    let Some((from, to)) = from.zip(to) else {
        parameters.finish()?;
        // A missing one is reported, so `finish` has returned.
        return Err(query::invalid("from", "is required"));
    };
    parameters.validated(AvailabilityParameters { page, from, to, services, slots, ignore })
}

fn check_range(query: &AvailabilityParameters) -> Result<(), ValidationError> {
    let fault = |name, why: &'static str| Err(ValidationError::new(name).with_message(why.into()));
    if query.from > query.to {
        return fault("from", "must not be after to");
    }
    if query.to.millis_since(query.from) > Period::MAX.as_millis() {
        return fault("to", "must be at most 366 days after from");
    }
    Ok(())
}

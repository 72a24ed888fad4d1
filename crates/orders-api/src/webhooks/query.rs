//! Query parameters of deliveries.

use actix_web::HttpRequest;
use orders_core::webhook::DeliveryStatus;

use crate::http::problem::Problem;
use crate::http::query::{PageQuery, Parameters, Times};

/// The parameters of a list of deliveries.
#[derive(Debug)]
pub(crate) struct DeliveriesQuery {
    pub(crate) page: PageQuery,
    pub(crate) status: Option<DeliveryStatus>,
}

/// Reads the parameters of a list of deliveries.
pub(crate) fn deliveries(request: &HttpRequest) -> Result<DeliveriesQuery, Problem> {
    let [limit, cursor] = PageQuery::KNOWN;
    let mut parameters = Parameters::read(request, &[limit, cursor, ("status", Times::Once)]);
    let page = PageQuery::take(&mut parameters);
    let status = |text: &str| DeliveryStatus::parse(text).map_err(|error| error.to_string());
    let status = parameters.one("status", status);
    parameters.finish().map(|()| DeliveriesQuery { page, status })
}

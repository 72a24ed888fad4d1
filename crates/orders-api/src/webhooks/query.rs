//! Query parameters of deliveries.

use actix_web::HttpRequest;
use orders_db::DeliveryStatus;

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
    let status = |text: &str| {
        DeliveryStatus::parse(text).ok_or_else(|| "must be pending, succeeded or failed".to_owned())
    };
    let status = parameters.one("status", status);
    parameters.finish().map(|()| DeliveriesQuery { page, status })
}

//! Query parameters of deliveries.

use actix_web::HttpRequest;
use orders_core::webhook::DeliveryStatus;
use validator::Validate;

use crate::http::problem::Problem;
use crate::http::query::{self, PageQuery, Parameters, Times};

/// The parameters of a list of deliveries.
#[derive(Debug, Validate)]
pub(crate) struct DeliveriesQuery {
    #[validate(nested)]
    pub(crate) page: PageQuery,
    pub(crate) status: Option<DeliveryStatus>,
}

/// Reads the parameters of a list of deliveries.
pub(crate) fn deliveries(request: &HttpRequest) -> Result<DeliveriesQuery, Problem> {
    let [limit, cursor] = PageQuery::KNOWN;
    let mut parameters = Parameters::read(request, &[limit, cursor, ("status", Times::Once)])?;
    let page = PageQuery::take(&mut parameters)?;
    let status = |text: &str| DeliveryStatus::parse(text).map_err(|error| error.to_string());
    query::validated(DeliveriesQuery { page, status: parameters.one("status", status)? })
}

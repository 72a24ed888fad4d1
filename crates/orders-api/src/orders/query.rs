//! Query parameters of orders: filters, the sort, and whether to expand.

use actix_web::HttpRequest;
use orders_core::{Fee, ServiceId, Services};
use orders_db::{OrderFilter, OrderSort, SortKey};
use validator::{Validate, ValidationError};

use crate::http::cursor::ListKey;
use crate::http::problem::Problem;
use crate::http::query::{self, PageQuery, Parameters, Times};

/// The parameters of `GET /orders`.
#[derive(Debug, Validate)]
#[validate(schema(function = "check_filters", skip_on_field_errors = false))]
pub(crate) struct OrdersQuery {
    #[validate(nested)]
    pub(crate) page: PageQuery,
    pub(crate) filter: OrderFilter,
    pub(crate) sort: OrderSort,
    pub(crate) expand: bool,
}

impl OrdersQuery {
    /// Identifies the list in its cursors: everything that selects or sorts orders.
    pub(crate) fn list_key(&self) -> ListKey {
        let Self { filter, sort, page: _, expand: _ } = self;
        let OrderFilter { from, to, created_from, created_to, min_fee, max_fee, services } = filter;
        ListKey::new("/orders")
            .with("from", from)
            .with("to", to)
            .with("created_from", created_from)
            .with("created_to", created_to)
            .with("min_fee", min_fee)
            .with("max_fee", max_fee)
            .with("service", services)
            .with("sort", [write_sort(*sort)])
    }
}

/// Checks parameters against each other. The error's code is the name of the invalid one.
fn check_filters(query: &OrdersQuery) -> Result<(), ValidationError> {
    let fault = |name, why: &'static str| Err(ValidationError::new(name).with_message(why.into()));
    let filter = &query.filter;
    if filter.from.zip(filter.to).is_some_and(|(from, to)| from > to) {
        return fault("from", "must not be after to");
    }
    if filter.created_from.zip(filter.created_to).is_some_and(|(from, to)| from > to) {
        return fault("created_from", "must not be after created_to");
    }
    if filter.min_fee.zip(filter.max_fee).is_some_and(|(min, max)| min > max) {
        return fault("min_fee", "must not be above max_fee");
    }
    Ok(())
}

/// Reads the parameters of `GET /orders`.
pub(crate) fn read(request: &HttpRequest) -> Result<OrdersQuery, Problem> {
    const ONCE: [&str; 8] =
        ["expand", "sort", "from", "to", "created_from", "created_to", "min_fee", "max_fee"];
    let own = ONCE.map(|name| (name, Times::Once));
    let known = [&PageQuery::KNOWN[..], &own, &[("service", Times::Many)]].concat();
    let mut parameters = Parameters::read(request, &known)?;
    let page = PageQuery::take(&mut parameters)?;
    let filter = take_filter(&mut parameters)?;
    let sort = parameters.one("sort", read_sort)?.unwrap_or_default();
    query::validated(OrdersQuery { page, filter, sort, expand: take_expand(&mut parameters)? })
}

fn take_filter(parameters: &mut Parameters) -> Result<OrderFilter, Problem> {
    let fee = |text: &str| Fee::parse(text).map_err(|error| error.to_string());
    let service = |text: &str| ServiceId::parse(text).map_err(|error| error.to_string());
    let services = parameters.all("service", service)?;
    if services.len() > Services::MAX {
        return Err(query::invalid("service", "must not be repeated more than 100 times"));
    }
    Ok(OrderFilter {
        from: parameters.one("from", query::timestamp)?,
        to: parameters.one("to", query::timestamp)?,
        created_from: parameters.one("created_from", query::timestamp)?,
        created_to: parameters.one("created_to", query::timestamp)?,
        min_fee: parameters.one("min_fee", fee)?,
        max_fee: parameters.one("max_fee", fee)?,
        services: services.into_iter().collect(),
    })
}

fn read_sort(text: &str) -> Result<OrderSort, String> {
    let (descending, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
    let key = match name {
        "datetime" => SortKey::Datetime,
        "created_at" => SortKey::CreatedAt,
        _ => return Err("must be datetime, -datetime, created_at or -created_at".to_owned()),
    };
    Ok(OrderSort { key, descending })
}

fn write_sort(sort: OrderSort) -> String {
    let name = match sort.key {
        SortKey::Datetime => "datetime",
        SortKey::CreatedAt => "created_at",
    };
    format!("{}{name}", if sort.descending { "-" } else { "" })
}

/// Reads `expand`: whether the response shows services with their names.
pub(crate) fn expand(request: &HttpRequest) -> Result<bool, Problem> {
    take_expand(&mut Parameters::read(request, &[("expand", Times::Once)])?)
}

fn take_expand(parameters: &mut Parameters) -> Result<bool, Problem> {
    let only = "must be \"services\"";
    let read = |text: &str| if text == "services" { Ok(()) } else { Err(only.to_owned()) };
    Ok(parameters.one("expand", read)?.is_some())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn rejected(query: &str) -> String {
        let request = TestRequest::with_uri(&format!("/orders?{query}")).to_http_request();
        read(&request).unwrap_err().to_string()
    }

    #[test]
    fn the_invalid_parameter_is_named() {
        for (query, name, why) in [
            ("limit=0", "limit", "from 1 to 1000"),
            ("limit=1001", "limit", "from 1 to 1000"),
            ("limit=99999999999999999999999", "limit", "from 1 to 1000"),
            ("limit=-1", "limit", "whole number"),
            ("limit=", "limit", "from 1 to 1000"),
            ("limit=5&limit=5", "limit", "repeated"),
            ("limit=%FF", "limit", "UTF-8"),
            ("from=2022-11-01T11:11:11+01:00", "from", "%2B"),
            ("to=x", "to", "RFC 3339"),
            ("from=2022-11-02T00:00:00Z&to=2022-11-01T00:00:00Z", "from", "after to"),
            ("service=0", "service", "whole number"),
            ("colour=red", "colour", "unknown"),
            ("created_from=x", "created_from", "RFC 3339"),
            ("min_fee=1.001", "min_fee", "two decimals"),
            ("max_fee=0&min_fee=0.01", "min_fee", "above max_fee"),
            ("sort=totalfee", "sort", "datetime"),
        ] {
            let problem = rejected(query);
            assert!(problem.contains(&format!("{name:?}")) && problem.contains(why), "{problem}");
        }
    }

    #[test]
    fn well_formed_parameters_are_read() {
        let uri = "/orders?from=2022-11-01T11:11:11%2B01:00&service=1&service=2&limit=7";
        let query = read(&TestRequest::with_uri(uri).to_http_request()).unwrap();
        let filter = query.filter;
        assert_eq!(filter.from.unwrap().to_string(), "2022-11-01T10:11:11.000Z");
        assert_eq!((filter.services.len(), query.page.limit, filter.to), (2, 7, None));
        assert_eq!(query.sort, OrderSort { key: SortKey::Datetime, descending: false });
    }
}

//! Query parameters of orders: filters, the sort, and whether to expand.

use actix_web::HttpRequest;
use orders_core::Fee;
use orders_db::{OrderFilter, OrderSort, SortKey};
use validator::{Validate, ValidationError};

use crate::http::cursor::ListKey;
use crate::http::problem::Problem;
use crate::http::query::{self, PageQuery, Parameters, Times};

/// The parameters of `GET /orders`.
#[derive(Debug, Validate)]
#[validate(schema(function = "check_datetimes"))]
#[validate(schema(function = "check_creations"))]
#[validate(schema(function = "check_fees"))]
pub(crate) struct OrdersQuery {
    pub(crate) page: PageQuery,
    pub(crate) filter: OrderFilter,
    pub(crate) sort: OrderSort,
    pub(crate) expand: bool,
    /// Whether CSV starts with a byte order mark.
    pub(crate) bom: bool,
}

impl OrdersQuery {
    /// Identifies the list in its cursors: everything that selects or sorts orders.
    pub(crate) fn list_key(&self) -> ListKey {
        let Self { filter, sort, page: _, expand: _, bom: _ } = self;
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
fn check_order<T: PartialOrd>(
    [first, second]: [&'static str; 2],
    values: Option<(T, T)>,
    why: &'static str,
) -> Result<(), ValidationError> {
    let is_wrong = values.is_some_and(|(first, second)| first > second);
    let message = || format!("must not be {why} {second}").into();
    if is_wrong { Err(ValidationError::new(first).with_message(message())) } else { Ok(()) }
}

fn check_datetimes(OrdersQuery { filter, .. }: &OrdersQuery) -> Result<(), ValidationError> {
    check_order(["from", "to"], filter.from.zip(filter.to), "after")
}

fn check_creations(OrdersQuery { filter, .. }: &OrdersQuery) -> Result<(), ValidationError> {
    let names = ["created_from", "created_to"];
    check_order(names, filter.created_from.zip(filter.created_to), "after")
}

fn check_fees(OrdersQuery { filter, .. }: &OrdersQuery) -> Result<(), ValidationError> {
    check_order(["min_fee", "max_fee"], filter.min_fee.zip(filter.max_fee), "above")
}

/// Reads the parameters of `GET /orders`.
pub(crate) fn read(request: &HttpRequest) -> Result<OrdersQuery, Problem> {
    const ONCE: [&str; 9] =
        ["bom", "expand", "sort", "from", "to", "created_from", "created_to", "min_fee", "max_fee"];
    let own = ONCE.map(|name| (name, Times::Once));
    let known = [&PageQuery::KNOWN[..], &own, &[("service", Times::Many)]].concat();
    let mut parameters = Parameters::read(request, &known);
    let page = PageQuery::take(&mut parameters);
    let filter = take_filter(&mut parameters);
    let sort = parameters.one("sort", read_sort).unwrap_or_default();
    let expand = take_expand(&mut parameters);
    let bom = parameters.one("bom", read_bool).unwrap_or_default();
    parameters.validated(OrdersQuery { page, filter, sort, expand, bom })
}

fn take_filter(parameters: &mut Parameters) -> OrderFilter {
    let fee = |text: &str| Fee::parse(text).map_err(|error| error.to_string());
    OrderFilter {
        from: parameters.one("from", query::timestamp),
        to: parameters.one("to", query::timestamp),
        created_from: parameters.one("created_from", query::timestamp),
        created_to: parameters.one("created_to", query::timestamp),
        min_fee: parameters.one("min_fee", fee),
        max_fee: parameters.one("max_fee", fee),
        services: query::take_services(parameters),
    }
}

fn read_bool(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_error| "must be true or false".to_owned())
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
    let mut parameters = Parameters::read(request, &[("expand", Times::Once)]);
    let expand = take_expand(&mut parameters);
    parameters.finish().map(|()| expand)
}

fn take_expand(parameters: &mut Parameters) -> bool {
    let only = "must be \"services\"";
    let read = |text: &str| if text == "services" { Ok(()) } else { Err(only.to_owned()) };
    parameters.one("expand", read).is_some()
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
    fn all_invalid_parameters_are_named_at_once() {
        let problem = rejected(
            "zz=1&from=2022-11-02T00:00:00Z&to=2022-11-01T00:00:00Z&limit=x&limit=y&min_fee=2\
             &max_fee=1&sort=a&service=0&service=b&expand=c",
        );
        for name in ["zz", "from", "limit", "min_fee", "sort", "service", "expand"] {
            assert_eq!(problem.matches(&format!("{name:?}")).count(), 1, "{problem}");
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

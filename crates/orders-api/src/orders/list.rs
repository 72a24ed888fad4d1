//! `GET /orders`: a page of the orders that match the query parameters, or a stream of all of them.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use orders_core::{Fee, OrderId};
use orders_db::{OrderPage, OrderPlace, OrderQuery, SortKey};
use validator::{Validate, ValidationError};

use super::response::{self, Names};
use super::streams::{self, Format};
use crate::http::cursor::ListKey;
use crate::http::headers;
use crate::http::page::{self, ListRequest};
use crate::http::problem::Problem;
use crate::http::query::{self, PageQuery, Parameters, Times};
use crate::security::Security;
use crate::store_client::StoreClient;

/// `GET /orders`: a page, or a stream of all orders, by `Accept`.
pub(crate) async fn list(
    request: HttpRequest,
    store: Data<StoreClient>,
    security: Data<Security>,
) -> Result<HttpResponse, Problem> {
    let query = read(&request)?;
    let list = ListRequest::unchecked(query.list_key(), &query.page, read_place)?;
    let streams = [Format::Ndjson, Format::Csv, Format::Calendar];
    let offered = streams.map(|format| (format.media_type(), Some(format)));
    let offered = [&[("application/json", None)][..], &offered].concat();
    let vary = (header::VARY, "Accept");
    let mut answer = match headers::choose(&request, &offered) {
        Ok(None) => page(&request, &store, query, list).await?,
        Ok(Some(format)) => streams::answer(&request, store, security, query, format).await?,
        Err(problem) => return Err(problem.with_header(vary.0, vary.1)),
    };
    answer.headers_mut().insert(vary.0, header::HeaderValue::from_static(vary.1));
    Ok(answer)
}

async fn page(
    request: &HttpRequest,
    store: &StoreClient,
    query: OrdersQuery,
    list: ListRequest<OrderPlace>,
) -> Result<HttpResponse, Problem> {
    let OrdersQuery { page, orders, expand, bom: _ } = query;
    let ListRequest { key, after, .. } = list;
    let (limit, query) = (page.limit, OrderQuery { after, ..orders });
    let written = if expand {
        let page = store.list_orders(query, limit, OrderPage::clone).await?;
        let names = store.find_service_names(&page.orders).await?;
        write_page(&page, Some(&names), &key)
    } else {
        // Rendered on the thread that read the page, so that only the text moves between threads.
        store.list_orders(query, limit, move |page| write_page(page, None, &key)).await?
    };
    let (body, next) = written?;
    Ok(page::answer_written(request, body, next.as_deref()))
}

/// Renders a page as JSON. Also returns the cursor of the next page.
fn write_page(
    page: &OrderPage,
    names: Option<&Names>,
    key: &ListKey,
) -> Result<(Vec<u8>, Option<String>), Problem> {
    let place = page.next.as_ref();
    let next = place.map(|place| key.write(&page::write_place(place.at, &place.id)));
    match response::write_page(&page.orders, names, next.as_deref()) {
        Ok(body) => Ok((body, next)),
        Err(error) => Err(Problem::unexpected(error.to_string())),
    }
}

/// The parameters of `GET /orders`.
#[derive(Debug, Validate)]
#[validate(schema(function = "check_datetimes"))]
#[validate(schema(function = "check_creations"))]
#[validate(schema(function = "check_fees"))]
pub(crate) struct OrdersQuery {
    pub(crate) page: PageQuery,
    pub(crate) orders: OrderQuery,
    pub(crate) expand: bool,
    /// Whether CSV starts with a byte order mark.
    pub(crate) bom: bool,
}

impl OrdersQuery {
    /// Identifies the list in its cursors: everything that selects or sorts orders.
    pub(crate) fn list_key(&self) -> ListKey {
        let OrderQuery { from, to, created_from, created_to, min_fee, max_fee, services, .. } =
            &self.orders;
        ListKey::new("/orders")
            .with("from", from)
            .with("to", to)
            .with("created_from", created_from)
            .with("created_to", created_to)
            .with("min_fee", min_fee)
            .with("max_fee", max_fee)
            .with("service", services)
            .with("sort", [write_sort(&self.orders)])
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

fn check_datetimes(OrdersQuery { orders, .. }: &OrdersQuery) -> Result<(), ValidationError> {
    check_order(["from", "to"], orders.from.zip(orders.to), "after")
}

fn check_creations(OrdersQuery { orders, .. }: &OrdersQuery) -> Result<(), ValidationError> {
    let names = ["created_from", "created_to"];
    check_order(names, orders.created_from.zip(orders.created_to), "after")
}

fn check_fees(OrdersQuery { orders, .. }: &OrdersQuery) -> Result<(), ValidationError> {
    check_order(["min_fee", "max_fee"], orders.min_fee.zip(orders.max_fee), "above")
}

/// Reads the parameters of `GET /orders`.
pub(crate) fn read(request: &HttpRequest) -> Result<OrdersQuery, Problem> {
    const ONCE: [&str; 9] =
        ["bom", "expand", "sort", "from", "to", "created_from", "created_to", "min_fee", "max_fee"];
    let own = ONCE.map(|name| (name, Times::Once));
    let known = [&PageQuery::KNOWN[..], &own, &[("service", Times::Many)]].concat();
    let mut parameters = Parameters::read(request, &known);
    let page = PageQuery::take(&mut parameters);
    let orders = take_orders(&mut parameters);
    let expand = take_expand(&mut parameters);
    let bom = parameters.one("bom", read_bool).unwrap_or_default();
    parameters.validated(OrdersQuery { page, orders, expand, bom })
}

fn take_orders(parameters: &mut Parameters) -> OrderQuery {
    let fee = |text: &str| Fee::parse(text).map_err(|error| error.to_string());
    let (sort, descending) = parameters.one("sort", read_sort).unwrap_or_default();
    OrderQuery {
        from: parameters.one("from", query::timestamp),
        to: parameters.one("to", query::timestamp),
        created_from: parameters.one("created_from", query::timestamp),
        created_to: parameters.one("created_to", query::timestamp),
        min_fee: parameters.one("min_fee", fee),
        max_fee: parameters.one("max_fee", fee),
        services: query::take_services(parameters),
        sort,
        descending,
        after: None,
    }
}

fn read_bool(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_error| "must be true or false".to_owned())
}

/// Reads the time to sort by, and whether the latest come first.
fn read_sort(text: &str) -> Result<(SortKey, bool), String> {
    let (descending, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
    let key = match name {
        "datetime" => SortKey::Datetime,
        "created_at" => SortKey::CreatedAt,
        _ => return Err("must be datetime, -datetime, created_at or -created_at".to_owned()),
    };
    Ok((key, descending))
}

fn write_sort(query: &OrderQuery) -> String {
    let name = match query.sort {
        SortKey::Datetime => "datetime",
        SortKey::CreatedAt => "created_at",
    };
    format!("{}{name}", if query.descending { "-" } else { "" })
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

fn read_place(place: &str) -> Option<OrderPlace> {
    page::read_place(place, OrderId::parse).map(|(at, id)| OrderPlace { at, id })
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
        let orders = query.orders;
        assert_eq!(orders.from.unwrap().to_string(), "2022-11-01T10:11:11.000Z");
        assert_eq!((orders.services.len(), query.page.limit, orders.to), (2, 7, None));
        assert_eq!((orders.sort, orders.descending), (SortKey::Datetime, false));
    }
}

//! Query parameters. Unknown, malformed and repeated ones are rejected.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::HttpRequest;
use orders_core::time::TimestampError;
use orders_core::{Fee, OrderId, Period, ServiceId, Services, Timestamp};
use orders_db::{DeliveryStatus, OrderFilter, OrderSort, SortKey};
use validator::{Validate, ValidationError};

use crate::http::cursor::ListKey;
use crate::http::problem::{Code, Problem};

/// The query parameters of a request, by name.
pub(crate) struct Parameters(BTreeMap<String, Vec<String>>);

/// Whether a parameter can be repeated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    Once,
    Many,
}

impl Parameters {
    pub(crate) fn read(request: &HttpRequest, known: &[(&str, Times)]) -> Result<Self, Problem> {
        let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
            let Some((_, times)) = known.iter().find(|(known, _)| *known == name) else {
                return Err(invalid(&name, "is unknown; remove it"));
            };
            if value.contains('\u{FFFD}') {
                return Err(invalid(&name, "must be UTF-8"));
            }
            let values = parameters.entry(name.clone().into_owned()).or_default();
            values.push(value.into_owned());
            if values.len() > 1 && *times == Times::Once {
                return Err(invalid(&name, "must not be repeated"));
            }
        }
        Ok(Self(parameters))
    }

    pub(crate) fn all<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, Problem> {
        let values = self.0.remove(name).unwrap_or_default();
        values.iter().map(|value| read(value).map_err(|why| invalid(name, &why))).collect()
    }

    pub(crate) fn one<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Problem> {
        Ok(self.all(name, read)?.pop())
    }
}

/// Rejects any parameter.
pub(crate) fn none(request: &HttpRequest) -> Result<(), Problem> {
    Parameters::read(request, &[]).map(drop)
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

/// The parameters that all lists have.
#[derive(Debug, Validate)]
pub(crate) struct PageQuery {
    /// The maximum number of rows of a page.
    #[validate(range(min = 1, max = 1000, message = "must be a whole number from 1 to 1000"))]
    pub(crate) limit: usize,
    /// The `next_cursor` of the previous page.
    pub(crate) cursor: Option<String>,
}

impl PageQuery {
    const KNOWN: [(&str, Times); 2] = [("limit", Times::Once), ("cursor", Times::Once)];

    fn take(parameters: &mut Parameters) -> Result<Self, Problem> {
        let limit = parameters.one("limit", whole_number)?;
        let cursor = parameters.one("cursor", |text| Ok(text.to_owned()))?;
        Ok(Self { limit: limit.unwrap_or(100), cursor })
    }
}

/// Reads the parameters of a list without filters.
pub(crate) fn page(request: &HttpRequest) -> Result<PageQuery, Problem> {
    let mut parameters = Parameters::read(request, &PageQuery::KNOWN)?;
    let page = PageQuery::take(&mut parameters)?;
    validated(page)
}

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
    let status = |text: &str| {
        DeliveryStatus::parse(text).ok_or_else(|| "must be pending, succeeded or failed".to_owned())
    };
    validated(DeliveriesQuery { page, status: parameters.one("status", status)? })
}

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
pub(crate) fn orders(request: &HttpRequest) -> Result<OrdersQuery, Problem> {
    const ONCE: [&str; 8] =
        ["expand", "sort", "from", "to", "created_from", "created_to", "min_fee", "max_fee"];
    let own = ONCE.map(|name| (name, Times::Once));
    let known = [&PageQuery::KNOWN[..], &own, &[("service", Times::Many)]].concat();
    let mut parameters = Parameters::read(request, &known)?;
    let page = PageQuery::take(&mut parameters)?;
    let filter = take_filter(&mut parameters)?;
    let sort = parameters.one("sort", read_sort)?.unwrap_or_default();
    validated(OrdersQuery { page, filter, sort, expand: take_expand(&mut parameters)? })
}

fn take_filter(parameters: &mut Parameters) -> Result<OrderFilter, Problem> {
    let instant = |text: &str| Timestamp::parse(text).map_err(|error| explain(text, error));
    let fee = |text: &str| Fee::parse(text).map_err(|error| error.to_string());
    let service = |text: &str| ServiceId::parse(text).map_err(|error| error.to_string());
    let services = parameters.all("service", service)?;
    if services.len() > Services::MAX {
        return Err(invalid("service", "must not be repeated more than 100 times"));
    }
    Ok(OrderFilter {
        from: parameters.one("from", instant)?,
        to: parameters.one("to", instant)?,
        created_from: parameters.one("created_from", instant)?,
        created_to: parameters.one("created_to", instant)?,
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

/// The parameters of `GET /availability`.
#[derive(Debug, Validate)]
#[validate(schema(function = "check_range", skip_on_field_errors = false))]
pub(crate) struct AvailabilityParameters {
    #[validate(nested)]
    pub(crate) page: PageQuery,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) services: BTreeSet<ServiceId>,
    #[validate(range(min = 1, max = 1000, message = "must be a whole number from 1 to 1000"))]
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

fn check_range(query: &AvailabilityParameters) -> Result<(), ValidationError> {
    let fault = |name, why: &'static str| Err(ValidationError::new(name).with_message(why.into()));
    if query.from > query.to {
        return fault("from", "must not be after to");
    }
    if query.to.millis_since(query.from) > Period::MAX.as_millis() {
        return fault("to", "must be at most 366 days after from");
    }
    if query.services.len() > Services::MAX {
        return fault("service", "must not be repeated more than 100 times");
    }
    Ok(())
}

/// Rejects the parameters of pages in requests for a stream.
pub(crate) fn reject_paging(request: &HttpRequest) -> Result<(), Problem> {
    let is_of_pages = |name: &str| PageQuery::KNOWN.iter().any(|(known, _)| *known == name);
    let mut names = form_urlencoded::parse(request.query_string().as_bytes()).map(|(name, _)| name);
    match names.find(|name| is_of_pages(name)) {
        Some(name) => Err(invalid(&name, "applies to pages only; a stream has no pages")),
        None => Ok(()),
    }
}

/// Reads the parameters of `GET /availability`.
pub(crate) fn availability(request: &HttpRequest) -> Result<AvailabilityParameters, Problem> {
    let [limit, cursor] = PageQuery::KNOWN;
    let once = |name| (name, Times::Once);
    let own = [once("from"), once("to"), ("service", Times::Many), once("slots"), once("ignore")];
    let mut parameters = Parameters::read(request, &[&[limit, cursor][..], &own].concat())?;
    let instant = |text: &str| Timestamp::parse(text).map_err(|error| explain(text, error));
    let service = |text: &str| ServiceId::parse(text).map_err(|error| error.to_string());
    let order_id = |text: &str| OrderId::parse(text).map_err(|error| error.to_string());
    let page = PageQuery::take(&mut parameters)?;
    let from = parameters.one("from", instant)?.ok_or_else(|| invalid("from", "is required"))?;
    let to = parameters.one("to", instant)?.ok_or_else(|| invalid("to", "is required"))?;
    let services = parameters.all("service", service)?.into_iter().collect();
    let slots = parameters.one("slots", whole_number)?;
    let ignore = parameters.one("ignore", order_id)?;
    validated(AvailabilityParameters { page, from, to, services, slots, ignore })
}

/// Parses a number of rows. Too many digits become 0, which the range check rejects.
pub(crate) fn whole_number(text: &str) -> Result<usize, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(0)).ok_or_else(|| "must be a whole number".to_owned())
}

/// Adds a hint if a plus sign was not escaped. It then arrives as a space.
fn explain(text: &str, error: TimestampError) -> String {
    let is_unescaped = Timestamp::parse(&text.replace(' ', "+")).is_ok();
    format!("{error}{}", if is_unescaped { "; in a URL, write + as %2B" } else { "" })
}

/// Runs the checks of `validator`.
pub(crate) fn validated<Q: Validate>(query: Q) -> Result<Q, Problem> {
    match query.validate() {
        Ok(()) => Ok(query),
        Err(errors) => Err(first_fault(&errors)),
    }
}

/// Converts the first error that `validator` found.
fn first_fault(errors: &validator::ValidationErrors) -> Problem {
    for (field, kind) in errors.errors() {
        match kind {
            validator::ValidationErrorsKind::Struct(nested) => return first_fault(nested),
            validator::ValidationErrorsKind::Field(faults) => {
                if let Some(fault) = faults.first() {
                    // The code of an error across fields is the name of the invalid one.
                    let name = if field == "__all__" { &fault.code } else { field };
                    return invalid(name, fault.message.as_deref().unwrap_or("is invalid"));
                }
            }
            validator::ValidationErrorsKind::List(_) => {}
        }
    }
    Problem::new(Code::InvalidParameter, "A query parameter is invalid.")
}

/// Creates the problem of one parameter.
pub(crate) fn invalid(name: &str, why: &str) -> Problem {
    let name: String = name.chars().take(64).collect();
    Problem::new(Code::InvalidParameter, format!("The query parameter {name:?} {why}."))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn rejected(query: &str) -> String {
        let request = TestRequest::with_uri(&format!("/orders?{query}")).to_http_request();
        orders(&request).unwrap_err().to_string()
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
        let query = orders(&TestRequest::with_uri(uri).to_http_request()).unwrap();
        let filter = query.filter;
        assert_eq!(filter.from.unwrap().to_string(), "2022-11-01T10:11:11.000Z");
        assert_eq!((filter.services.len(), query.page.limit, filter.to), (2, 7, None));
        assert_eq!(query.sort, OrderSort { key: SortKey::Datetime, descending: false });
    }
}

//! The list of orders: filters, sorting, pages, and links to download all of it.

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::NaiveDate;
use orders_core::{Fee, OrderId, ServiceId, Timestamp};
use orders_db::{OrderPage, OrderPlace, OrderQuery, SortKey};

use super::layout::{self, Layout};
use super::zone::{Zone, later};
use crate::http::problem::Problem;
use crate::store_client::StoreClient;

/// The number of orders on a page.
const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "console/orders.html")]
struct ListPage {
    layout: Layout,
    list_query: ListQuery,
    choices: Vec<(ServiceId, String, bool)>,
    rows: Vec<Row>,
    /// The address of the next page. Empty on the last one.
    next: String,
    /// The query of the download links.
    query: String,
}

struct Row {
    id: String,
    at: String,
    utc: String,
    fee: String,
    services: String,
    created: String,
}

/// The query of the list as text. Invalid parameters are ignored and reported.
#[derive(Default)]
struct ListQuery {
    order: String,
    from: String,
    to: String,
    min_fee: String,
    max_fee: String,
    sort: String,
    after: String,
    services: BTreeSet<ServiceId>,
    wrong: Vec<&'static str>,
}

const SORTS: [(&str, &str); 4] = [
    ("datetime", "Earliest first"),
    ("-datetime", "Latest first"),
    ("created_at", "Oldest first"),
    ("-created_at", "Newest first"),
];

/// `GET /console/orders`
pub(crate) async fn show(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let layout = Layout::new(&request, "orders", "Orders");
    let mut list_query = ListQuery::read(&request);
    if let Ok(id) = OrderId::parse(&list_query.order) {
        return Ok(layout::go_to(&format!("/console/orders/{id}")));
    }
    if !list_query.order.is_empty() {
        list_query.wrong.push("This is not an order id.");
    }
    let query = list_query.query(layout.zone);
    let download_query = download_query(&query);
    let page = store.list_orders(query, ROWS, OrderPage::clone).await?;
    let services = store.run_blocking(|store| store.list_services(None, 200)).await?;
    let names = store.find_service_names(&page.orders).await?;
    let name = |id| {
        names.get(&id).map_or_else(|| format!("Service {id}"), |name| name.as_str().to_owned())
    };
    let zone = layout.zone;
    let rows = page.orders.iter().map(|order| Row {
        id: order.id.to_string(),
        at: zone.words(order.content.datetime),
        utc: order.content.datetime.to_string(),
        fee: order.content.total_fee.to_string(),
        services: order.content.services.iter().map(name).collect::<Vec<_>>().join(", "),
        created: zone.words(order.created_at),
    });
    let next = page.next.map(|place| list_query.next(&place)).unwrap_or_default();
    let chosen = |id: &ServiceId| list_query.services.contains(id);
    let choices = services
        .into_iter()
        .map(|service| (service.id, service.name.as_str().to_owned(), chosen(&service.id)))
        .collect();
    let rows = rows.collect();
    layout::show(
        &request,
        StatusCode::OK,
        &ListPage { layout, choices, rows, next, query: download_query, list_query },
    )
}

impl ListQuery {
    fn read(request: &HttpRequest) -> Self {
        let mut list_query = Self::default();
        for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
            let value = value.trim().to_owned();
            match name.as_ref() {
                "order" => list_query.order = value,
                "from" => list_query.from = value,
                "to" => list_query.to = value,
                "min_fee" => list_query.min_fee = value,
                "max_fee" => list_query.max_fee = value,
                "sort" => list_query.sort = value,
                "after" => list_query.after = value,
                "service" => list_query.services.extend(ServiceId::parse(&value)),
                _ => {}
            }
        }
        list_query
    }

    /// The date, if it is one.
    fn first_day(&self) -> &str {
        day_only(&self.from)
    }

    fn last_day(&self) -> &str {
        day_only(&self.to)
    }

    fn is_sorted(&self, name: &str) -> bool {
        self.sort == name
    }

    fn query(&mut self, zone: Zone) -> OrderQuery {
        let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        let from = day(&self.from).map(|date| zone.start_of(date));
        let to = day(&self.to).map(|date| zone.start_of(later(date, 1)));
        let (from, to) =
            (from.or(Timestamp::parse(&self.from).ok()), to.or(Timestamp::parse(&self.to).ok()));
        let (min_fee, max_fee) = (Fee::parse(&self.min_fee).ok(), Fee::parse(&self.max_fee).ok());
        for (text, is_read, what) in [
            (&self.from, from.is_some(), "The first day is not a date."),
            (&self.to, to.is_some(), "The last day is not a date."),
            (&self.min_fee, min_fee.is_some(), "The lowest fee is not a number."),
            (&self.max_fee, max_fee.is_some(), "The highest fee is not a number."),
        ] {
            if !text.is_empty() && !is_read {
                self.wrong.push(what);
            }
        }
        let sort =
            if self.sort.ends_with("created_at") { SortKey::CreatedAt } else { SortKey::Datetime };
        OrderQuery {
            from,
            to,
            min_fee,
            max_fee,
            services: self.services.clone(),
            sort,
            descending: self.sort.starts_with('-'),
            after: read_place(&self.after),
            ..OrderQuery::default()
        }
    }

    fn next(&self, place: &OrderPlace) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("from", &self.from),
            ("to", &self.to),
            ("min_fee", &self.min_fee),
            ("max_fee", &self.max_fee),
            ("sort", &self.sort),
        ] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        for service in &self.services {
            query.append_pair("service", &service.to_string());
        }
        query.append_pair("after", &format!("{} {}", place.at.as_millis(), place.id));
        format!("/console/orders?{}", query.finish())
    }
}

fn day_only(text: &str) -> &str {
    if NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok() { text } else { "" }
}

fn read_place(text: &str) -> Option<OrderPlace> {
    let (millis, id) = text.split_once(' ')?;
    let at = Timestamp::from_millis(millis.parse().ok()?)?;
    Some(OrderPlace { at, id: OrderId::parse(id).ok()? })
}

/// The same query for the API, without the page.
fn download_query(query: &OrderQuery) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    let values = [
        ("from", query.from.map(|at| at.to_string())),
        ("to", query.to.map(|at| at.to_string())),
        ("min_fee", query.min_fee.map(|fee| fee.to_string())),
        ("max_fee", query.max_fee.map(|fee| fee.to_string())),
    ];
    for (name, value) in values {
        if let Some(value) = value {
            text.append_pair(name, &value);
        }
    }
    for service in &query.services {
        text.append_pair("service", &service.to_string());
    }
    let down = if query.descending { "-" } else { "" };
    let key = match query.sort {
        SortKey::Datetime => "datetime",
        SortKey::CreatedAt => "created_at",
    };
    text.append_pair("sort", &format!("{down}{key}"));
    text.finish()
}

//! The list of orders: filtered, sorted, page by page, and where to take all of it.

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::NaiveDate;
use orders_core::{Fee, Instant, OrderId, ServiceId};
use orders_db::{OrderFilter, OrderPage, OrderPlace, OrderQuery, OrderSort, SortKey};

use super::page::{self, Shell};
use super::zone::{Zone, later};
use crate::app::App;
use crate::problem::Problem;

/// How many orders a page has.
const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "console/orders.html")]
struct ListPage {
    shell: Shell,
    asked: Asked,
    choices: Vec<(ServiceId, String, bool)>,
    rows: Vec<Row>,
    /// Where the next page is; empty on the last one.
    next: String,
    /// What the streams are asked for.
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

/// What the list is asked for, as it was written: what cannot be read is left out, and told.
#[derive(Default)]
struct Asked {
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
    ("-datetime", "SequenceWatch first"),
    ("created_at", "Oldest first"),
    ("-created_at", "Newest first"),
];

/// `GET /console/orders`
pub(crate) async fn show(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let shell = Shell::new(&request, "orders", "Orders");
    let mut asked = Asked::read(&request);
    if let Ok(id) = OrderId::parse(&asked.order) {
        return Ok(page::go_to(&format!("/console/orders/{id}")));
    }
    if !asked.order.is_empty() {
        asked.wrong.push("No order has such an id.");
    }
    let query = asked.query(shell.zone);
    let streamed = streamed(&query);
    let page = app.list_orders(query, ROWS, OrderPage::clone).await?;
    let services = app.ask(|store| store.list_services(None, 200)).await?;
    let names = app.names(&page.orders).await?;
    let name = |id| {
        names.get(&id).map_or_else(|| format!("Service {id}"), |name| name.as_str().to_owned())
    };
    let zone = shell.zone;
    let rows = page.orders.iter().map(|order| Row {
        id: order.id.to_string(),
        at: zone.words(order.content.datetime),
        utc: order.content.datetime.to_string(),
        fee: order.content.total_fee.to_string(),
        services: order.content.services.iter().map(name).collect::<Vec<_>>().join(", "),
        created: zone.words(order.created_at),
    });
    let next = page.next.map(|place| asked.next(&place)).unwrap_or_default();
    let chosen = |id: &ServiceId| asked.services.contains(id);
    let choices = services
        .into_iter()
        .map(|service| (service.id, service.name.as_str().to_owned(), chosen(&service.id)))
        .collect();
    let rows = rows.collect();
    page::show(
        &request,
        StatusCode::OK,
        &ListPage { shell, choices, rows, next, query: streamed, asked },
    )
}

impl Asked {
    fn read(request: &HttpRequest) -> Self {
        let mut asked = Self::default();
        for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
            let value = value.trim().to_owned();
            match name.as_ref() {
                "order" => asked.order = value,
                "from" => asked.from = value,
                "to" => asked.to = value,
                "min_fee" => asked.min_fee = value,
                "max_fee" => asked.max_fee = value,
                "sort" => asked.sort = value,
                "after" => asked.after = value,
                "service" => asked.services.extend(ServiceId::parse(&value)),
                _ => {}
            }
        }
        asked
    }

    /// What a field for a day can hold.
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
            (from.or(Instant::parse(&self.from).ok()), to.or(Instant::parse(&self.to).ok()));
        let (min_fee, max_fee) = (Fee::parse(&self.min_fee).ok(), Fee::parse(&self.max_fee).ok());
        for (text, is_read, what) in [
            (&self.from, from.is_some(), "The first day cannot be read."),
            (&self.to, to.is_some(), "The last day cannot be read."),
            (&self.min_fee, min_fee.is_some(), "The lowest fee cannot be read."),
            (&self.max_fee, max_fee.is_some(), "The highest fee cannot be read."),
        ] {
            if !text.is_empty() && !is_read {
                self.wrong.push(what);
            }
        }
        let key =
            if self.sort.ends_with("created_at") { SortKey::CreatedAt } else { SortKey::Datetime };
        OrderQuery {
            filter: OrderFilter {
                from,
                to,
                min_fee,
                max_fee,
                services: self.services.clone(),
                ..OrderFilter::default()
            },
            sort: OrderSort { key, descending: self.sort.starts_with('-') },
            after: read_place(&self.after),
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
    let at = Instant::from_millis(millis.parse().ok()?)?;
    Some(OrderPlace { at, id: OrderId::parse(id).ok()? })
}

/// The same question to the API, but for the page.
fn streamed(query: &OrderQuery) -> String {
    let OrderQuery { filter, sort, .. } = query;
    let mut text = form_urlencoded::Serializer::new(String::new());
    let values = [
        ("from", filter.from.map(|at| at.to_string())),
        ("to", filter.to.map(|at| at.to_string())),
        ("min_fee", filter.min_fee.map(|fee| fee.to_string())),
        ("max_fee", filter.max_fee.map(|fee| fee.to_string())),
    ];
    for (name, value) in values {
        if let Some(value) = value {
            text.append_pair(name, &value);
        }
    }
    for service in &filter.services {
        text.append_pair("service", &service.to_string());
    }
    let down = if sort.descending { "-" } else { "" };
    let key = match sort.key {
        SortKey::Datetime => "datetime",
        SortKey::CreatedAt => "created_at",
    };
    text.append_pair("sort", &format!("{down}{key}"));
    text.finish()
}

//! The pages of an order and of a new order.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use orders_core::{Order, OrderId, Service, Timestamp};
use orders_db::CalendarQuery;

use super::super::layout::{self, Layout};
use super::super::order_form::{Choice, OrderForm};
use super::super::zone::Zone;
use super::history::{Change, describe, services_of};
use crate::http::problem::{Code, Problem};
use crate::orders;
use crate::orders::response::Names;
use crate::store_client::StoreClient;

/// The largest number of services that a form offers.
const SERVICES: usize = 1000;
/// The largest number of changes on a page.
const CHANGES: usize = 500;

#[derive(Template)]
#[template(path = "console/new_order.html")]
struct NewPage {
    layout: Layout,
    order_form: OrderForm,
    choices: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "console/order.html")]
struct OrderPage {
    layout: Layout,
    id: OrderId,
    /// The current state. `None` if the order is deleted.
    now: Option<Facts>,
    order_form: OrderForm,
    choices: Vec<Choice>,
    history: Vec<Change>,
    /// Whether another caller changed the order since the form was shown.
    is_stale: bool,
}

/// An order in words.
struct Facts {
    at: String,
    utc: String,
    fee: String,
    services: String,
    version: u64,
    created: String,
    updated: String,
    week: String,
}

/// Shows the form of a new order.
pub(super) async fn show_new(
    request: &HttpRequest,
    store: &StoreClient,
    status: StatusCode,
    order_form: OrderForm,
) -> Result<HttpResponse, Problem> {
    let services = store.run_blocking(|store| store.list_services(None, SERVICES)).await?;
    let layout = Layout::new(request, "orders", "New order");
    layout::show(
        request,
        status,
        &NewPage { layout, choices: order_form.choices(&services), order_form },
    )
}

/// Shows an order, with the fields of a form that was rejected.
pub(super) async fn show_order(
    request: &HttpRequest,
    store: &StoreClient,
    status: StatusCode,
    order_form: Option<OrderForm>,
) -> Result<HttpResponse, Problem> {
    let id = orders::path_id(request)?;
    let order_id = id.clone();
    // The position in the event feed first, so that no later event is missed.
    let nothing = CalendarQuery { from: Timestamp::MIN, to: Timestamp::MIN, limit: 0 };
    let (around, history) = store
        .run_blocking(move |store| {
            let around = store.find_calendar(&nothing)?;
            Ok((around, store.list_history(&order_id, None, CHANGES)?))
        })
        .await?;
    let order = store.find_order(id.clone()).await?;
    if history.is_empty() {
        return Err(Problem::new(Code::NotFound, format!("Order {id} does not exist.")));
    }
    let all: Vec<Order> = history.iter().map(|change| change.event.order.clone()).collect();
    let names = store.find_service_names(&all).await?;
    let mut layout = Layout::new(request, "orders", &format!("Order {id}"));
    let zone = layout.zone;
    layout.sequence = Some(around.sequence);
    layout.subject = Some(id.clone());
    let is_stale = status == StatusCode::PRECONDITION_FAILED;
    let mut order_form = order_form.unwrap_or_else(|| match &order {
        Some(order) => OrderForm::from_order(zone, order),
        None => OrderForm::new(zone, None),
    });
    if let Some(order) = &order {
        // The entries stay and apply to the current version: a second save overwrites what the page
        // shows.
        order_form.version = Some(order.version);
        if order_form.datetime.is_empty() {
            let rejection = order_form.rejection.take();
            order_form = OrderForm { rejection, ..OrderForm::from_order(zone, order) };
        }
    }
    let mut changes: Vec<Change> =
        history.iter().map(|change| describe(store, zone, &names, change)).collect();
    changes.reverse();
    let now = order.as_ref().map(|order| facts(zone, &names, order));
    let choices = order_form.choices(&with_chosen(around.services, &names, &order_form));
    layout::show(
        request,
        status,
        &OrderPage { layout, id, now, choices, order_form, history: changes, is_stale },
    )
}

/// The services to choose from, with those of the order that are not among the first.
fn with_chosen(mut services: Vec<Service>, names: &Names, order_form: &OrderForm) -> Vec<Service> {
    for (id, name) in names {
        if order_form.chosen.contains(id) && !services.iter().any(|service| service.id == *id) {
            services.push(Service { id: *id, name: name.clone() });
        }
    }
    services
}

fn facts(zone: Zone, names: &Names, order: &Order) -> Facts {
    let at = order.content.datetime;
    Facts {
        at: zone.words(at),
        utc: at.to_string(),
        fee: order.content.total_fee.to_string(),
        services: services_of(names, order),
        version: order.version,
        created: zone.words(order.created_at),
        updated: zone.words(order.updated_at),
        week: format!("/?view=week&date={}", zone.date(at)),
    }
}

//! An order's page, and what can be done there: each form is a command like any other, judged by the
//! same rule, on the version that the page showed.

mod history;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{NaiveDate, NaiveTime, TimeDelta};
use orders_core::{Instant, NewId, Operation, Order, OrderId, Service};
use orders_db::CalendarQuery;

use super::form::Form;
use super::layout::{self, Layout};
use super::order_form::{Choice, OrderForm};
use super::zone::Zone;
use crate::app::App;
use crate::problem::{Code, Problem};
use crate::wire::Names;
use crate::{auth, orders};

use history::{Change, described, services_of};

/// How many services a form offers.
const SERVICES: usize = 1000;
/// How many changes a page shows.
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
    /// As it is now; `None` where it was deleted.
    now: Option<Facts>,
    order_form: OrderForm,
    choices: Vec<Choice>,
    history: Vec<Change>,
    /// Whether somebody else changed it since the form was shown.
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

/// `GET /console/new-order`
pub(crate) async fn new(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let zone = Zone::of(&request);
    let mut at = None;
    for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
        at = match name.as_ref() {
            "at" => Instant::parse(&value).ok(),
            "date" => NaiveDate::parse_from_str(&value, "%Y-%m-%d")
                .ok()
                .and_then(|date| zone.instant(date.and_time(NaiveTime::MIN + TimeDelta::hours(9)))),
            _ => at,
        };
    }
    show_new(&request, &app, StatusCode::OK, OrderForm::new(zone, at)).await
}

/// `POST /console/new-order`
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let form = Form::read(&request, payload).await?;
    let (mut order_form, content) = OrderForm::read(&form, Zone::of(&request));
    let Some(content) = content else {
        return show_new(&request, &app, StatusCode::UNPROCESSABLE_ENTITY, order_form).await;
    };
    let retry = order_form.retry(&request, &content);
    let operation = Operation::Create { id: NewId::Made(orders::made_id()?), content };
    match orders::change(&app, auth::actor(&request), operation, retry).await {
        Ok(sent) => {
            let location = sent.answer.location.unwrap_or_default();
            Ok(layout::go_to(&format!("/console{location}")))
        }
        Err(problem) => {
            let status = problem.status();
            order_form.record_rejection(problem)?;
            show_new(&request, &app, status, order_form).await
        }
    }
}

async fn show_new(
    request: &HttpRequest,
    app: &App,
    status: StatusCode,
    order_form: OrderForm,
) -> Result<HttpResponse, Problem> {
    let services = app.store.run_blocking(|store| store.list_services(None, SERVICES)).await?;
    let layout = Layout::new(request, "orders", "New order");
    layout::show(
        request,
        status,
        &NewPage { layout, choices: order_form.choices(&services), order_form },
    )
}

/// `GET /console/orders/{id}`
pub(crate) async fn show(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    show_order(&request, &app, StatusCode::OK, None).await
}

/// `POST /console/orders/{id}`
pub(crate) async fn update(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let id = orders::path_id(&request)?;
    let form = Form::read(&request, payload).await?;
    let (order_form, content) = OrderForm::read(&form, Zone::of(&request));
    // A form that names no version means none, so it changes none.
    let version = order_form.version.unwrap_or(0);
    let Some(content) = content else {
        return show_order(&request, &app, StatusCode::UNPROCESSABLE_ENTITY, Some(order_form))
            .await;
    };
    let retry = order_form.retry(&request, &content);
    let if_match = Some(orders_core::Versions::Among(vec![version]));
    let operation = Operation::Update { id, if_match, patch: content.into() };
    finish(&request, &app, operation, retry, Some(order_form)).await
}

/// `POST /console/orders/{id}/delete`
pub(crate) async fn delete(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let id = orders::path_id(&request)?;
    let form = Form::read(&request, payload).await?;
    let version = form.one("version").parse().unwrap_or(0);
    let if_match = Some(orders_core::Versions::Among(vec![version]));
    finish(&request, &app, Operation::Delete { id, if_match }, None, None).await
}

/// `POST /console/orders/{id}/restore`
pub(crate) async fn restore(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = orders::path_id(&request)?;
    finish(&request, &app, Operation::Restore { id }, None, None).await
}

/// Has a change done, and leads to the order; or shows why it was not.
async fn finish(
    request: &HttpRequest,
    app: &App,
    operation: Operation,
    retry: Option<orders_core::Retry>,
    order_form: Option<OrderForm>,
) -> Result<HttpResponse, Problem> {
    let id = operation.order_id().clone();
    let Err(problem) = orders::change(app, auth::actor(request), operation, retry).await else {
        return Ok(layout::go_to(&format!("/console/orders/{id}")));
    };
    let status = problem.status();
    let mut order_form = order_form
        .unwrap_or_else(|| OrderForm { version: None, ..OrderForm::new(Zone::of(request), None) });
    if problem.code() == Code::NotFound {
        // Deleted by somebody else, or restored: its page says so.
        return Ok(layout::go_to(&format!("/console/orders/{id}")));
    }
    if problem.code() != Code::VersionMismatch {
        order_form.record_rejection(problem)?;
    }
    show_order(request, app, status, Some(order_form)).await
}

/// Shows an order, with what was written into its form if that was not accepted.
async fn show_order(
    request: &HttpRequest,
    app: &App,
    status: StatusCode,
    order_form: Option<OrderForm>,
) -> Result<HttpResponse, Problem> {
    let id = orders::path_id(request)?;
    let asked = id.clone();
    // First where the feed of events is, so that whatever comes later is heard of.
    let nothing = CalendarQuery { from: Instant::MIN, to: Instant::MIN, limit: 0 };
    let (around, history) = app
        .store
        .run_blocking(move |store| {
            let around = store.find_calendar(&nothing)?;
            Ok((around, store.list_history(&asked, None, CHANGES)?))
        })
        .await?;
    let order = app.store.find_order(id.clone()).await?;
    if history.is_empty() {
        return Err(Problem::new(Code::NotFound, format!("There never was an order {id}.")));
    }
    let all: Vec<Order> = history.iter().map(|change| change.event.order.clone()).collect();
    let names = app.store.find_service_names(&all).await?;
    let mut layout = Layout::new(request, "orders", &format!("Order {id}"));
    let zone = layout.zone;
    layout.sequence = Some(around.sequence);
    layout.subject = Some(id.clone());
    let is_stale = status == StatusCode::PRECONDITION_FAILED;
    let mut order_form = order_form.unwrap_or_else(|| match &order {
        Some(order) => OrderForm::of(zone, order),
        None => OrderForm::new(zone, None),
    });
    if let Some(order) = &order {
        // What was written stays, and is about the order as it is now: whoever saves it again has
        // seen what it replaces.
        order_form.version = Some(order.version);
        if order_form.datetime.is_empty() {
            let rejection = order_form.rejection.take();
            order_form = OrderForm { rejection, ..OrderForm::of(zone, order) };
        }
    }
    let mut changes: Vec<Change> =
        history.iter().map(|change| described(app, zone, &names, change)).collect();
    changes.reverse();
    let now = order.as_ref().map(|order| facts(zone, &names, order));
    let choices = order_form.choices(&with_chosen(around.services, &names, &order_form));
    layout::show(
        request,
        status,
        &OrderPage { layout, id, now, choices, order_form, history: changes, is_stale },
    )
}

/// The services to choose from, with those that the order has and that are not among the first.
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

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

use super::draft::{Choice, Draft};
use super::form::Form;
use super::page::{self, Shell};
use super::zone::Zone;
use crate::app::App;
use crate::problem::{Code, Problem};
use crate::wire::Names;
use crate::{orders, security};

use history::{Change, described, services_of};

/// How many services a form offers.
const SERVICES: usize = 1000;
/// How many changes a page shows.
const CHANGES: usize = 500;

#[derive(Template)]
#[template(path = "console/new_order.html")]
struct NewPage {
    shell: Shell,
    draft: Draft,
    choices: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "console/order.html")]
struct OrderPage {
    shell: Shell,
    id: OrderId,
    /// As it is now; `None` where it was deleted.
    now: Option<Facts>,
    draft: Draft,
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
    show_new(&request, &app, StatusCode::OK, Draft::new(zone, at)).await
}

/// `POST /console/new-order`
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let form = Form::read(&request, payload).await?;
    let (mut draft, content) = Draft::read(&form, Zone::of(&request));
    let Some(content) = content else {
        return show_new(&request, &app, StatusCode::UNPROCESSABLE_ENTITY, draft).await;
    };
    let retry = draft.retry(&request, &content);
    let operation = Operation::Create { id: NewId::Made(orders::made_id()?), content };
    match orders::change(&app, security::actor(&request), operation, retry).await {
        Ok(sent) => {
            let location = sent.answer.location.unwrap_or_default();
            Ok(page::go_to(&format!("/console{location}")))
        }
        Err(problem) => {
            let status = problem.status();
            draft.take_in(problem)?;
            show_new(&request, &app, status, draft).await
        }
    }
}

async fn show_new(
    request: &HttpRequest,
    app: &App,
    status: StatusCode,
    draft: Draft,
) -> Result<HttpResponse, Problem> {
    let services = app.store.run_blocking(|store| store.list_services(None, SERVICES)).await?;
    let shell = Shell::new(request, "orders", "New order");
    page::show(request, status, &NewPage { shell, choices: draft.choices(&services), draft })
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
    let (draft, content) = Draft::read(&form, Zone::of(&request));
    // A form that names no version means none, so it changes none.
    let version = draft.version.unwrap_or(0);
    let Some(content) = content else {
        return show_order(&request, &app, StatusCode::UNPROCESSABLE_ENTITY, Some(draft)).await;
    };
    let retry = draft.retry(&request, &content);
    let if_match = Some(orders_core::Versions::Among(vec![version]));
    let operation = Operation::Update { id, if_match, patch: content.into() };
    finish(&request, &app, operation, retry, Some(draft)).await
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
    draft: Option<Draft>,
) -> Result<HttpResponse, Problem> {
    let id = operation.order_id().clone();
    let Err(problem) = orders::change(app, security::actor(request), operation, retry).await else {
        return Ok(page::go_to(&format!("/console/orders/{id}")));
    };
    let status = problem.status();
    let mut draft =
        draft.unwrap_or_else(|| Draft { version: None, ..Draft::new(Zone::of(request), None) });
    if problem.code() == Code::NotFound {
        // Deleted by somebody else, or restored: its page says so.
        return Ok(page::go_to(&format!("/console/orders/{id}")));
    }
    if problem.code() != Code::VersionMismatch {
        draft.take_in(problem)?;
    }
    show_order(request, app, status, Some(draft)).await
}

/// Shows an order, with what was written into its form if that was not accepted.
async fn show_order(
    request: &HttpRequest,
    app: &App,
    status: StatusCode,
    draft: Option<Draft>,
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
    let mut shell = Shell::new(request, "orders", &format!("Order {id}"));
    let zone = shell.zone;
    shell.sequence = Some(around.sequence);
    shell.subject = Some(id.clone());
    let is_stale = status == StatusCode::PRECONDITION_FAILED;
    let mut draft = draft.unwrap_or_else(|| match &order {
        Some(order) => Draft::of(zone, order),
        None => Draft::new(zone, None),
    });
    if let Some(order) = &order {
        // What was written stays, and is about the order as it is now: whoever saves it again has
        // seen what it replaces.
        draft.version = Some(order.version);
        if draft.datetime.is_empty() {
            let refusal = draft.refusal.take();
            draft = Draft { refusal, ..Draft::of(zone, order) };
        }
    }
    let mut changes: Vec<Change> =
        history.iter().map(|change| described(app, zone, &names, change)).collect();
    changes.reverse();
    let now = order.as_ref().map(|order| facts(zone, &names, order));
    let choices = draft.choices(&with_chosen(around.services, &names, &draft));
    page::show(
        request,
        status,
        &OrderPage { shell, id, now, choices, draft, history: changes, is_stale },
    )
}

/// The services to choose from, with those that the order has and that are not among the first.
fn with_chosen(mut services: Vec<Service>, names: &Names, draft: &Draft) -> Vec<Service> {
    for (id, name) in names {
        if draft.chosen.contains(id) && !services.iter().any(|service| service.id == *id) {
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

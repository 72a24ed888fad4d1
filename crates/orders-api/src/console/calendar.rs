//! The calendar: a month, a week, a day, or four weeks of each service at a glance.

mod address;
mod blocked;
mod hours;
mod model;
mod month;
mod printed;
mod timeline;

use std::fmt::Write;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::NaiveDate;
use orders_core::{Policy, Scope, ServiceId, Timestamp};
use orders_db::{CalendarQuery, CalendarView};

use super::layout::{self, Layout};
use super::sign_in;
use super::zone::Zone;
use crate::http::problem::{Code, Problem};
use crate::security;
use crate::security::Access;
use crate::store_client::StoreClient;

use address::{Address, View};
use model::CalendarModel;

/// The largest number of orders on a page.
const MAX_ORDERS: u32 = 20_000;

#[derive(Template)]
#[template(path = "console/calendar.html")]
struct CalendarPage {
    layout: Layout,
    heading: String,
    view_links: Vec<(&'static str, String, bool)>,
    previous: String,
    next: String,
    today: String,
    address: Address,
    legend: Vec<LegendEntry>,
    rule: String,
    /// How far an order blocks times, in milliseconds.
    reach: i64,
    /// Whether blocked times are those that are blocked for each of several services.
    is_partial: bool,
    count: usize,
    is_cut: bool,
    nearest: Vec<(&'static str, String, String)>,
    body: Body,
    /// The list that replaces the drawing of a day on paper.
    printed: Option<printed::Printed>,
}

enum Body {
    Month(Vec<month::Week>),
    Hours(Vec<hours::Day>),
    Timeline(timeline::Timeline),
}

impl Body {
    fn draw(model: &CalendarModel<'_>) -> Self {
        match model.address.view {
            View::Month => Self::Month(month::draw(model)),
            View::Week | View::Day => Self::Hours(hours::draw(model)),
            View::Timeline => Self::Timeline(timeline::draw(model)),
        }
    }
}

/// A service in the legend.
struct LegendEntry {
    id: ServiceId,
    name: String,
    colour: usize,
    is_chosen: bool,
}

/// `GET /`
pub(crate) async fn show(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    match security::authorize(&request, Access::READER).await {
        Ok(()) => {}
        // Without a key, this page is the sign-in form.
        Err(problem) if problem.code() == Code::Unauthenticated => {
            return sign_in::show_form(&request, StatusCode::OK, None);
        }
        Err(problem) => return Err(problem),
    }
    let mut layout = Layout::new(&request, "calendar", "Calendar");
    let (zone, now) = (layout.zone, store.keys().now());
    let address = Address::read(&request, zone.date(now));
    let (first, last) = address.days();
    let (from, to) = (zone.start_of(first), zone.start_of(last));
    let query = CalendarQuery { from, to, limit: MAX_ORDERS };
    let calendar = store.run_blocking(move |store| store.find_calendar(&query)).await?;
    layout.sequence = Some(calendar.sequence);
    layout.title = address.heading();
    layout::show(&request, StatusCode::OK, &draw(layout, address, &calendar, (from, to), now))
}

fn draw(
    layout: Layout,
    address: Address,
    calendar: &CalendarView,
    (from, to): (Timestamp, Timestamp),
    now: Timestamp,
) -> CalendarPage {
    let (zone, policy) = (layout.zone, calendar.policy);
    let model = CalendarModel::new(&layout, &address, calendar, (from, to), now);
    let body = Body::draw(&model);
    let printed = (address.view == View::Day).then(|| printed::list(&model));
    let (count, legend) = (model.orders.len(), legend(calendar, &address));
    let link = |word, at: Option<Timestamp>| {
        let at = at?;
        Some((word, zone.words(at), address.at(zone.date(at))))
    };
    let nearest = [link("previous order", calendar.previous), link("next order", calendar.next)];
    CalendarPage {
        heading: address.heading(),
        view_links: View::ALL
            .iter()
            .map(|view| (view.title(), address.viewed_as(*view), *view == address.view))
            .collect(),
        previous: address.at(address.step(false)),
        next: address.at(address.step(true)),
        today: address.at(zone.date(now)),
        legend,
        rule: rule(&policy),
        reach: policy.window.as_millis(),
        is_partial: policy.scope == Scope::Service && address.services.len() != 1,
        count,
        is_cut: calendar.orders.len() >= usize::try_from(MAX_ORDERS).unwrap_or(usize::MAX),
        nearest: nearest.into_iter().flatten().collect(),
        body,
        printed,
        address,
        layout,
    }
}

fn legend(calendar: &CalendarView, address: &Address) -> Vec<LegendEntry> {
    let entry = |(at, service): (usize, &orders_core::Service)| LegendEntry {
        id: service.id,
        name: service.name.as_str().to_owned(),
        colour: at % 8,
        is_chosen: address.services.contains(&service.id),
    };
    // All selected services, and a limited number of others.
    let entries = calendar.services.iter().enumerate().map(entry);
    let mut room = 24_usize;
    let mut fits = |entry: &LegendEntry| {
        room = room.saturating_sub(1);
        entry.is_chosen || room > 0
    };
    entries.filter(|entry| fits(entry)).collect()
}

/// The rule in words.
fn rule(policy: &Policy) -> String {
    let who = match policy.scope {
        Scope::Global => "Orders",
        Scope::Service => "Orders that share a service",
    };
    format!("{who} are at least {} apart.", policy.window.in_words())
}

/// A part of a whole in hundredths of a percent, as an attribute of a drawing: `46.61%`.
fn percent(part: i64, whole: i64) -> String {
    let parts = part.saturating_mul(10_000) / whole.max(1);
    format!("{}.{:02}%", parts / 100, (parts % 100).abs())
}

/// Strokes of a height at these places, as an SVG path.
fn ticks(places: &[i64], height: u32) -> String {
    let mut path = String::new();
    for place in places {
        // Writing to a String does not fail.
        write!(path, "M{place} 0V{height}").unwrap_or_default();
    }
    path
}

/// All days from one on, before another.
fn days((first, last): (NaiveDate, NaiveDate)) -> impl Iterator<Item = NaiveDate> {
    first.iter_days().take_while(move |day| *day < last)
}

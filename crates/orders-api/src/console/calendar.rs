//! The calendar: a month, a week, a day, or four weeks of each service at a glance.

mod address;
mod blocked;
mod hours;
mod month;
mod printed;
mod timeline;

use std::collections::BTreeMap;
use std::fmt::Write;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::NaiveDate;
use orders_core::{Instant, Policy, Scope, ServiceId};
use orders_db::{CalendarOrder, CalendarQuery, CalendarView};

use super::page::{self, Shell};
use super::sign_in;
use super::zone::{Zone, later};
use crate::access::Access;
use crate::app::App;
use crate::auth;
use crate::problem::{Code, Problem};

use address::{Address, View};
use blocked::Blocked;

/// The most orders that are looked at for one page.
const MOST: u32 = 20_000;

#[derive(Template)]
#[template(path = "console/calendar.html")]
struct CalendarPage {
    shell: Shell,
    heading: String,
    views: Vec<(&'static str, String, bool)>,
    previous: String,
    next: String,
    today: String,
    address: Address,
    legend: Vec<LegendEntry>,
    rule: String,
    /// Whether what is shaded is so for some services only.
    is_partial: bool,
    count: usize,
    is_cut: bool,
    nearest: Vec<(&'static str, String, String)>,
    body: Body,
    /// What is printed in place of a day that is drawn.
    printed: Option<printed::Printed>,
}

enum Body {
    Month(Vec<month::Week>),
    Hours(Vec<hours::Day>),
    Timeline(timeline::Timeline),
}

/// A service, as the legend shows it.
struct LegendEntry {
    id: ServiceId,
    name: String,
    colour: usize,
    is_chosen: bool,
}

/// What all views draw from.
struct Scene<'a> {
    zone: Zone,
    now: Instant,
    address: &'a Address,
    services: BTreeMap<ServiceId, (usize, &'a str)>,
    orders: Vec<&'a CalendarOrder>,
    blocked: Blocked,
    may_write: bool,
}

impl Scene<'_> {
    /// The name and the colour by which an order is shown: those of the first of its services that
    /// were asked for.
    fn look(&self, order: &CalendarOrder) -> (usize, String) {
        let services = order.services.as_slice();
        let chosen = services.iter().find(|id| self.address.services.contains(id));
        let Some(shown) = chosen.or(services.first()) else { return (0, String::new()) };
        let (colour, name) = match self.services.get(shown) {
            Some((colour, name)) => (*colour, (*name).to_owned()),
            None => (0, format!("Service {shown}")),
        };
        let more = services.len().saturating_sub(1);
        (colour, if more == 0 { name } else { format!("{name} +{more}") })
    }

    /// When a day begins and ends, in milliseconds.
    fn stretch(&self, date: NaiveDate) -> (i64, i64) {
        let (start, end) = (self.zone.start_of(date), self.zone.start_of(later(date, 1)));
        (start.as_millis(), end.as_millis())
    }

    /// The orders from one millisecond on, before another.
    fn orders_within(&self, start: i64, end: i64) -> &[&CalendarOrder] {
        let before =
            |edge: i64| self.orders.partition_point(|order| order.datetime.as_millis() < edge);
        self.orders.get(before(start)..before(end)).unwrap_or_default()
    }
}

/// `GET /`
pub(crate) async fn show(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    match auth::admit(&request, Access::READER).await {
        Ok(()) => {}
        // Whoever comes here without a key is asked for one, and told nothing else.
        Err(problem) if problem.code() == Code::Unauthenticated => {
            return sign_in::ask(&request, StatusCode::OK, None);
        }
        Err(problem) => return Err(problem),
    }
    let mut shell = Shell::new(&request, "calendar", "Calendar");
    let (zone, now) = (shell.zone, app.keys().now());
    let address = Address::read(&request, zone.date(now));
    let (first, last) = address.days();
    let (from, to) = (zone.start_of(first), zone.start_of(last));
    let query = CalendarQuery { from, to, limit: MOST };
    let calendar = app.ask(move |store| store.find_calendar(&query)).await?;
    shell.sequence = Some(calendar.sequence);
    shell.title = address.heading();
    page::show(&request, StatusCode::OK, &draw(shell, address, &calendar, (from, to), now))
}

fn draw(
    shell: Shell,
    address: Address,
    calendar: &CalendarView,
    (from, to): (Instant, Instant),
    now: Instant,
) -> CalendarPage {
    let (zone, policy) = (shell.zone, calendar.policy);
    let numbered = calendar.services.iter().enumerate();
    let services: BTreeMap<ServiceId, (usize, &str)> =
        numbered.map(|(at, service)| (service.id, (at % 8, service.name.as_str()))).collect();
    let is_shown = |order: &&CalendarOrder| {
        address.services.is_empty()
            || order.services.iter().any(|id| address.services.contains(&id))
    };
    let blocking = calendar.orders.iter().filter(|order| {
        policy.scope == Scope::Global || address.services.is_empty() || is_shown(order)
    });
    let within = |order: &&CalendarOrder| order.datetime >= from && order.datetime < to;
    let orders: Vec<&CalendarOrder> =
        calendar.orders.iter().filter(within).filter(is_shown).collect();
    let scene = Scene {
        zone,
        now,
        address: &address,
        services,
        blocked: Blocked::by(blocking.map(|order| order.datetime), policy.window),
        orders,
        may_write: shell.may_write(),
    };
    let body = match address.view {
        View::Month => Body::Month(month::draw(&scene)),
        View::Week | View::Day => Body::Hours(hours::draw(&scene)),
        View::Timeline => Body::Timeline(timeline::draw(&scene)),
    };
    let printed = (address.view == View::Day).then(|| printed::list(&scene));
    let (count, legend) = (scene.orders.len(), legend(calendar, &address));
    let lead = |word, at: Option<Instant>| {
        let at = at?;
        Some((word, zone.words(at), address.at(zone.date(at))))
    };
    let nearest = [lead("last one before", calendar.previous), lead("next one", calendar.next)];
    CalendarPage {
        heading: address.heading(),
        views: View::ALL
            .iter()
            .map(|view| (view.title(), address.viewed_as(*view), *view == address.view))
            .collect(),
        previous: address.at(address.step(false)),
        next: address.at(address.step(true)),
        today: address.at(zone.date(now)),
        legend,
        rule: rule(&policy),
        is_partial: policy.scope == Scope::Service && address.services.len() != 1,
        count,
        is_cut: calendar.orders.len() >= usize::try_from(MOST).unwrap_or(usize::MAX),
        nearest: nearest.into_iter().flatten().collect(),
        body,
        printed,
        address,
        shell,
    }
}

fn legend(calendar: &CalendarView, address: &Address) -> Vec<LegendEntry> {
    let entry = |(at, service): (usize, &orders_core::Service)| LegendEntry {
        id: service.id,
        name: service.name.as_str().to_owned(),
        colour: at % 8,
        is_chosen: address.services.contains(&service.id),
    };
    // Those asked for, and as many others as can be looked over.
    let entries = calendar.services.iter().enumerate().map(entry);
    let mut room = 24_usize;
    let mut fits = |entry: &LegendEntry| {
        room = room.saturating_sub(1);
        entry.is_chosen || room > 0
    };
    entries.filter(|entry| fits(entry)).collect()
}

/// The rule, in words.
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

/// Strokes at these places, of this height, as the path of a drawing.
fn ticks(places: &[i64], height: u32) -> String {
    let mut path = String::new();
    for place in places {
        // Writing to a text does not fail.
        write!(path, "M{place} 0V{height}").unwrap_or_default();
    }
    path
}

/// All days from one on, before another.
fn days((first, last): (NaiveDate, NaiveDate)) -> impl Iterator<Item = NaiveDate> {
    first.iter_days().take_while(move |day| *day < last)
}

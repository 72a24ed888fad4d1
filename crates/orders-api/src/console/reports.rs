//! The reports: orders and fees over time and by service, the busiest hours, and the conflicts that
//! the rule rejected. Each chart has its numbers in a table.

mod chart;

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{Datelike, NaiveDate, Timelike};
use orders_core::Timestamp;
use orders_db::{Amount, OrderReport};

use super::layout::{self, Layout};
use super::zone::{Zone, earlier, later};
use crate::http::problem::Problem;
use crate::store_client::StoreClient;
use chart::{Chart, Value, in_units};

/// The longest report, in days.
const MAX_DAYS: u64 = 366;
/// The length of a report whose days are not given.
const DEFAULT_DAYS: u64 = 84;
const QUARTER_MS: i64 = 15 * 60_000;
/// The note of the chart of conflicts.
const REJECTED: &str = "How often a request was rejected because its time is too close to another \
                        order, by the day of the request. Dry runs count. Counts of the last \
                        seconds before a crash are lost.";

#[derive(Template)]
#[template(path = "console/reports.html")]
struct ReportsPage {
    layout: Layout,
    from: NaiveDate,
    to: NaiveDate,
    /// Whether the days given are more than a report can have.
    is_cut: bool,
    orders: i64,
    fees: String,
    /// How often the rule rejected something in these days.
    refusals: i64,
    charts: Vec<Chart>,
}

/// `GET /console/figures`
pub(crate) async fn show(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let layout = Layout::new(&request, "reports", "Reports");
    let zone = layout.zone;
    let today = zone.date(store.keys().now());
    let (mut from, mut to) = (earlier(today, DEFAULT_DAYS / 2), later(today, DEFAULT_DAYS / 2));
    for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
        let day = NaiveDate::parse_from_str(&value, "%Y-%m-%d").ok();
        let day = day.filter(|day| (2..=9998).contains(&day.year()));
        match (name.as_ref(), day) {
            ("from", Some(day)) => from = day,
            ("to", Some(day)) => to = day,
            _ => {}
        }
    }
    to = to.max(from);
    let last = later(from, MAX_DAYS - 1);
    let is_cut = to > last;
    to = to.min(last);
    let (start, end) = (zone.start_of(from), zone.start_of(later(to, 1)));
    let report = store.run_blocking(move |store| store.find_report(start, end)).await?;
    let orders = report.quarters.iter().map(|(_, amount)| amount.orders).sum();
    let fees = in_units(report.quarters.iter().map(|(_, amount)| amount.fees).sum());
    let refusals = report.refusals.iter().map(|(_, number)| number).sum();
    let unit = Unit::for_days(from, to);
    let totals = Totals::new(zone, start, (from, to), unit, &report);
    let charts = charts(unit, &totals, &report);
    let page = ReportsPage { layout, from, to, is_cut, orders, fees, refusals, charts };
    layout::show(&request, StatusCode::OK, &page)
}

/// The time that a bar of a chart represents.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Day,
    Week,
    Month,
}

impl Unit {
    fn for_days(from: NaiveDate, to: NaiveDate) -> Self {
        match to.signed_duration_since(from).num_days() + 1 {
            ..=31 => Self::Day,
            32..=190 => Self::Week,
            _ => Self::Month,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The first day of the unit that has this day.
    fn first_of(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Day => day,
            Self::Week => earlier(day, u64::from(day.weekday().num_days_from_monday())),
            Self::Month => day.with_day(1).unwrap_or(day),
        }
    }

    fn label(self, first: NaiveDate) -> String {
        let format = if self == Self::Month { "%b %Y" } else { "%-d %b" };
        first.format(format).to_string()
    }
}

/// Sums over time, by the clocks of a time zone.
struct Totals {
    /// Orders and rejected conflicts, by the first day of each unit.
    by_time: BTreeMap<NaiveDate, (Amount, i64)>,
    /// Orders by hour of the day.
    by_hour: [i64; 24],
}

impl Totals {
    fn new(
        zone: Zone,
        start: Timestamp,
        (from, to): (NaiveDate, NaiveDate),
        unit: Unit,
        report: &OrderReport,
    ) -> Self {
        let mut totals = Self { by_time: BTreeMap::new(), by_hour: [0; 24] };
        for day in from.iter_days().take_while(|day| *day <= to) {
            totals.by_time.entry(unit.first_of(day)).or_default();
        }
        let local = |quarter: i64| {
            let at = Timestamp::from_millis(start.as_millis() + quarter * QUARTER_MS)?;
            Some(zone.local(at))
        };
        for (quarter, number) in &report.refusals {
            let Some(local) = local(*quarter) else { continue };
            totals.by_time.entry(unit.first_of(local.date())).or_default().1 += number;
        }
        for (quarter, amount) in &report.quarters {
            let Some(local) = local(*quarter) else { continue };
            let (sum, _) = totals.by_time.entry(unit.first_of(local.date())).or_default();
            sum.orders += amount.orders;
            sum.fees += amount.fees;
            let hour = usize::try_from(local.hour()).ok();
            if let Some(hour) = hour.and_then(|hour| totals.by_hour.get_mut(hour)) {
                *hour += amount.orders;
            }
        }
        totals
    }
}

fn charts(unit: Unit, totals: &Totals, report: &OrderReport) -> Vec<Chart> {
    let over_time = |value: fn(&(Amount, i64)) -> Value| {
        totals.by_time.iter().map(|(day, amount)| (unit.label(*day), value(amount))).collect()
    };
    let by_service = |value: fn(&Amount) -> Value| {
        let services = report.services.iter();
        services
            .map(|(service, amount)| (service.name.as_str().to_owned(), value(amount)))
            .collect()
    };
    let hours = totals.by_hour.iter().enumerate();
    let hours = hours.map(|(hour, orders)| (format!("{hour:02}"), Value::count(*orders)));
    let orders = |amount: &Amount| Value::count(amount.orders);
    let fees = |amount: &Amount| Value::fees(amount.fees);
    let name = unit.name();
    vec![
        Chart::new(
            format!("Orders by {name}"),
            "From",
            over_time(|(amount, _)| Value::count(amount.orders)),
        ),
        Chart::new(
            format!("Fees by {name}"),
            "From",
            over_time(|(amount, _)| Value::fees(amount.fees)),
        ),
        Chart::new("Busiest hours".to_owned(), "Hour", hours.collect()),
        Chart {
            note: REJECTED,
            ..Chart::new(
                format!("Rejected conflicts by {name}"),
                "From",
                over_time(|(_, number)| Value::count(*number)),
            )
        },
        Chart {
            is_horizontal: true,
            ..Chart::new("Orders by service".to_owned(), "Service", by_service(orders))
        },
        Chart {
            is_horizontal: true,
            ..Chart::new("Fees by service".to_owned(), "Service", by_service(fees))
        },
    ]
}

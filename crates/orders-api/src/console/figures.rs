//! The page of figures: orders and fees over time and by service, the busiest hours, and what the rule
//! refused. Each chart has its numbers in a table.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{Datelike, NaiveDate, Timelike};
use orders_core::Instant;
use orders_db::{Amount, OrderReport};

use super::page::{self, Shell};
use super::zone::{Zone, earlier, later};
use crate::app::App;
use crate::problem::Problem;

/// The most days that are counted at once.
const MOST_DAYS: u64 = 366;
/// How many are counted where nobody says which.
const USUAL_DAYS: u64 = 84;
const QUARTER_MS: i64 = 15 * 60_000;
/// What is counted as refused, and how surely.
const REFUSED: &str = "How often somebody asked for a time too near to another order, by the day on \
                       which they asked, trials included. What was counted in the last seconds \
                       before a crash is missing.";

#[derive(Template)]
#[template(path = "console/figures.html")]
struct FiguresPage {
    shell: Shell,
    from: NaiveDate,
    to: NaiveDate,
    is_cut: bool,
    orders: i64,
    fees: String,
    /// How often the rule refused something in these days.
    refusals: i64,
    charts: Vec<Chart>,
}

/// Bars, one after the other.
struct Chart {
    title: String,
    /// What has to be known of it; empty for nothing.
    note: &'static str,
    /// The value of the longest bar.
    most: String,
    /// What stands before the names of the bars.
    what: &'static str,
    /// Whether the bars lie, for names that are long.
    lies: bool,
    bars: Vec<Bar>,
}

struct Bar {
    name: String,
    value: String,
    /// Whether there is room for its name below it.
    is_named: bool,
    /// Where it starts and how much room it takes, beside and above.
    at: String,
    middle: String,
    room: String,
    top: String,
    length: String,
}

/// `GET /console/figures`
pub(crate) async fn show(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let shell = Shell::new(&request, "figures", "OrderReport");
    let zone = shell.zone;
    let today = zone.date(app.keys().now());
    let (mut from, mut to) = (earlier(today, USUAL_DAYS / 2), later(today, USUAL_DAYS / 2));
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
    let last = later(from, MOST_DAYS - 1);
    let is_cut = to > last;
    to = to.min(last);
    let (start, end) = (zone.start_of(from), zone.start_of(later(to, 1)));
    let figures = app.ask(move |store| store.find_report(start, end)).await?;
    let orders = figures.quarters.iter().map(|(_, amount)| amount.orders).sum();
    let fees = in_units(figures.quarters.iter().map(|(_, amount)| amount.fees).sum());
    let refusals = figures.refusals.iter().map(|(_, number)| number).sum();
    let charts = charts(zone, start, (from, to), &figures);
    let page = FiguresPage { shell, from, to, is_cut, orders, fees, refusals, charts };
    page::show(&request, StatusCode::OK, &page)
}

fn charts(
    zone: Zone,
    start: Instant,
    (from, to): (NaiveDate, NaiveDate),
    figures: &OrderReport,
) -> Vec<Chart> {
    let days = to.signed_duration_since(from).num_days() + 1;
    let (unit, first_of): (&str, fn(NaiveDate) -> NaiveDate) = match days {
        ..=31 => ("day", |day| day),
        32..=190 => ("week", |day| earlier(day, u64::from(day.weekday().num_days_from_monday()))),
        _ => ("month", |day| day.with_day(1).unwrap_or(day)),
    };
    let mut times: BTreeMap<NaiveDate, (Amount, i64)> = BTreeMap::new();
    for day in from.iter_days().take_while(|day| *day <= to) {
        times.entry(first_of(day)).or_default();
    }
    let local = |quarter: i64| {
        let at = Instant::from_millis(start.as_millis() + quarter * QUARTER_MS)?;
        Some(zone.local(at))
    };
    for (quarter, number) in &figures.refusals {
        let Some(local) = local(*quarter) else { continue };
        times.entry(first_of(local.date())).or_default().1 += number;
    }
    let mut hours = [0_i64; 24];
    for (quarter, amount) in &figures.quarters {
        let Some(local) = local(*quarter) else { continue };
        let (sum, _) = times.entry(first_of(local.date())).or_default();
        sum.orders += amount.orders;
        sum.fees += amount.fees;
        let hour = usize::try_from(local.hour()).ok().and_then(|hour| hours.get_mut(hour));
        if let Some(hour) = hour {
            *hour += amount.orders;
        }
    }
    let named = |day: &NaiveDate| match unit {
        "month" => day.format("%b %Y").to_string(),
        _ => day.format("%-d %b").to_string(),
    };
    let over_time = |value: fn(&Amount) -> (i128, String)| {
        times.iter().map(|(day, (amount, _))| (named(day), value(amount))).collect()
    };
    let refused = times.iter().map(|(day, (_, number))| (named(day), count(*number)));
    let by_service = |value: fn(&Amount) -> (i128, String)| {
        let services = figures.services.iter();
        services
            .map(|(service, amount)| (service.name.as_str().to_owned(), value(amount)))
            .collect()
    };
    let hours = hours.iter().enumerate();
    let hours = hours.map(|(hour, orders)| (format!("{hour:02}"), count(*orders)));
    vec![
        Chart::new(format!("Orders by {unit}"), "From", false, over_time(orders_of)),
        Chart::new(format!("Fees by {unit}"), "From", false, over_time(fees_of)),
        Chart::new("Busiest hours".to_owned(), "Hour", false, hours.collect()),
        Chart {
            note: REFUSED,
            ..Chart::new(format!("Conflicts refused by {unit}"), "From", false, refused.collect())
        },
        Chart::new("Orders by service".to_owned(), "Service", true, by_service(orders_of)),
        Chart::new("Fees by service".to_owned(), "Service", true, by_service(fees_of)),
    ]
}

fn orders_of(amount: &Amount) -> (i128, String) {
    count(amount.orders)
}

fn count(number: i64) -> (i128, String) {
    (i128::from(number), number.to_string())
}

fn fees_of(amount: &Amount) -> (i128, String) {
    (amount.fees, in_units(amount.fees))
}

/// Hundredths as a sum of money: `1 234.50`.
fn in_units(hundredths: i128) -> String {
    let units = (hundredths / 100).to_string();
    let mut grouped = String::new();
    for (at, digit) in units.chars().enumerate() {
        if at > 0 && (units.len() - at).is_multiple_of(3) {
            grouped.push('\u{a0}');
        }
        grouped.push(digit);
    }
    format!("{grouped}.{:02}", hundredths % 100)
}

impl Chart {
    fn new(
        title: String,
        what: &'static str,
        lies: bool,
        values: Vec<(String, (i128, String))>,
    ) -> Self {
        let longest = values.iter().map(|(_, value)| value).max_by_key(|(value, _)| *value);
        let (most, named) = longest.cloned().unwrap_or_default();
        let most = most.max(1);
        let number = i128::try_from(values.len()).unwrap_or(1).max(1);
        // As many names as can stand beside each other.
        let step = values.len().div_ceil(8).max(1);
        let bar = |(at, (name, (value, text))): (usize, (String, (i128, String)))| {
            let place = i128::try_from(at).unwrap_or(0);
            let length = value * 9_000 / most;
            Bar {
                name,
                value: text,
                is_named: at % step == 0,
                at: percent(place * 10_000 / number + 1_500 / number),
                middle: percent(place * 10_000 / number + 5_000 / number),
                room: percent(7_000 / number),
                top: percent(10_000 - length),
                length: percent(length),
            }
        };
        Self {
            title,
            note: "",
            most: named,
            what,
            lies,
            bars: values.into_iter().enumerate().map(bar).collect(),
        }
    }
}

/// So many hundredths of a percent, as an attribute of a drawing.
fn percent(parts: i128) -> String {
    format!("{}.{:02}%", parts / 100, parts % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_written_for_people() {
        for (hundredths, text) in [
            (0, "0.00"),
            (5, "0.05"),
            (99_999, "999.99"),
            (123_450, "1\u{a0}234.50"),
            (9_999_999_999_999_900, "99\u{a0}999\u{a0}999\u{a0}999\u{a0}999.00"),
        ] {
            assert_eq!(in_units(hundredths), text);
        }
    }
}

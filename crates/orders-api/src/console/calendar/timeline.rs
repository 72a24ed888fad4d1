//! Four weeks: a row for each service, a stroke for each order.

use std::collections::BTreeMap;

use orders_core::ServiceId;

use super::address::View;
use super::{CalendarModel, days, ticks};

/// The largest number of rows.
const ROWS: usize = 40;
/// A unit of the drawing, in milliseconds.
const UNIT: i64 = 5 * 60_000;

pub(super) struct Timeline {
    /// The width of the drawing.
    pub(super) width: i64,
    pub(super) days: Vec<Day>,
    pub(super) rows: Vec<Row>,
    pub(super) now: Option<i64>,
    /// The number of services without a row.
    pub(super) left_out: usize,
}

pub(super) struct Day {
    pub(super) x: i64,
    pub(super) number: String,
    pub(super) label: String,
    pub(super) href: String,
    pub(super) count: usize,
    pub(super) is_today: bool,
    pub(super) is_monday: bool,
}

pub(super) struct Row {
    pub(super) name: String,
    pub(super) colour: usize,
    pub(super) count: usize,
    pub(super) ticks: String,
    pub(super) blocked: String,
}

pub(super) fn draw(model: &CalendarModel<'_>) -> Timeline {
    let (first, last) = model.address.days();
    let (start, end) =
        (model.zone.start_of(first).as_millis(), model.zone.start_of(last).as_millis());
    let mut rows: BTreeMap<ServiceId, Vec<i64>> = BTreeMap::new();
    for order in &model.orders {
        let at = (order.datetime.as_millis() - start) / UNIT;
        for service in order.services.iter() {
            if model.address.services.is_empty() || model.address.services.contains(&service) {
                rows.entry(service).or_default().push(at);
            }
        }
    }
    let left_out = rows.len().saturating_sub(ROWS);
    let row = |(service, mut at): (ServiceId, Vec<i64>)| {
        let count = at.len();
        at.dedup();
        let (colour, name) = match model.services.get(&service) {
            Some((colour, name)) => (*colour, (*name).to_owned()),
            None => (0, format!("Service {service}")),
        };
        let ticks = ticks(&at, 9);
        let path = |(from, to)| format!("M{} 0H{}V9H{}z", from / UNIT, to / UNIT, from / UNIT);
        let blocked: Vec<String> =
            model.blocked_for(service).within(start, end).map(path).collect();
        let blocked = blocked.concat();
        Row { name, colour, count, ticks, blocked }
    };
    let today = model.zone.date(model.now);
    let now = (model.now.as_millis() - start) / UNIT;
    Timeline {
        width: (end - start) / UNIT,
        days: days((first, last))
            .map(|date| {
                let (from, to) = model.interval(date);
                Day {
                    x: (from - start) / UNIT,
                    number: date.format("%-d").to_string(),
                    label: date.format("%A %-d %B %Y").to_string(),
                    href: model.address.write(View::Day, date),
                    count: model.orders_within(from, to).len(),
                    is_today: date == today,
                    is_monday: date.format("%u").to_string() == "1",
                }
            })
            .collect(),
        rows: rows.into_iter().take(ROWS).map(row).collect(),
        now: (0..(end - start) / UNIT).contains(&now).then_some(now),
        left_out,
    }
}

//! Four weeks at a glance: a row for each service, a stroke for each order.

use std::collections::BTreeMap;

use orders_core::ServiceId;

use super::address::View;
use super::{Scene, days, ticks};

/// How many rows there are at most.
const ROWS: usize = 40;
/// How much time a unit of the drawing stands for, in milliseconds.
const UNIT: i64 = 5 * 60_000;

pub(super) struct Timeline {
    /// How wide the drawing is.
    pub(super) width: i64,
    pub(super) days: Vec<Day>,
    pub(super) blocked: String,
    pub(super) rows: Vec<Row>,
    pub(super) now: Option<i64>,
    /// How many services have no row.
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
}

pub(super) fn draw(scene: &Scene<'_>) -> Timeline {
    let (first, last) = scene.address.days();
    let (start, end) =
        (scene.zone.start_of(first).as_millis(), scene.zone.start_of(last).as_millis());
    let mut rows: BTreeMap<ServiceId, Vec<i64>> = BTreeMap::new();
    for order in &scene.orders {
        let at = (order.datetime.as_millis() - start) / UNIT;
        for service in order.services.iter() {
            if scene.address.services.is_empty() || scene.address.services.contains(&service) {
                rows.entry(service).or_default().push(at);
            }
        }
    }
    let left_out = rows.len().saturating_sub(ROWS);
    let row = |(service, mut at): (ServiceId, Vec<i64>)| {
        let count = at.len();
        at.dedup();
        let (colour, name) = match scene.services.get(&service) {
            Some((colour, name)) => (*colour, (*name).to_owned()),
            None => (0, format!("Service {service}")),
        };
        let ticks = ticks(&at, 9);
        Row { name, colour, count, ticks }
    };
    let blocked = scene
        .blocked
        .within(start, end)
        .map(|(from, to)| format!("M{} 0H{}V9H{}z", from / UNIT, to / UNIT, from / UNIT));
    let today = scene.zone.date(scene.now);
    let now = (scene.now.as_millis() - start) / UNIT;
    Timeline {
        width: (end - start) / UNIT,
        days: days((first, last))
            .map(|date| {
                let (from, to) = scene.stretch(date);
                Day {
                    x: (from - start) / UNIT,
                    number: date.format("%-d").to_string(),
                    label: date.format("%A %-d %B %Y").to_string(),
                    href: scene.address.write(View::Day, date),
                    count: scene.orders_within(from, to).len(),
                    is_today: date == today,
                    is_monday: date.format("%u").to_string() == "1",
                }
            })
            .collect(),
        blocked: blocked.collect(),
        rows: rows.into_iter().take(ROWS).map(row).collect(),
        now: (0..(end - start) / UNIT).contains(&now).then_some(now),
        left_out,
    }
}

//! A month: for each day its first orders, the number of others, and a strip of its free times.

use chrono::{Datelike, NaiveDate};
use orders_db::CalendarOrder;

use super::address::View;
use super::{CalendarModel, days, ticks};

/// The number of orders shown of a day.
const SHOWN: usize = 4;
/// A unit of the strip of a day: a minute, in milliseconds.
const MINUTE: i64 = 60_000;

pub(super) struct Week {
    pub(super) days: Vec<Day>,
}

pub(super) struct Day {
    pub(super) number: u32,
    pub(super) label: String,
    pub(super) href: String,
    /// The address of a new order on this day. Empty without the permission.
    pub(super) new: String,
    pub(super) is_outside: bool,
    pub(super) is_today: bool,
    /// Its first millisecond, and the first of the next day.
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) chips: Vec<Chip>,
    pub(super) more: usize,
    pub(super) minutes: i64,
    /// Blocked intervals and orders as SVG paths.
    pub(super) blocked: String,
    pub(super) ticks: String,
}

pub(super) struct Chip {
    pub(super) id: String,
    pub(super) at: i64,
    pub(super) version: u64,
    pub(super) colour: usize,
    pub(super) clock: String,
    pub(super) utc: String,
    pub(super) name: String,
}

pub(super) fn draw(model: &CalendarModel<'_>) -> Vec<Week> {
    let all: Vec<NaiveDate> = days(model.address.days()).collect();
    let week =
        |dates: &[NaiveDate]| Week { days: dates.iter().map(|at| day(model, *at)).collect() };
    all.chunks(7).map(week).collect()
}

fn day(model: &CalendarModel<'_>, date: NaiveDate) -> Day {
    let (start, end) = model.interval(date);
    let orders = model.orders_within(start, end);
    let blocked = model.blocked.within(start, end).map(|(from, to)| {
        let (from, to) = (from / MINUTE, to / MINUTE);
        format!("M{from} 0H{to}V6H{from}z")
    });
    // Orders of one minute are one tick.
    let mut minutes: Vec<i64> =
        orders.iter().map(|order| (order.datetime.as_millis() - start) / MINUTE).collect();
    minutes.dedup();
    let shown = if orders.len() > SHOWN + 1 { SHOWN } else { orders.len() };
    Day {
        number: date.day(),
        label: date.format("%A %-d %B %Y").to_string(),
        href: model.address.write(View::Day, date),
        new: if model.may_write {
            format!("/console/new-order?date={date}")
        } else {
            String::new()
        },
        is_outside: date.month() != model.address.date.month(),
        is_today: date == model.zone.date(model.now),
        start,
        end,
        more: orders.len() - shown,
        chips: orders.iter().take(shown).map(|order| chip(model, order)).collect(),
        minutes: (end - start) / MINUTE,
        blocked: blocked.collect(),
        ticks: ticks(&minutes, 6),
    }
}

fn chip(model: &CalendarModel<'_>, order: &CalendarOrder) -> Chip {
    let (colour, name) = model.look(order);
    Chip {
        id: order.id.to_string(),
        at: order.datetime.as_millis(),
        version: order.version,
        colour,
        clock: model.zone.clock(order.datetime),
        utc: order.datetime.to_string(),
        name,
    }
}

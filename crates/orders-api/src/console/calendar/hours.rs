//! Days by the hour: each order at its time, and the blocked intervals.

use chrono::NaiveDate;
use orders_core::Timestamp;
use orders_db::CalendarOrder;

use super::address::View;
use super::{CalendarModel, days, percent};

/// Orders that are closer than this are drawn side by side, in milliseconds.
const BESIDE: i64 = 40 * 60_000;
/// The number of columns for orders in a week and in a day. If there are more orders, the last column
/// counts them.
const COLUMNS: [usize; 2] = [3, 12];

pub(super) struct Day {
    pub(super) weekday: String,
    pub(super) number: String,
    pub(super) label: String,
    pub(super) href: String,
    pub(super) is_today: bool,
    /// Its first millisecond, and the first of the next day.
    pub(super) start: i64,
    pub(super) end: i64,
    /// The places and heights of the blocked intervals.
    pub(super) blocked: Vec<(String, String)>,
    pub(super) blocks: Vec<Block>,
    pub(super) more: Vec<More>,
    /// The place of the current time, today.
    pub(super) now: Option<String>,
    pub(super) hours: Vec<(String, String)>,
}

/// An order.
pub(super) struct Block {
    pub(super) id: String,
    pub(super) at: i64,
    pub(super) version: u64,
    pub(super) colour: usize,
    pub(super) x: String,
    pub(super) width: String,
    pub(super) y: String,
    pub(super) clock: String,
    pub(super) utc: String,
    pub(super) name: String,
    pub(super) fee: String,
}

/// Orders that do not fit.
pub(super) struct More {
    pub(super) count: usize,
    pub(super) href: String,
    pub(super) x: String,
    pub(super) width: String,
    pub(super) y: String,
}

pub(super) fn draw(model: &CalendarModel<'_>) -> Vec<Day> {
    days(model.address.days()).map(|date| day(model, date)).collect()
}

fn day(model: &CalendarModel<'_>, date: NaiveDate) -> Day {
    let (start, end) = model.interval(date);
    let length = end - start;
    let (blocks, more) = place_orders(model, date);
    let blocked = model.blocked.within(start, end);
    let now = model.now.as_millis() - start;
    let hours = (1..24).filter_map(|hour| {
        let at = model.zone.instant(date.and_hms_opt(hour, 0, 0)?)?;
        Some((format!("{hour:02}"), percent(at.as_millis() - start, length)))
    });
    Day {
        weekday: date.format("%a").to_string(),
        number: date.format("%-d").to_string(),
        label: date.format("%A %-d %B %Y").to_string(),
        href: model.address.write(View::Day, date),
        is_today: date == model.zone.date(model.now),
        start,
        end,
        blocked: blocked
            .map(|(from, to)| (percent(from, length), percent(to - from, length)))
            .collect(),
        blocks,
        more,
        now: (0..length).contains(&now).then(|| percent(now, length)),
        hours: hours.collect(),
    }
}

/// Places the orders of a day in columns. Also returns counts of those that do not fit.
fn place_orders(model: &CalendarModel<'_>, date: NaiveDate) -> (Vec<Block>, Vec<More>) {
    let (start, end) = model.interval(date);
    let [of_week, of_day] = COLUMNS;
    let room = if model.address.view == View::Day { of_day } else { of_week };
    let (mut blocks, mut more) = (Vec::new(), Vec::new());
    for cluster in clusters(model.orders_within(start, end)) {
        let columns = cluster.len().min(room);
        let shown = if cluster.len() > room { room - 1 } else { cluster.len() };
        let column = |at: usize| {
            let (at, columns) =
                (i64::try_from(at).unwrap_or(0), i64::try_from(columns).unwrap_or(1));
            (percent(at, columns), percent(1, columns))
        };
        let y = |order: &CalendarOrder| percent(order.datetime.as_millis() - start, end - start);
        for (at, order) in cluster.iter().take(shown).enumerate() {
            blocks.push(block(model, order, column(at), y(order)));
        }
        if let Some(first) = cluster.get(shown) {
            let (x, width) = column(shown);
            let last = cluster.last().unwrap_or(first);
            let href = more_href(model, date, first, last);
            more.push(More { count: cluster.len() - shown, href, x, width, y: y(first) });
        }
    }
    (blocks, more)
}

fn block(
    model: &CalendarModel<'_>,
    order: &CalendarOrder,
    (x, width): (String, String),
    y: String,
) -> Block {
    let (colour, name) = model.look(order);
    Block {
        id: order.id.to_string(),
        at: order.datetime.as_millis(),
        version: order.version,
        colour,
        x,
        width,
        y,
        clock: model.zone.clock(order.datetime),
        utc: order.datetime.to_string(),
        name,
        fee: order.total_fee.to_string(),
    }
}

/// Where the orders are that do not fit: the list of orders in a day, the day in a week.
fn more_href(
    model: &CalendarModel<'_>,
    date: NaiveDate,
    first: &CalendarOrder,
    last: &CalendarOrder,
) -> String {
    if model.address.view != View::Day {
        return model.address.write(View::Day, date);
    }
    // The end is exclusive, and the last order belongs to the list.
    let end = last.datetime.as_millis().saturating_add(1);
    let end = Timestamp::from_millis(end).unwrap_or(last.datetime);
    format!("/console/orders?from={}&to={end}", first.datetime)
}

/// Groups orders that would cover each other.
fn clusters<'a>(orders: &[&'a CalendarOrder]) -> Vec<Vec<&'a CalendarOrder>> {
    let mut clusters: Vec<Vec<&CalendarOrder>> = Vec::new();
    for order in orders {
        let near = clusters.last_mut().filter(|cluster| {
            cluster
                .first()
                .is_some_and(|first| order.datetime.millis_since(first.datetime) < BESIDE)
        });
        match near {
            Some(cluster) => cluster.push(order),
            None => clusters.push(vec![order]),
        }
    }
    clusters
}

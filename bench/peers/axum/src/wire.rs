//! Requests and responses: the members of the API.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::database::{Failure, WINDOW_MS};

/// A stored order.
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) datetime_ms: i64,
    /// In hundredths.
    pub(crate) total_fee: i64,
    pub(crate) services: Vec<i64>,
    pub(crate) version: i64,
    pub(crate) created_at_ms: i64,
    pub(crate) updated_at_ms: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderBody {
    id: Option<String>,
    datetime: String,
    totalfee: Number,
    services: Vec<ServiceRef>,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct ServiceRef {
    id: String,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct ServiceBody {
    pub(crate) id: i64,
    pub(crate) name: String,
}

#[derive(Serialize)]
pub(crate) struct OrderAnswer<'a> {
    id: &'a str,
    datetime: String,
    totalfee: Number,
    services: Vec<ServiceRef>,
    version: i64,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize)]
pub(crate) struct Page<'a> {
    data: Vec<OrderAnswer<'a>>,
    next_cursor: Option<String>,
}

/// A rejection by the rule.
#[derive(Serialize)]
pub(crate) struct ConflictProblem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    instance: &'static str,
    conflicts: [Conflict<'a>; 1],
}

#[derive(Serialize)]
struct Conflict<'a> {
    order_id: &'a str,
    datetime: String,
    gap_ms: i64,
}

impl OrderBody {
    /// The order to store, with the id of the path, if there is one.
    pub(crate) fn into_order(self, id: Option<String>, now_ms: i64) -> Result<Order, Failure> {
        let datetime = DateTime::parse_from_rfc3339(&self.datetime)
            .map_err(|error| Failure::Invalid(format!("datetime: {error}")))?;
        let services = self.services.iter().map(|service| service.id.parse());
        let services = services
            .collect::<Result<Vec<i64>, _>>()
            .map_err(|error| Failure::Invalid(format!("services: {error}")))?;
        if services.is_empty() {
            return Err(Failure::Invalid("services: none".to_owned()));
        }
        Ok(Order {
            id: id.or(self.id).unwrap_or_else(|| uuid::Uuid::now_v7().to_string()),
            datetime_ms: datetime.timestamp_millis(),
            total_fee: hundredths(&self.totalfee)?,
            services,
            version: 1,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
        })
    }
}

impl<'a> OrderAnswer<'a> {
    pub(crate) fn of(order: &'a Order) -> Self {
        Self {
            id: &order.id,
            datetime: instant(order.datetime_ms),
            totalfee: fee(order.total_fee),
            services: order.services.iter().map(|id| ServiceRef { id: id.to_string() }).collect(),
            version: order.version,
            created_at: instant(order.created_at_ms),
            updated_at: instant(order.updated_at_ms),
        }
    }
}

impl<'a> Page<'a> {
    pub(crate) fn of(orders: &'a [Order]) -> Self {
        let last = orders.last().map(|order| format!("{}_{}", order.datetime_ms, order.id));
        Self { data: orders.iter().map(OrderAnswer::of).collect(), next_cursor: last }
    }
}

impl<'a> ConflictProblem<'a> {
    pub(crate) fn of(order_id: &'a str, start_ms: i64, asked_ms: i64) -> Self {
        let gap_ms = start_ms - asked_ms;
        let hours = WINDOW_MS / 3_600_000;
        Self {
            r#type: "/problems/order-conflict",
            title: "Too close to another order",
            status: 409,
            detail: format!("Order {order_id} is too close; orders are {hours} hours apart."),
            instance: "/orders",
            conflicts: [Conflict { order_id, datetime: instant(start_ms), gap_ms }],
        }
    }
}

fn instant(ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(ms)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Parses a number with at most two decimals into hundredths.
fn hundredths(fee: &Number) -> Result<i64, Failure> {
    let text = fee.to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    if decimals.len() > 2 {
        return Err(Failure::Invalid(format!("totalfee: {text} has more than two decimals")));
    }
    let fee: i64 = format!("{whole}{decimals:0<2}")
        .parse()
        .map_err(|error| Failure::Invalid(format!("totalfee: {error}")))?;
    if fee < 0 {
        return Err(Failure::Invalid(format!("totalfee: {text} is negative")));
    }
    Ok(fee)
}

fn fee(hundredths: i64) -> Number {
    if hundredths % 100 == 0 {
        return Number::from(hundredths / 100);
    }
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    serde_json::from_str(&text).unwrap_or_else(|_| Number::from(0))
}

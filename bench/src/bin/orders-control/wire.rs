//! Requests and responses of the control: the members of the API, without its validation.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::rows::OrderRow;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderBody {
    pub(crate) id: Option<String>,
    pub(crate) datetime: String,
    pub(crate) totalfee: Number,
    pub(crate) services: Vec<ServiceRef>,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct ServiceRef {
    pub(crate) id: String,
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

/// A conflicting order.
#[derive(Serialize)]
pub(crate) struct Conflict {
    order_id: String,
    datetime: String,
    gap_ms: i64,
}

/// A rejection by the rule. The service also suggests free times.
#[derive(Serialize)]
pub(crate) struct ConflictProblem {
    pub(crate) r#type: &'static str,
    pub(crate) title: &'static str,
    pub(crate) status: u16,
    pub(crate) detail: String,
    pub(crate) instance: &'static str,
    pub(crate) conflict_count: usize,
    pub(crate) conflicts: Vec<Conflict>,
}

impl OrderBody {
    /// The order to store, or the error in the body.
    pub(crate) fn into_row(self, now_ms: i64) -> Result<(OrderRow, Vec<i64>), String> {
        let datetime = DateTime::parse_from_rfc3339(&self.datetime)
            .map_err(|error| format!("datetime: {error}"))?;
        let services = self
            .services
            .iter()
            .map(|service| service.id.parse())
            .collect::<Result<Vec<i64>, _>>()
            .map_err(|error| format!("services: {error}"))?;
        let row = OrderRow {
            id: self.id.unwrap_or_else(|| uuid::Uuid::now_v7().to_string()),
            datetime_ms: datetime.timestamp_millis(),
            total_fee: hundredths(&self.totalfee)?,
            services: serde_json::to_string(&services).map_err(|error| error.to_string())?,
            version: 1,
            // The database assigns the number in the transaction.
            grp: 0,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
        };
        Ok((row, services))
    }
}

impl<'a> OrderAnswer<'a> {
    pub(crate) fn of(row: &'a OrderRow) -> Result<Self, String> {
        let services: Vec<i64> =
            serde_json::from_str(&row.services).map_err(|error| error.to_string())?;
        Ok(Self {
            id: &row.id,
            datetime: instant(row.datetime_ms),
            totalfee: fee(row.total_fee)?,
            services: services.iter().map(|id| ServiceRef { id: id.to_string() }).collect(),
            version: row.version,
            created_at: instant(row.created_at_ms),
            updated_at: instant(row.updated_at_ms),
        })
    }
}

impl Conflict {
    pub(crate) fn new(order_id: String, start_ms: i64, asked_ms: i64) -> Self {
        Self { order_id, datetime: instant(start_ms), gap_ms: start_ms - asked_ms }
    }
}

fn instant(ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(ms)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Parses a number with at most two decimals into hundredths.
fn hundredths(fee: &Number) -> Result<i64, String> {
    let text = fee.to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    if decimals.len() > 2 {
        return Err(format!("totalfee: {text} has more than two decimals"));
    }
    format!("{whole}{decimals:0<2}").parse().map_err(|error| format!("totalfee: {error}"))
}

fn fee(hundredths: i64) -> Result<Number, String> {
    if hundredths % 100 == 0 {
        return Ok(Number::from(hundredths / 100));
    }
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

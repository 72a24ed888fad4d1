//! Converts rows of the database into the types of the domain.

use std::num::NonZeroU64;

use diesel::prelude::*;
use orders_core::order::Group;
use orders_core::policy::{CalendarId, Interval};
use orders_core::{
    Fee, Order, OrderContent, OrderId, Period, Policy, Scope, ServiceId, Services, Timestamp,
};

use crate::StoreError;
use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::database::schema::{idempotency_keys, orders, policy};

/// A row of `orders`. The schema's checks guard its values, so reading one fails only where another
/// program wrote to the table.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = orders)]
pub(crate) struct OrderRow {
    pub(crate) id: String,
    pub(crate) datetime_ms: i64,
    pub(crate) total_fee: i64,
    pub(crate) services: String,
    pub(crate) version: i64,
    pub(crate) grp: i64,
    pub(crate) created_at_ms: i64,
    pub(crate) updated_at_ms: i64,
}

impl OrderRow {
    pub(crate) fn into_order(self) -> Result<Order, StoreError> {
        let corrupt = |what: &str| StoreError::Corrupt(format!("order {}: {what}", self.id));
        Ok(Order {
            content: OrderContent {
                datetime: timestamp(self.datetime_ms)?,
                total_fee: Fee::from_hundredths(self.total_fee).ok_or_else(|| corrupt("fee"))?,
                services: read_services(&self.services)?,
            },
            version: u64::try_from(self.version).ok().ok_or_else(|| corrupt("version"))?,
            group: group(self.grp)?,
            created_at: timestamp(self.created_at_ms)?,
            updated_at: timestamp(self.updated_at_ms)?,
            id: order_id(&self.id)?,
        })
    }
}

/// A response as it was sent: the parts that a client relies on.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = idempotency_keys)]
pub struct StoredResponse {
    /// The HTTP status, 200 to 299.
    pub status: i16,
    /// The header `Location`.
    pub location: Option<String>,
    /// The header `ETag`.
    pub etag: Option<String>,
    /// The body; empty if there was none, or if it contained a secret.
    pub body: Vec<u8>,
}

impl StoredResponse {
    /// Whether the body is missing because it contained a secret: it is empty, and the status is not
    /// 204.
    #[must_use]
    pub fn omits_a_secret(&self) -> bool {
        self.status != 204 && self.body.is_empty()
    }
}

/// Finds the policy.
pub(crate) fn find_policy(connection: &mut AnyConnection) -> Result<Policy, DbError> {
    let (window_ms, scope, edit_lock_ms) = policy::table
        .select((policy::window_ms, policy::scope, policy::edit_lock_ms))
        .get_result::<(i64, String, Option<i64>)>(connection)
        .map_err(|error| DbError::from_diesel(&error))?;
    Ok(read_policy(window_ms, &scope, edit_lock_ms)?)
}

/// Converts the columns of `policy`.
pub(crate) fn read_policy(
    window_ms: i64,
    scope: &str,
    edit_lock_ms: Option<i64>,
) -> Result<Policy, StoreError> {
    let corrupt = || StoreError::Corrupt("policy".to_owned());
    let period = |millis| Period::from_millis(millis).ok_or_else(corrupt);
    Ok(Policy {
        window: period(window_ms)?,
        scope: Scope::parse(scope).ok().ok_or_else(corrupt)?,
        edit_lock: edit_lock_ms.map(period).transpose()?,
    })
}

pub(crate) fn order_id(text: &str) -> Result<OrderId, StoreError> {
    OrderId::parse(text).map_err(|error| StoreError::Corrupt(format!("order {text:?}: {error}")))
}

pub(crate) fn service_id(number: i64) -> Result<ServiceId, StoreError> {
    ServiceId::new(number).ok_or_else(|| StoreError::Corrupt(format!("service {number}")))
}

pub(crate) fn timestamp(millis: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millis(millis).ok_or_else(|| StoreError::Corrupt(format!("time {millis}")))
}

pub(crate) fn interval(start_ms: i64, end_ms: i64) -> Result<Interval, StoreError> {
    let interval = Interval::new(timestamp(start_ms)?, end_ms);
    interval.ok_or_else(|| StoreError::Corrupt(format!("interval {start_ms} to {end_ms}")))
}

pub(crate) fn group(number: i64) -> Result<Group, StoreError> {
    let number = u64::try_from(number).ok().and_then(NonZeroU64::new);
    number.map(Group).ok_or_else(|| StoreError::Corrupt("group".to_owned()))
}

/// Returns the column `scope` of a calendar: 0 for the global one, else the service's number.
pub(crate) fn scope_column(calendar: CalendarId) -> i64 {
    match calendar {
        CalendarId::Global => 0,
        CalendarId::Service(id) => id.get(),
    }
}

/// Returns the calendar of a column `scope`, if there is one.
pub(crate) fn calendar(scope: i64) -> Option<CalendarId> {
    match scope {
        0 => Some(CalendarId::Global),
        id => ServiceId::new(id).map(CalendarId::Service),
    }
}

/// A sequence or version as a `BIGINT`. They rise one by one, so they never reach the limit.
pub(crate) fn bigint(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The services as a JSON array of numbers.
pub(crate) fn write_services(services: &Services) -> String {
    let numbers: Vec<String> = services.iter().map(|id| id.to_string()).collect();
    format!("[{}]", numbers.join(","))
}

pub(crate) fn read_services(json: &str) -> Result<Services, StoreError> {
    let corrupt = || StoreError::Corrupt(format!("services {json:?}"));
    let inner =
        json.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or_else(corrupt)?;
    let ids: Option<Vec<ServiceId>> =
        inner.split(',').map(|number| ServiceId::parse(number.trim()).ok()).collect();
    Services::new(ids.ok_or_else(corrupt)?).ok().ok_or_else(corrupt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_written_are_read_again_in_their_order() {
        let ids = [789, 123, 456].map(|number| ServiceId::new(number).unwrap());
        let services = Services::new(ids.to_vec()).unwrap();
        assert_eq!(write_services(&services), "[789,123,456]");
        assert_eq!(read_services("[789,123,456]"), Ok(services.clone()));
        assert_eq!(read_services("[789, 123, 456]"), Ok(services));
        for odd in ["", "[]", "[1,1]", "[0]", "1,2", "[1,]"] {
            assert!(matches!(read_services(odd), Err(StoreError::Corrupt(_))), "{odd}");
        }
    }
}

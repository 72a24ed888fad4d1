//! The control's tables and rows, the same on both databases.

use diesel::prelude::{Insertable, Queryable, Selectable};

/// The minimum gap of the default policy.
pub(crate) const WINDOW_MS: i64 = 3 * 60 * 60 * 1000;

/// The scope of the calendar that all orders share.
pub(crate) const GLOBAL: i64 = 0;

diesel::table! {
    counters (id) {
        id -> Integer,
        last_sequence -> BigInt,
    }
}

diesel::table! {
    services (id) {
        id -> BigInt,
        name -> Text,
        name_key -> Text,
    }
}

diesel::table! {
    orders (id) {
        id -> Text,
        datetime_ms -> BigInt,
        total_fee -> BigInt,
        services -> Text,
        version -> BigInt,
        grp -> BigInt,
        created_at_ms -> BigInt,
        updated_at_ms -> BigInt,
    }
}

diesel::table! {
    order_services (service_id, datetime_ms, order_id) {
        service_id -> BigInt,
        datetime_ms -> BigInt,
        order_id -> Text,
        created_at_ms -> BigInt,
    }
}

diesel::table! {
    order_slots (scope, start_ms, order_id) {
        scope -> BigInt,
        start_ms -> BigInt,
        end_ms -> BigInt,
        grp -> BigInt,
        order_id -> Text,
    }
}

diesel::table! {
    events (sequence) {
        sequence -> BigInt,
        order_id -> Text,
        version -> BigInt,
        kind -> Text,
        time_ms -> BigInt,
        actor -> Text,
        datetime_ms -> BigInt,
        total_fee -> BigInt,
        services -> Text,
        grp -> BigInt,
        created_at_ms -> BigInt,
    }
}

/// A stored order.
#[derive(Insertable, Queryable, Selectable)]
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

#[derive(Insertable)]
#[diesel(table_name = services)]
pub(crate) struct ServiceRow {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) name_key: String,
}

#[derive(Insertable)]
#[diesel(table_name = order_services)]
pub(crate) struct OrderServiceRow<'a> {
    pub(crate) service_id: i64,
    pub(crate) datetime_ms: i64,
    pub(crate) order_id: &'a str,
    pub(crate) created_at_ms: i64,
}

#[derive(Insertable)]
#[diesel(table_name = order_slots)]
pub(crate) struct SlotRow<'a> {
    pub(crate) scope: i64,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) grp: i64,
    pub(crate) order_id: &'a str,
}

#[derive(Insertable)]
#[diesel(table_name = events)]
pub(crate) struct EventRow<'a> {
    pub(crate) sequence: i64,
    pub(crate) order_id: &'a str,
    pub(crate) version: i64,
    pub(crate) kind: &'a str,
    pub(crate) time_ms: i64,
    pub(crate) actor: &'a str,
    pub(crate) datetime_ms: i64,
    pub(crate) total_fee: i64,
    pub(crate) services: &'a str,
    pub(crate) grp: i64,
    pub(crate) created_at_ms: i64,
}

impl OrderRow {
    /// The order's slot in the calendar of all orders.
    pub(crate) fn slot(&self) -> SlotRow<'_> {
        SlotRow {
            scope: GLOBAL,
            start_ms: self.datetime_ms,
            end_ms: self.datetime_ms + WINDOW_MS,
            grp: self.grp,
            order_id: &self.id,
        }
    }

    /// The order's `created` event. It has the number of the order, as the group has.
    pub(crate) fn created(&self) -> EventRow<'_> {
        EventRow {
            sequence: self.grp,
            order_id: &self.id,
            version: self.version,
            kind: "created",
            time_ms: self.created_at_ms,
            actor: "anonymous",
            datetime_ms: self.datetime_ms,
            total_fee: self.total_fee,
            services: &self.services,
            grp: self.grp,
            created_at_ms: self.created_at_ms,
        }
    }
}

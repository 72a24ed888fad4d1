//! The tables that the writer writes, each with its one column list: every statement that writes a
//! table, and every hand-built statement that reads whole orders, is built from it.

use orders_core::decide::{Fingerprint, IdempotentRequest, OwnKey};
use orders_core::{Event, Order, OrderId, Timestamp};

use crate::database::rows::{StoredResponse, bigint, write_services};

use Get::{Bytes, Number, OptionalText, SmallNumber, Text};

/// Reads the value of a column from the source of a row.
pub(crate) enum Get<R> {
    Number(fn(&R) -> i64),
    SmallNumber(fn(&R) -> i16),
    Text(fn(&R) -> String),
    OptionalText(fn(&R) -> Option<String>),
    Bytes(fn(&R) -> Vec<u8>),
}

/// A table whose rows are created from `R`.
pub(crate) struct Table<R: 'static> {
    pub(crate) name: &'static str,
    /// The columns of the primary key.
    pub(crate) key: &'static [&'static str],
    pub(crate) columns: &'static [(&'static str, Get<R>)],
}

/// A row of `order_slots`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SlotRow {
    pub(crate) scope: i64,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) grp: i64,
    pub(crate) order_id: OrderId,
}

/// A row of `order_services`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceUseRow {
    pub(crate) service_id: i64,
    pub(crate) datetime_ms: i64,
    pub(crate) order_id: OrderId,
    pub(crate) created_at_ms: i64,
}

/// A row of `idempotency_keys`: a response to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewResponse {
    pub(crate) key: OwnKey,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) response: StoredResponse,
    pub(crate) expires: Timestamp,
}

impl NewResponse {
    pub(crate) fn new(retry: &IdempotentRequest, response: StoredResponse, now: Timestamp) -> Self {
        Self {
            key: retry.key.clone(),
            fingerprint: retry.fingerprint.clone(),
            response,
            expires: now.saturating_add(IdempotentRequest::KEPT_FOR),
        }
    }
}

pub(crate) static ORDERS: Table<Order> = Table {
    name: "orders",
    key: &["id"],
    columns: &[
        ("id", Text(|order| order.id.to_string())),
        ("datetime_ms", Number(|order| order.content.datetime.as_millis())),
        ("total_fee", Number(|order| order.content.total_fee.as_hundredths())),
        ("services", Text(|order| write_services(&order.content.services))),
        ("version", Number(|order| bigint(order.version))),
        ("grp", Number(|order| bigint(order.group.0.get()))),
        ("created_at_ms", Number(|order| order.created_at.as_millis())),
        ("updated_at_ms", Number(|order| order.updated_at.as_millis())),
    ],
};

pub(crate) static ORDER_SERVICES: Table<ServiceUseRow> = Table {
    name: "order_services",
    key: &["service_id", "datetime_ms", "order_id"],
    columns: &[
        ("service_id", Number(|row| row.service_id)),
        ("datetime_ms", Number(|row| row.datetime_ms)),
        ("order_id", Text(|row| row.order_id.to_string())),
        ("created_at_ms", Number(|row| row.created_at_ms)),
    ],
};

pub(crate) static ORDER_SLOTS: Table<SlotRow> = Table {
    name: "order_slots",
    key: &["scope", "start_ms", "order_id"],
    columns: &[
        ("scope", Number(|row| row.scope)),
        ("start_ms", Number(|row| row.start_ms)),
        ("end_ms", Number(|row| row.end_ms)),
        ("grp", Number(|row| row.grp)),
        ("order_id", Text(|row| row.order_id.to_string())),
    ],
};

pub(crate) static EVENTS: Table<Event> = Table {
    name: "events",
    key: &["sequence"],
    columns: &[
        ("sequence", Number(|event| bigint(event.sequence))),
        ("order_id", Text(|event| event.order.id.to_string())),
        ("version", Number(|event| bigint(event.order.version))),
        ("kind", Text(|event| event.kind.to_string())),
        ("time_ms", Number(|event| event.time.as_millis())),
        ("actor", Text(|event| event.actor.as_str().to_owned())),
        ("datetime_ms", Number(|event| event.order.content.datetime.as_millis())),
        ("total_fee", Number(|event| event.order.content.total_fee.as_hundredths())),
        ("services", Text(|event| write_services(&event.order.content.services))),
        ("grp", Number(|event| bigint(event.order.group.0.get()))),
        ("created_at_ms", Number(|event| event.order.created_at.as_millis())),
    ],
};

pub(crate) static IDEMPOTENCY_KEYS: Table<NewResponse> = Table {
    name: "idempotency_keys",
    key: &["caller", "key"],
    columns: &[
        ("caller", Text(|new| new.key.caller.as_str().to_owned())),
        ("key", Text(|new| new.key.key.to_string())),
        ("fingerprint", Text(|new| new.fingerprint.as_str().to_owned())),
        ("status", SmallNumber(|new| new.response.status)),
        ("location", OptionalText(|new| new.response.location.clone())),
        ("etag", OptionalText(|new| new.response.etag.clone())),
        ("body", Bytes(|new| new.response.body.clone())),
        ("expires_ms", Number(|new| new.expires.as_millis())),
    ],
};

impl<R> Table<R> {
    /// The names of all columns.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + use<R> {
        self.columns.iter().map(|(name, _)| *name)
    }

    /// The names of the columns that hold text, then of those that hold numbers.
    pub(crate) fn names_by_type(&self) -> impl Iterator<Item = &'static str> + use<R> {
        let columns = self.columns;
        let texts = columns.iter().filter(|(_, get)| matches!(get, Text(_)));
        let numbers = columns.iter().filter(|(_, get)| matches!(get, Number(_)));
        texts.chain(numbers).map(|(name, _)| *name)
    }
}

#[cfg(test)]
mod tests {
    use diesel::prelude::*;
    use diesel::sqlite::Sqlite;

    use super::*;
    use crate::database::rows::OrderRow;
    use crate::database::schema;

    /// The columns that a query selects, in their order.
    fn selected(sql: &str) -> Vec<String> {
        let (columns, _) = sql.strip_prefix("SELECT ").unwrap().split_once(" FROM ").unwrap();
        let name = |column: &str| column.rsplit('`').nth(1).unwrap().to_owned();
        columns.split(", ").map(name).collect()
    }

    #[test]
    fn each_column_list_is_its_tables() {
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        macro_rules! assert_same {
            ($table:expr, $schema:ident) => {
                let query = schema::$schema::table.select(schema::$schema::all_columns);
                let sql = diesel::debug_query::<Sqlite, _>(&query).to_string();
                let names = $table.names().map(str::to_owned).collect();
                assert_eq!(sorted(names), sorted(selected(&sql)), "{}", $table.name);
            };
        }
        assert_same!(ORDERS, orders);
        assert_same!(ORDER_SERVICES, order_services);
        assert_same!(ORDER_SLOTS, order_slots);
        assert_same!(EVENTS, events);
        assert_same!(IDEMPOTENCY_KEYS, idempotency_keys);
    }

    #[test]
    fn an_order_is_read_in_the_order_of_its_columns() {
        let query = schema::orders::table.select(OrderRow::as_select());
        let sql = diesel::debug_query::<Sqlite, _>(&query).to_string();
        assert_eq!(ORDERS.names().collect::<Vec<_>>(), selected(&sql));
    }
}

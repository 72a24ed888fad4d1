//! Reads of orders: many by their ids at once, and pages of them.

pub(crate) mod availability;
pub(crate) mod calendar;
pub(crate) mod find;
mod list;
#[cfg(test)]
mod plans;
mod query;
pub(crate) mod reports;

use std::collections::HashMap;

use diesel::prelude::*;
use orders_core::Order;

use crate::StoreError;
use crate::database::connection::AnyConnection;
use crate::database::rows::OrderRow;
use crate::database::schema::orders;

pub(crate) use list::list;
pub use query::{OrderPage, OrderPlace, OrderQuery, SortKey};

/// Orders by id. An invalid row is an error for its own id only.
pub(crate) type Found = HashMap<String, Result<Order, StoreError>>;

/// Finds the orders with these ids by one query (PostgreSQL), or one cached statement each (SQLite).
pub(crate) fn find_all(connection: &mut AnyConnection, ids: &[&str]) -> Result<Found, StoreError> {
    let rows: QueryResult<Vec<OrderRow>> = match connection {
        AnyConnection::Postgres(connection) => orders::table
            .filter(orders::id.eq_any(ids))
            .select(OrderRow::as_select())
            .load(connection),
        AnyConnection::Sqlite(connection) => ids
            .iter()
            .filter_map(|id| {
                let order = orders::table.find(*id).select(OrderRow::as_select());
                order.get_result(connection).optional().transpose()
            })
            .collect(),
    };
    let rows = rows.map_err(|error| StoreError::from_read(&error))?;
    Ok(rows.into_iter().map(|row| (row.id.clone(), row.into_order())).collect())
}

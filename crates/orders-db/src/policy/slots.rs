//! Rewrites the slots of all orders by another policy.

use std::ops::ControlFlow;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orders_core::policy::Slot;
use orders_core::{Order, Policy};

use super::visit_orders;
use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::database::rows;
use crate::database::schema::order_slots;

/// How many rows one statement inserts. PostgreSQL takes 65 535 values in one statement.
const ROWS: usize = 10_000;

#[derive(Insertable)]
#[diesel(table_name = order_slots)]
struct NewSlot {
    scope: i64,
    start_ms: i64,
    order_id: String,
    end_ms: i64,
    grp: i64,
}

impl NewSlot {
    fn new(order: &Order, slot: &Slot) -> Self {
        Self {
            scope: rows::scope_column(slot.calendar),
            start_ms: slot.interval.start().as_millis(),
            order_id: order.id.to_string(),
            end_ms: slot.interval.end_ms(),
            grp: rows::bigint(slot.group.0.get()),
        }
    }
}

/// Replaces all slots by those of another policy.
pub(super) fn rewrite(connection: &mut AnyConnection, policy: &Policy) -> Result<(), DbError> {
    let delete = connection.batch_execute("DELETE FROM order_slots");
    delete.map_err(|error| DbError::from_diesel(&error))?;
    visit_orders(connection, |connection, orders| {
        let new_slots =
            |order| policy.slots(order).into_iter().map(move |s| NewSlot::new(order, &s));
        let slots: Vec<NewSlot> = orders.iter().flat_map(new_slots).collect();
        insert(connection, &slots).map_err(|error| DbError::from_diesel(&error))?;
        Ok(ControlFlow::Continue(()))
    })
}

fn insert(connection: &mut AnyConnection, slots: &[NewSlot]) -> QueryResult<()> {
    match connection {
        AnyConnection::Postgres(connection) => {
            for rows in slots.chunks(ROWS) {
                diesel::insert_into(order_slots::table).values(rows).execute(connection)?;
            }
        }
        // Row by row, which costs nothing without a network.
        AnyConnection::Sqlite(connection) => {
            for row in slots {
                diesel::insert_into(order_slots::table).values(row).execute(connection)?;
            }
        }
    }
    Ok(())
}

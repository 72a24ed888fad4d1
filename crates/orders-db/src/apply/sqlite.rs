//! Applying to SQLite: one cached statement a row, all in one transaction.

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;
use orders_core::Order;

use super::Writes;
use crate::rows::{bigint, write_services};
use crate::schema::{events, idempotency_keys, order_services, order_slots, orders};

pub(super) fn apply(connection: &mut SqliteConnection, writes: &Writes<'_>) -> QueryResult<()> {
    for slot in &writes.gone_slots {
        diesel::delete(order_slots::table.find((slot.scope, slot.start_ms, slot.order_id)))
            .execute(connection)?;
    }
    for used in &writes.gone_uses {
        diesel::delete(order_services::table.find((
            used.service_id,
            used.datetime_ms,
            used.order_id,
        )))
        .execute(connection)?;
    }
    for id in &writes.gone_orders {
        diesel::delete(orders::table.find(*id)).execute(connection)?;
    }
    for order in &writes.new_orders {
        diesel::insert_into(orders::table).values(columns(order)).execute(connection)?;
    }
    for order in &writes.changed_orders {
        Change(columns(order)).execute(connection)?;
    }
    for used in &writes.new_uses {
        diesel::insert_into(order_services::table)
            .values((
                order_services::service_id.eq(used.service_id),
                order_services::datetime_ms.eq(used.datetime_ms),
                order_services::order_id.eq(used.order_id),
                order_services::created_at_ms.eq(used.created_at_ms),
            ))
            .execute(connection)?;
    }
    for slot in &writes.new_slots {
        diesel::insert_into(order_slots::table)
            .values((
                order_slots::scope.eq(slot.scope),
                order_slots::start_ms.eq(slot.start_ms),
                order_slots::end_ms.eq(slot.end_ms),
                order_slots::grp.eq(slot.grp),
                order_slots::order_id.eq(slot.order_id),
            ))
            .execute(connection)?;
    }
    insert_events(connection, writes)?;
    if !writes.events.is_empty() {
        CountTo(writes.last_sequence).execute(connection)?;
    }
    insert_answers(connection, writes)
}

/// A row of `orders`.
#[derive(Insertable)]
#[diesel(table_name = orders)]
struct NewOrder<'a> {
    id: &'a str,
    datetime_ms: i64,
    total_fee: i64,
    services: String,
    version: i64,
    grp: i64,
    created_at_ms: i64,
    updated_at_ms: i64,
}

fn columns(order: &Order) -> NewOrder<'_> {
    NewOrder {
        id: order.id.as_str(),
        datetime_ms: order.content.datetime.as_millis(),
        total_fee: order.content.total_fee.as_hundredths(),
        services: write_services(&order.content.services),
        version: bigint(order.version),
        grp: bigint(order.group.0.get()),
        created_at_ms: order.created_at.as_millis(),
        updated_at_ms: order.updated_at.as_millis(),
    }
}

/// Changes an order. Written out, because Diesel prepares an UPDATE of its own anew each time.
struct Change<'a>(NewOrder<'a>);

impl QueryId for Change<'_> {
    type QueryId = Change<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<SqliteConnection> for Change<'_> {}

impl QueryFragment<Sqlite> for Change<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let NewOrder { id, services, .. } = &self.0;
        let numbers = [
            ("UPDATE orders SET datetime_ms = ", &self.0.datetime_ms),
            (", total_fee = ", &self.0.total_fee),
            (", version = ", &self.0.version),
            (", grp = ", &self.0.grp),
            (", created_at_ms = ", &self.0.created_at_ms),
            (", updated_at_ms = ", &self.0.updated_at_ms),
        ];
        for (column, number) in numbers {
            out.push_sql(column);
            out.push_bind_param::<BigInt, _>(number)?;
        }
        out.push_sql(", services = ");
        out.push_bind_param::<Text, _>(services)?;
        out.push_sql(" WHERE id = ");
        out.push_bind_param::<Text, _>(id)
    }
}

/// Sets the sequence of the last event. Written out, because Diesel prepares an UPDATE of its own
/// anew each time, and this one runs in every transaction.
#[derive(QueryId)]
struct CountTo(i64);

impl RunQueryDsl<SqliteConnection> for CountTo {}

impl QueryFragment<Sqlite> for CountTo {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("UPDATE counters SET last_sequence = ");
        out.push_bind_param::<BigInt, _>(&self.0)?;
        out.push_sql(" WHERE id = 1");
        Ok(())
    }
}

fn insert_events(connection: &mut SqliteConnection, writes: &Writes<'_>) -> QueryResult<()> {
    for event in writes.events {
        let order = &event.order;
        diesel::insert_into(events::table)
            .values((
                events::sequence.eq(bigint(event.sequence)),
                events::order_id.eq(order.id.as_str()),
                events::version.eq(bigint(order.version)),
                events::kind.eq(event.kind.as_str()),
                events::time_ms.eq(event.time.as_millis()),
                events::actor.eq(event.actor.as_str()),
                events::datetime_ms.eq(order.content.datetime.as_millis()),
                events::total_fee.eq(order.content.total_fee.as_hundredths()),
                events::services.eq(write_services(&order.content.services)),
                events::grp.eq(bigint(order.group.0.get())),
                events::created_at_ms.eq(order.created_at.as_millis()),
            ))
            .execute(connection)?;
    }
    Ok(())
}

fn insert_answers(connection: &mut SqliteConnection, writes: &Writes<'_>) -> QueryResult<()> {
    for new in writes.answers {
        // REPLACE, because what stood under the key may have expired and not be purged yet.
        diesel::replace_into(idempotency_keys::table)
            .values((
                idempotency_keys::caller.eq(new.key.caller.as_str()),
                idempotency_keys::key.eq(new.key.key.as_str()),
                idempotency_keys::fingerprint.eq(new.fingerprint.as_str()),
                idempotency_keys::status.eq(new.response.status),
                idempotency_keys::location.eq(new.response.location.as_deref()),
                idempotency_keys::etag.eq(new.response.etag.as_deref()),
                idempotency_keys::body.eq(new.response.body.as_slice()),
                idempotency_keys::expires_ms.eq(new.expires.as_millis()),
            ))
            .execute(connection)?;
    }
    Ok(())
}

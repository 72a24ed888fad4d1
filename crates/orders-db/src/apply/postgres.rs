//! Applying to PostgreSQL: one prepared statement that writes every table, whatever the number of
//! rows, and one before it where something has to go first.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Nullable, SmallInt, Text};
use orders_core::Order;

use super::{SlotRow, UseRow, Writes};
use crate::answers::NewAnswer;
use crate::rows::{bigint, write_services};

pub(super) fn apply(connection: &mut PgConnection, writes: &Writes<'_>) -> QueryResult<()> {
    let clear = Clear {
        slots: Slots::of(&writes.gone_slots),
        uses: Uses::of(&writes.gone_uses),
        orders: writes.gone_orders.iter().map(ToString::to_string).collect(),
    };
    // In a statement of its own: what it deletes would still be in the way of the same statement.
    if !(clear.slots.order_id.is_empty()
        && clear.uses.order_id.is_empty()
        && clear.orders.is_empty())
    {
        clear.execute(connection)?;
    }
    let events = writes.events;
    let write = Write {
        new_orders: Orders::of(&writes.new_orders),
        changed_orders: Orders::of(&writes.changed_orders),
        slots: Slots::of(&writes.new_slots),
        uses: Uses::of(&writes.new_uses),
        sequences: events.iter().map(|event| bigint(event.sequence)).collect(),
        kinds: events.iter().map(|event| event.kind.as_str().to_owned()).collect(),
        actors: events.iter().map(|event| event.actor.as_str().to_owned()).collect(),
        events: Orders::of(&events.iter().map(|event| &event.order).collect::<Vec<_>>()),
        last_sequence: writes.last_sequence,
        answers: Answers::of(writes.answers),
    };
    write.execute(connection).map(drop)
}

/// Orders as columns.
#[derive(Default)]
struct Orders {
    id: Vec<String>,
    datetime_ms: Vec<i64>,
    total_fee: Vec<i64>,
    services: Vec<String>,
    version: Vec<i64>,
    grp: Vec<i64>,
    created_at_ms: Vec<i64>,
    updated_at_ms: Vec<i64>,
}

impl Orders {
    fn of(orders: &[&Order]) -> Self {
        let mut columns = Self::default();
        for order in orders {
            columns.id.push(order.id.to_string());
            columns.datetime_ms.push(order.content.datetime.as_millis());
            columns.total_fee.push(order.content.total_fee.as_hundredths());
            columns.services.push(write_services(&order.content.services));
            columns.version.push(bigint(order.version));
            columns.grp.push(bigint(order.group.0.get()));
            columns.created_at_ms.push(order.created_at.as_millis());
            columns.updated_at_ms.push(order.updated_at.as_millis());
        }
        columns
    }

    /// The columns, in the order of the fields, as what stands in `unnest(…)`.
    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        push_texts(&self.id, out)?;
        out.push_sql(", ");
        push_numbers(&[&self.datetime_ms, &self.total_fee], out)?;
        out.push_sql(", ");
        push_texts(&self.services, out)?;
        out.push_sql(", ");
        push_numbers(&[&self.version, &self.grp, &self.created_at_ms, &self.updated_at_ms], out)
    }
}

/// Slots as columns.
#[derive(Default)]
struct Slots {
    scope: Vec<i64>,
    start_ms: Vec<i64>,
    end_ms: Vec<i64>,
    grp: Vec<i64>,
    order_id: Vec<String>,
}

impl Slots {
    fn of(rows: &[SlotRow<'_>]) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.scope.push(row.scope);
            columns.start_ms.push(row.start_ms);
            columns.end_ms.push(row.end_ms);
            columns.grp.push(row.grp);
            columns.order_id.push(row.order_id.to_owned());
        }
        columns
    }

    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        push_numbers(&[&self.scope, &self.start_ms, &self.end_ms, &self.grp], out)?;
        out.push_sql(", ");
        push_texts(&self.order_id, out)
    }
}

/// Which services are used, as columns.
#[derive(Default)]
struct Uses {
    service_id: Vec<i64>,
    datetime_ms: Vec<i64>,
    order_id: Vec<String>,
    created_at_ms: Vec<i64>,
}

impl Uses {
    fn of(rows: &[UseRow<'_>]) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.service_id.push(row.service_id);
            columns.datetime_ms.push(row.datetime_ms);
            columns.order_id.push(row.order_id.to_owned());
            columns.created_at_ms.push(row.created_at_ms);
        }
        columns
    }

    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        push_numbers(&[&self.service_id, &self.datetime_ms], out)?;
        out.push_sql(", ");
        push_texts(&self.order_id, out)?;
        out.push_sql(", ");
        push_numbers(&[&self.created_at_ms], out)
    }
}

/// Answers as columns.
#[derive(Default)]
struct Answers {
    caller: Vec<String>,
    key: Vec<String>,
    fingerprint: Vec<String>,
    status: Vec<i16>,
    location: Vec<Option<String>>,
    etag: Vec<Option<String>>,
    body: Vec<Vec<u8>>,
    expires_ms: Vec<i64>,
}

impl Answers {
    fn of(answers: &[NewAnswer]) -> Self {
        let mut columns = Self::default();
        for new in answers {
            columns.caller.push(new.key.caller.as_str().to_owned());
            columns.key.push(new.key.key.to_string());
            columns.fingerprint.push(new.fingerprint.as_str().to_owned());
            columns.status.push(new.answer.status);
            columns.location.push(new.answer.location.clone());
            columns.etag.push(new.answer.etag.clone());
            columns.body.push(new.answer.body.clone());
            columns.expires_ms.push(new.expires.as_millis());
        }
        columns
    }

    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        for column in [&self.caller, &self.key, &self.fingerprint] {
            push_texts(column, out)?;
            out.push_sql(", ");
        }
        out.push_bind_param::<Array<SmallInt>, _>(&self.status)?;
        for column in [&self.location, &self.etag] {
            out.push_sql(", ");
            out.push_bind_param::<Array<Nullable<Text>>, _>(column)?;
        }
        out.push_sql(", ");
        out.push_bind_param::<Array<Binary>, _>(&self.body)?;
        out.push_sql(", ");
        push_numbers(&[&self.expires_ms], out)
    }
}

fn push_numbers<'b>(columns: &[&'b Vec<i64>], out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
    for (position, column) in columns.iter().enumerate() {
        out.push_sql(if position == 0 { "" } else { ", " });
        out.push_bind_param::<Array<BigInt>, _>(*column)?;
    }
    Ok(())
}

fn push_texts<'b>(column: &'b Vec<String>, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
    out.push_bind_param::<Array<Text>, _>(column)
}

/// Deletes slots, uses and orders.
struct Clear {
    slots: Slots,
    uses: Uses,
    orders: Vec<String>,
}

impl QueryId for Clear {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<PgConnection> for Clear {}

impl QueryFragment<Pg> for Clear {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH slots AS (DELETE FROM order_slots s USING unnest(");
        self.slots.push(&mut out)?;
        out.push_sql(
            ") AS q(scope, start_ms, end_ms, grp, order_id) \
             WHERE s.scope = q.scope AND s.start_ms = q.start_ms AND s.order_id = q.order_id\
             ), uses AS (DELETE FROM order_services u USING unnest(",
        );
        self.uses.push(&mut out)?;
        out.push_sql(
            ") AS q(service_id, datetime_ms, order_id, created_at_ms) \
             WHERE u.service_id = q.service_id AND u.datetime_ms = q.datetime_ms \
               AND u.order_id = q.order_id\
             ) DELETE FROM orders WHERE id = ANY(",
        );
        out.push_bind_param::<Array<Text>, _>(&self.orders)?;
        out.push_sql(")");
        Ok(())
    }
}

/// Inserts and updates all that comes.
struct Write {
    new_orders: Orders,
    changed_orders: Orders,
    slots: Slots,
    uses: Uses,
    sequences: Vec<i64>,
    kinds: Vec<String>,
    actors: Vec<String>,
    events: Orders,
    last_sequence: i64,
    answers: Answers,
}

impl QueryId for Write {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<PgConnection> for Write {}

impl QueryFragment<Pg> for Write {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "WITH new_orders AS (INSERT INTO orders (id, datetime_ms, total_fee, services, \
                version, grp, created_at_ms, updated_at_ms) SELECT * FROM unnest(",
        );
        self.new_orders.push(&mut out)?;
        out.push_sql(
            ")), changed_orders AS (UPDATE orders o SET datetime_ms = q.datetime_ms, \
                total_fee = q.total_fee, services = q.services, version = q.version, \
                grp = q.grp, created_at_ms = q.created_at_ms, updated_at_ms = q.updated_at_ms \
                FROM unnest(",
        );
        self.changed_orders.push(&mut out)?;
        out.push_sql(
            ") AS q(id, datetime_ms, total_fee, services, version, grp, created_at_ms, \
                updated_at_ms) WHERE o.id = q.id\
             ), slots AS (INSERT INTO order_slots (scope, start_ms, end_ms, grp, order_id) \
                SELECT * FROM unnest(",
        );
        self.slots.push(&mut out)?;
        out.push_sql(
            ")), uses AS (INSERT INTO order_services (service_id, datetime_ms, order_id, \
                created_at_ms) SELECT * FROM unnest(",
        );
        self.uses.push(&mut out)?;
        out.push_sql(
            ")), told AS (INSERT INTO events (sequence, kind, actor, order_id, datetime_ms, \
                total_fee, services, version, grp, created_at_ms, time_ms) SELECT * FROM unnest(",
        );
        push_numbers(&[&self.sequences], &mut out)?;
        for column in [&self.kinds, &self.actors] {
            out.push_sql(", ");
            push_texts(column, &mut out)?;
        }
        out.push_sql(", ");
        // An event's time is its order's `updated_at`.
        self.events.push(&mut out)?;
        out.push_sql(
            ")), answers AS (INSERT INTO idempotency_keys (caller, key, fingerprint, status, \
                location, etag, body, expires_ms) SELECT * FROM unnest(",
        );
        self.answers.push(&mut out)?;
        // What stood under a key may have expired and not be purged yet.
        out.push_sql(
            ") ON CONFLICT (caller, key) DO UPDATE SET fingerprint = excluded.fingerprint, \
                status = excluded.status, location = excluded.location, etag = excluded.etag, \
                body = excluded.body, expires_ms = excluded.expires_ms\
             ) UPDATE counters SET last_sequence = greatest(last_sequence, ",
        );
        out.push_bind_param::<BigInt, _>(&self.last_sequence)?;
        out.push_sql(") WHERE id = 1");
        Ok(())
    }
}

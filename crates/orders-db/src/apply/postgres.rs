//! Applying to PostgreSQL: one prepared statement that writes every table, whatever the number of
//! rows.
//!
//! What goes must be gone before what comes takes its place. The parts of a statement run in no
//! order, except that one which reads from another waits for it: so what is inserted is joined with
//! the number of rows that were deleted. PostgreSQL checks its constraints against rows as they are
//! at that moment, not as they were when the statement began.

mod columns;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::BigInt;

use super::Writes;
use crate::rows::bigint;

use columns::{
    Answers, Orders, Shape, Slots, Uses, push_insert, push_numbers, push_table, push_texts,
};

pub(super) fn apply(connection: &mut PgConnection, writes: &Writes<'_>) -> QueryResult<()> {
    let events = writes.events;
    let write = Write {
        gone_slots: Slots::of(&writes.gone_slots),
        gone_uses: Uses::of(&writes.gone_uses),
        gone_orders: writes.gone_orders.iter().map(ToString::to_string).collect(),
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

/// Deletes all that goes, inserts and updates all that comes.
struct Write {
    gone_slots: Slots,
    gone_uses: Uses,
    gone_orders: Vec<String>,
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
    type QueryId = ();
    // It is as long as it has to be, and so is prepared by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<PgConnection> for Write {}

impl QueryFragment<Pg> for Write {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let shape = self.shape();
        // Each part that has no rows would cost as much as one that has some.
        out.push_sql("WITH ");
        self.walk_gone(shape, &mut out)?;
        if !self.new_orders.id.is_empty() {
            let columns = |out: &mut AstPass<'_, 'b, Pg>| self.new_orders.push(shape, out);
            push_insert("new_orders", "orders", shape, columns, Orders::NAMES, &mut out)?;
            out.push_sql("), ");
        }
        if !self.changed_orders.id.is_empty() {
            out.push_sql(
                "changed_orders AS (UPDATE orders o SET datetime_ms = q.datetime_ms, \
                    total_fee = q.total_fee, services = q.services, version = q.version, \
                    grp = q.grp, created_at_ms = q.created_at_ms, \
                    updated_at_ms = q.updated_at_ms FROM ",
            );
            let columns = |out: &mut AstPass<'_, 'b, Pg>| self.changed_orders.push(shape, out);
            push_table(shape, columns, Orders::NAMES, &mut out)?;
            out.push_sql(" WHERE o.id = q.id), ");
        }
        if !self.slots.order_id.is_empty() {
            let columns = |out: &mut AstPass<'_, 'b, Pg>| self.slots.push(shape, out);
            push_insert("slots", "order_slots", shape, columns, Slots::NAMES, &mut out)?;
            if !self.gone_slots.order_id.is_empty() {
                out.push_sql(" CROSS JOIN (SELECT count(*) FROM gone_slots) AS gone");
            }
            out.push_sql("), ");
        }
        if !self.uses.order_id.is_empty() {
            let columns = |out: &mut AstPass<'_, 'b, Pg>| self.uses.push(shape, out);
            push_insert("uses", "order_services", shape, columns, Uses::NAMES, &mut out)?;
            if !self.gone_uses.order_id.is_empty() {
                out.push_sql(" CROSS JOIN (SELECT count(*) FROM gone_uses) AS gone");
            }
            out.push_sql("), ");
        }
        if !self.answers.key.is_empty() {
            let columns = |out: &mut AstPass<'_, 'b, Pg>| self.answers.push(shape, out);
            push_insert("answers", "idempotency_keys", shape, columns, Answers::NAMES, &mut out)?;
            // What stood under a key may have expired and not be purged yet.
            out.push_sql(
                " ON CONFLICT (caller, key) DO UPDATE SET fingerprint = excluded.fingerprint, \
                    status = excluded.status, location = excluded.location, \
                    etag = excluded.etag, body = excluded.body, \
                    expires_ms = excluded.expires_ms), ",
            );
        }
        let columns = |out: &mut AstPass<'_, 'b, Pg>| self.push_events(shape, out);
        push_insert("told", "events", shape, columns, Self::EVENT_NAMES, &mut out)?;
        out.push_sql(") UPDATE counters SET last_sequence = greatest(last_sequence, ");
        out.push_bind_param::<BigInt, _>(&self.last_sequence)?;
        out.push_sql(") WHERE id = 1");
        Ok(())
    }
}

impl Write {
    const EVENT_NAMES: &str = "sequence, kind, actor, order_id, datetime_ms, total_fee, services, \
         version, grp, created_at_ms, time_ms";

    fn walk_gone<'b>(&'b self, shape: Shape, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        if !self.gone_slots.order_id.is_empty() {
            out.push_sql("gone_slots AS (DELETE FROM order_slots s USING ");
            push_table(shape, |out| self.gone_slots.push(shape, out), Slots::NAMES, out)?;
            out.push_sql(
                " WHERE s.scope = q.scope AND s.start_ms = q.start_ms AND s.order_id = q.order_id \
                 RETURNING 1), ",
            );
        }
        if !self.gone_uses.order_id.is_empty() {
            out.push_sql("gone_uses AS (DELETE FROM order_services u USING ");
            push_table(shape, |out| self.gone_uses.push(shape, out), Uses::NAMES, out)?;
            out.push_sql(
                " WHERE u.service_id = q.service_id AND u.datetime_ms = q.datetime_ms \
                    AND u.order_id = q.order_id RETURNING 1), ",
            );
        }
        if !self.gone_orders.is_empty() {
            out.push_sql("gone_orders AS (DELETE FROM orders o USING ");
            push_table(shape, |out| push_texts(shape, &self.gone_orders, out), "id", out)?;
            out.push_sql(" WHERE o.id = q.id), ");
        }
        Ok(())
    }

    /// One for all parts, so that there are few statements to be prepared.
    fn shape(&self) -> Shape {
        let parts = [
            self.gone_slots.order_id.len(),
            self.gone_uses.order_id.len(),
            self.gone_orders.len(),
            self.new_orders.id.len(),
            self.changed_orders.id.len(),
            self.slots.order_id.len(),
            self.uses.order_id.len(),
            self.answers.key.len(),
        ];
        let is_single = self.sequences.len() == 1 && parts.iter().all(|rows| *rows <= 1);
        if is_single { Shape::Row } else { Shape::Rows }
    }

    fn push_events<'b>(&'b self, shape: Shape, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        push_numbers(shape, &[&self.sequences], out)?;
        for column in [&self.kinds, &self.actors] {
            out.push_sql(", ");
            push_texts(shape, column, out)?;
        }
        out.push_sql(", ");
        // An event's time is its order's `updated_at`.
        self.events.push(shape, out)
    }
}

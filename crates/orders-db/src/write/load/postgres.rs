//! Loading from PostgreSQL: one prepared statement, one round trip, whatever is needed.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Nullable, SmallInt, Text};
use orders_core::decide::{Fingerprint, Occupant, Reach, Span, Stored};
use orders_core::{Needs, Snapshot};

use super::Loaded;
use crate::database::clock::POSTGRES_NOW;
use crate::database::error::DbError;
use crate::database::rows::{self, OrderRow};
use crate::database::tables::ORDERS;
use crate::write::snapshot_cache::VersionToken;

/// Rows of different kinds in one result, told apart by the first column.
const STATE: i16 = 0;
const ORDER: i16 = 1;
const DELETED: i16 = 2;
const SERVICE: i16 = 3;
const OCCUPANT: i16 = 4;
const KEY: i16 = 5;

type RowType = (
    SmallInt,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<BigInt>,
);

#[derive(Queryable)]
struct Row {
    kind: i16,
    text: Option<String>,
    services: Option<String>,
    a: Option<i64>,
    b: Option<i64>,
    c: Option<i64>,
    d: Option<i64>,
    e: Option<i64>,
    f: Option<i64>,
}

/// Spans of one direction, as columns.
#[derive(Debug, Default)]
struct Spans {
    numbers: Vec<i64>,
    scopes: Vec<i64>,
    from: Vec<i64>,
    to: Vec<i64>,
    limits: Vec<Option<i64>>,
}

impl Spans {
    fn push(&mut self, number: usize, span: &Span, limit: Option<usize>) {
        self.numbers.push(i64::try_from(number).unwrap_or(i64::MAX));
        self.scopes.push(rows::scope_column(span.calendar));
        self.from.push(span.from.as_millis());
        self.to.push(span.to.as_millis());
        self.limits.push(limit.and_then(|limit| i64::try_from(limit).ok()));
    }
}

/// Idempotency keys, as columns.
#[derive(Debug, Default)]
struct Keys {
    numbers: Vec<i64>,
    callers: Vec<String>,
    texts: Vec<String>,
}

struct LoadQuery {
    order_ids: Vec<String>,
    service_ids: Vec<i64>,
    keys: Keys,
    forward: Spans,
    backward: Spans,
}

impl Query for LoadQuery {
    type SqlType = RowType;
}

impl RunQueryDsl<PgConnection> for LoadQuery {}

impl QueryId for LoadQuery {
    type QueryId = ();
    // Which parts there are differs, so it is prepared by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for LoadQuery {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "SELECT 0::int2, p.scope, pg_current_snapshot()::text, p.window_ms, p.edit_lock_ms, c.last_sequence, ",
        );
        out.push_sql(POSTGRES_NOW);
        out.push_sql(
            ", NULL::int8, NULL::int8 FROM policy p JOIN counters c ON c.id = p.id WHERE p.id = 1",
        );
        // A part without rows would cost as much as one with rows.
        if !self.order_ids.is_empty() {
            walk_orders(&self.order_ids, &mut out)?;
        }
        if !self.service_ids.is_empty() {
            out.push_sql(
                " UNION ALL \
                 SELECT 3::int2, NULL, NULL, s.id, NULL, NULL, NULL, NULL, NULL \
                 FROM unnest(",
            );
            out.push_bind_param::<Array<BigInt>, _>(&self.service_ids)?;
            out.push_sql(") AS q(id) JOIN services s ON s.id = q.id");
        }
        if !self.keys.numbers.is_empty() {
            walk_keys(&self.keys, &mut out)?;
        }
        for (spans, direction) in [(&self.forward, "ASC"), (&self.backward, "DESC")] {
            if !spans.numbers.is_empty() {
                walk_spans(spans, direction, &mut out)?;
            }
        }
        Ok(())
    }
}

/// Existing orders, and the last event of each deleted order.
fn walk_orders<'b>(order_ids: &'b Vec<String>, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
    out.push_sql(" UNION ALL SELECT 1::int2");
    for name in ORDERS.names_by_type() {
        out.push_sql(&format!(", o.{name}"));
    }
    out.push_sql(" FROM unnest(");
    out.push_bind_param::<Array<Text>, _>(order_ids)?;
    out.push_sql(
        ") AS q(id) JOIN orders o ON o.id = q.id \
         UNION ALL SELECT 2::int2",
    );
    for name in ORDERS.names_by_type() {
        // An event has the columns of its order, two of them under other names.
        let name = match name {
            "id" => "order_id",
            "updated_at_ms" => "time_ms",
            name => name,
        };
        out.push_sql(&format!(", e.{name}"));
    }
    out.push_sql(" FROM unnest(");
    out.push_bind_param::<Array<Text>, _>(order_ids)?;
    out.push_sql(
        ") AS q(id) CROSS JOIN LATERAL (\
            SELECT * FROM events WHERE order_id = q.id ORDER BY version DESC LIMIT 1\
         ) e WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.id = q.id)",
    );
    Ok(())
}

fn walk_keys<'b>(keys: &'b Keys, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
    out.push_sql(
        " UNION ALL \
         SELECT 5::int2, k.fingerprint, NULL, q.number, NULL, NULL, NULL, NULL, NULL \
         FROM unnest(",
    );
    out.push_bind_param::<Array<BigInt>, _>(&keys.numbers)?;
    for column in [&keys.callers, &keys.texts] {
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(column)?;
    }
    out.push_sql(
        ") AS q(number, caller, key) \
         JOIN idempotency_keys k ON k.caller = q.caller AND k.key = q.key \
         WHERE k.expires_ms > ",
    );
    out.push_sql(POSTGRES_NOW);
    Ok(())
}

/// LATERAL, since a plain join on the range lets the planner choose a hash join over all slots.
fn walk_spans<'b>(
    spans: &'b Spans,
    direction: &str,
    out: &mut AstPass<'_, 'b, Pg>,
) -> QueryResult<()> {
    out.push_sql(
        " UNION ALL \
         SELECT 4::int2, s.order_id, NULL, s.start_ms, s.grp, q.number, s.end_ms, NULL, NULL \
         FROM unnest(",
    );
    out.push_bind_param::<Array<BigInt>, _>(&spans.numbers)?;
    for column in [&spans.scopes, &spans.from, &spans.to] {
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(column)?;
    }
    out.push_sql(", ");
    out.push_bind_param::<Array<Nullable<BigInt>>, _>(&spans.limits)?;
    out.push_sql(
        ") AS q(number, scope, lowest, highest, most) CROSS JOIN LATERAL (\
            SELECT * FROM order_slots \
            WHERE scope = q.scope AND start_ms BETWEEN q.lowest AND q.highest \
            ORDER BY start_ms ",
    );
    out.push_sql(direction);
    out.push_sql(" LIMIT q.most) s");
    Ok(())
}

pub(super) fn load(
    connection: &mut PgConnection,
    needs: &Needs,
    so_far: Option<Loaded>,
) -> Result<Loaded, DbError> {
    let rows: Vec<Row> =
        query(needs).load(connection).map_err(|error| DbError::from_diesel(&error))?;
    let mut loaded = match so_far {
        Some(loaded) => loaded,
        None => rows
            .iter()
            .find(|row| row.kind == STATE)
            .ok_or_else(|| DbError::Failed("the policy is missing".to_owned()))
            .and_then(begin)?,
    };
    let mut stored = HashMap::new();
    let mut occupants: BTreeMap<i64, Vec<Occupant>> = BTreeMap::new();
    let mut services = Vec::new();
    let mut kept: HashMap<i64, Fingerprint> = HashMap::new();
    for row in rows {
        match row.kind {
            ORDER | DELETED => {
                let deleted = row.kind == DELETED;
                let order = order_row(row)?.into_order()?;
                let id = order.id.clone();
                let found = if deleted { Stored::Deleted(order) } else { Stored::Live(order) };
                stored.insert(id, found);
            }
            SERVICE => services.extend(row.a),
            OCCUPANT => {
                let (start_ms, end_ms, grp) = (some(row.a)?, some(row.d)?, some(row.b)?);
                let found = super::occupant(start_ms, end_ms, grp, some(row.text.as_deref())?)?;
                occupants.entry(some(row.c)?).or_default().push(found);
            }
            KEY => {
                let fingerprint = Fingerprint::new(some(row.text.as_deref())?);
                kept.insert(some(row.a)?, fingerprint);
            }
            STATE => {}
            kind => return Err(DbError::Failed(format!("a row of the unknown kind {kind}"))),
        }
    }
    let snapshot = &mut loaded.snapshot;
    for id in &needs.orders {
        snapshot.add_order(id.clone(), stored.remove(id).unwrap_or(Stored::Never));
    }
    for id in &needs.services {
        snapshot.add_service(*id, services.contains(&id.get()));
    }
    for (number, span) in (0..).zip(&needs.spans) {
        snapshot.add_occupants(span, occupants.remove(&number).unwrap_or_default());
    }
    for (number, key) in (0..).zip(&needs.keys) {
        snapshot.add_key(key.clone(), kept.remove(&number));
    }
    Ok(loaded)
}

pub(super) fn load_after(
    connection: &mut PgConnection,
    needs: &Needs,
    before: Loaded,
) -> Result<Loaded, DbError> {
    let mut beyond = needs.clone();
    beyond.leave_out(&before.snapshot);
    let loaded = load(connection, &beyond, None)?;
    if !loaded.version_token.confirms(&before.version_token) {
        return load(connection, needs, Some(loaded));
    }
    let mut snapshot = before.snapshot;
    snapshot.merge(loaded.snapshot);
    Ok(Loaded { snapshot, ..loaded })
}

fn query(needs: &Needs) -> LoadQuery {
    let mut query = LoadQuery {
        order_ids: needs.orders.iter().map(ToString::to_string).collect(),
        service_ids: needs.services.iter().map(|id| id.get()).collect(),
        keys: Keys::default(),
        forward: Spans::default(),
        backward: Spans::default(),
    };
    for (number, key) in (0..).zip(&needs.keys) {
        query.keys.numbers.push(number);
        query.keys.callers.push(key.caller.as_str().to_owned());
        query.keys.texts.push(key.key.as_str().to_owned());
    }
    for (number, span) in needs.spans.iter().enumerate() {
        match span.reach {
            Reach::All => query.forward.push(number, span, None),
            Reach::First(most) => query.forward.push(number, span, Some(most)),
            Reach::Last(most) => query.backward.push(number, span, Some(most)),
        }
    }
    query
}

fn begin(row: &Row) -> Result<Loaded, DbError> {
    let last_sequence = u64::try_from(some(row.c)?).unwrap_or_default();
    Ok(Loaded {
        version_token: VersionToken::from_postgres(some(row.services.as_deref())?),
        policy: rows::read_policy(some(row.a)?, some(row.text.as_deref())?, row.b)?,
        now: rows::timestamp(some(row.d)?)?,
        snapshot: Snapshot::new(last_sequence),
    })
}

fn order_row(row: Row) -> Result<OrderRow, DbError> {
    Ok(OrderRow {
        id: some(row.text)?,
        services: some(row.services)?,
        datetime_ms: some(row.a)?,
        total_fee: some(row.b)?,
        version: some(row.c)?,
        grp: some(row.d)?,
        created_at_ms: some(row.e)?,
        updated_at_ms: some(row.f)?,
    })
}

/// A column that this kind of row always has.
fn some<T>(column: Option<T>) -> Result<T, DbError> {
    column.ok_or_else(|| DbError::Failed("a row lacks a column that it must have".to_owned()))
}

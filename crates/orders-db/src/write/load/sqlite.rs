//! Loads from SQLite: one cached statement after another, each an index lookup.
//!
//! No statement has a LIMIT: SQLite reads its value to plan, and would prepare the statement again for
//! each other value. Rows are fetched one by one, so taking only the first is enough.

use diesel::connection::DefaultLoadingMode;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::select;
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;
use orders_core::decide::{Fingerprint, Occupant, OwnKey, Reach, Span, Stored};
use orders_core::{Needs, OrderId, Snapshot, Timestamp};

use super::Loaded;
use crate::database::clock::sqlite_now;
use crate::database::error::DbError;
use crate::database::rows::{self, OrderRow};
use crate::database::schema::{
    counters, events, idempotency_keys, order_slots, orders, policy, services,
};
use crate::write::snapshot_cache::VersionToken;

pub(super) fn load(
    connection: &mut SqliteConnection,
    needs: &Needs,
    so_far: Option<Loaded>,
) -> Result<Loaded, DbError> {
    let mut loaded = match so_far {
        Some(loaded) => loaded,
        None => begin(connection)?,
    };
    let snapshot = &mut loaded.snapshot;
    for id in &needs.orders {
        let stored = find_stored(connection, id)?;
        snapshot.add_order(id.clone(), stored);
    }
    for id in &needs.services {
        let found = select(exists(services::table.find(id.get()))).get_result(connection);
        snapshot.add_service(*id, found.map_err(|error| DbError::from_diesel(&error))?);
    }
    for span in &needs.spans {
        let occupants = list_occupants(connection, span)?;
        snapshot.add_occupants(span, occupants);
    }
    for key in &needs.keys {
        let kept = find_fingerprint(connection, key, loaded.now)?;
        snapshot.add_key(key.clone(), kept);
    }
    Ok(loaded)
}

pub(super) fn load_after(
    connection: &mut SqliteConnection,
    needs: &Needs,
    before: Loaded,
) -> Result<Loaded, DbError> {
    if !version_token(connection)?.confirms(&before.version_token) {
        return load(connection, needs, None);
    }
    let mut beyond = needs.clone();
    beyond.leave_out(&before.snapshot);
    load(connection, &beyond, Some(Loaded { now: sqlite_now()?, ..before }))
}

fn begin(connection: &mut SqliteConnection) -> Result<Loaded, DbError> {
    let (window_ms, scope, edit_lock_ms, last_sequence) = policy::table
        .inner_join(counters::table.on(counters::id.eq(policy::id)))
        .select((policy::window_ms, policy::scope, policy::edit_lock_ms, counters::last_sequence))
        .get_result::<(i64, String, Option<i64>, i64)>(connection)
        .map_err(|error| DbError::from_diesel(&error))?;
    Ok(Loaded {
        version_token: version_token(connection)?,
        policy: rows::read_policy(window_ms, &scope, edit_lock_ms)?,
        now: sqlite_now()?,
        snapshot: Snapshot::new(u64::try_from(last_sequence).unwrap_or(0)),
    })
}

/// Reads the version that changes when other connections write. Hand-built, so that Diesel keeps it prepared.
#[derive(QueryId)]
struct DataVersion;

impl Query for DataVersion {
    type SqlType = BigInt;
}

impl RunQueryDsl<SqliteConnection> for DataVersion {}

impl QueryFragment<Sqlite> for DataVersion {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("PRAGMA data_version");
        Ok(())
    }
}

fn version_token(connection: &mut SqliteConnection) -> Result<VersionToken, DbError> {
    let version =
        DataVersion.get_result(connection).map_err(|error| DbError::from_diesel(&error))?;
    Ok(VersionToken::Sqlite(version))
}

fn find_stored(connection: &mut SqliteConnection, id: &OrderId) -> Result<Stored, DbError> {
    let live = orders::table
        .find(id.as_str())
        .select(OrderRow::as_select())
        .get_result(connection)
        .optional()
        .map_err(|error| DbError::from_diesel(&error))?;
    if let Some(row) = live {
        return Ok(Stored::Live(row.into_order()?));
    }
    let last = events::table
        .filter(events::order_id.eq(id.as_str()))
        .order(events::version.desc())
        .select((
            events::order_id,
            events::datetime_ms,
            events::total_fee,
            events::services,
            events::version,
            events::grp,
            events::created_at_ms,
            events::time_ms,
        ))
        .load_iter::<OrderRow, DefaultLoadingMode>(connection)
        .and_then(|mut rows| rows.next().transpose())
        .map_err(|error| DbError::from_diesel(&error))?;
    Ok(match last {
        Some(row) => Stored::Deleted(row.into_order()?),
        None => Stored::Never,
    })
}

fn find_fingerprint(
    connection: &mut SqliteConnection,
    key: &OwnKey,
    now: Timestamp,
) -> Result<Option<Fingerprint>, DbError> {
    let kept: Option<String> = idempotency_keys::table
        .find((key.caller.as_str(), key.key.as_str()))
        .filter(idempotency_keys::expires_ms.gt(now.as_millis()))
        .select(idempotency_keys::fingerprint)
        .get_result(connection)
        .optional()
        .map_err(|error| DbError::from_diesel(&error))?;
    Ok(kept.map(|text| Fingerprint::new(&text)))
}

fn list_occupants(
    connection: &mut SqliteConnection,
    span: &Span,
) -> Result<Vec<Occupant>, DbError> {
    type Row = (i64, i64, i64, String);
    let within = order_slots::table
        .filter(order_slots::scope.eq(rows::scope_column(span.calendar)))
        .filter(order_slots::start_ms.ge(span.from.as_millis()))
        .filter(order_slots::start_ms.le(span.to.as_millis()))
        .select((
            order_slots::start_ms,
            order_slots::end_ms,
            order_slots::grp,
            order_slots::order_id,
        ));
    let found: QueryResult<Vec<Row>> = match span.reach {
        Reach::All => within.load(connection),
        Reach::First(most) => within
            .order(order_slots::start_ms.asc())
            .load_iter::<Row, DefaultLoadingMode>(connection)
            .and_then(|rows| rows.take(most).collect()),
        Reach::Last(most) => within
            .order(order_slots::start_ms.desc())
            .load_iter::<Row, DefaultLoadingMode>(connection)
            .and_then(|rows| rows.take(most).collect()),
    };
    let found = found.map_err(|error| DbError::from_diesel(&error))?;
    found
        .into_iter()
        .map(|(start, end, grp, order_id)| super::occupant(start, end, grp, &order_id))
        .collect()
}

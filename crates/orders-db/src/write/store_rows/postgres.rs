//! Storing in PostgreSQL: one prepared statement that writes every table, with one array for each
//! column, whatever the number of rows.
//!
//! Rows must be deleted before others take their places. The parts of a statement run in no order,
//! except that a part which reads from another waits for it: so an insert is joined with the number
//! of rows that were deleted. PostgreSQL checks its constraints against rows as they are at that
//! moment, not as they were when the statement began.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Nullable, SmallInt, Text};

use super::{Column, Part, Verb, Writes, list};

pub(super) fn apply(connection: &mut PgConnection, writes: &Writes<'_>) -> QueryResult<()> {
    Write::new(writes).execute(connection).map(drop)
}

/// Deletes, inserts and updates all rows, and counts the events.
pub(super) struct Write {
    parts: Vec<Part>,
    last_sequence: i64,
}

impl Write {
    pub(super) fn new(writes: &Writes<'_>) -> Self {
        // A part without rows would cost as much as one with rows.
        Self { parts: writes.parts(), last_sequence: writes.last_sequence() }
    }

    /// The part that deletes from the table that another part inserts into.
    fn deletion_before(&self, insert: &Part) -> Option<&Part> {
        let is_before = |part: &&Part| part.verb == Verb::Delete && part.table == insert.table;
        // A deleted order's id is never given to another in the same transaction.
        self.parts.iter().find(is_before).filter(|part| part.table != "orders")
    }
}

impl QueryId for Write {
    type QueryId = ();
    // Which parts there are differs, so it is prepared by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<PgConnection> for Write {}

impl QueryFragment<Pg> for Write {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        for (position, part) in self.parts.iter().enumerate() {
            out.push_sql(if position == 0 { "WITH " } else { ", " });
            out.push_sql(part.name);
            out.push_sql(" AS (");
            match part.verb {
                Verb::Delete => walk_delete(part, &mut out)?,
                Verb::Insert => walk_insert(part, self.deletion_before(part), &mut out)?,
                Verb::Update => walk_update(part, &mut out)?,
                Verb::Replace => {
                    walk_insert(part, None, &mut out)?;
                    let set =
                        list(part.names_beside_key(), ", ", |c| format!("{c} = excluded.{c}"));
                    let key = part.key.join(", ");
                    out.push_sql(&format!(" ON CONFLICT ({key}) DO UPDATE SET {set}"));
                }
            }
            out.push_sql(")");
        }
        out.push_sql(" UPDATE counters SET last_sequence = greatest(last_sequence, ");
        out.push_bind_param::<BigInt, _>(&self.last_sequence)?;
        out.push_sql(") WHERE id = 1");
        Ok(())
    }
}

fn walk_delete<'b>(part: &'b Part, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
    let table = part.table;
    out.push_sql(&format!("DELETE FROM {table} t USING "));
    walk_rows(part, out)?;
    push_key(part, out);
    out.push_sql(" RETURNING 1");
    Ok(())
}

fn walk_update<'b>(part: &'b Part, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
    let (table, set) =
        (part.table, list(part.names_beside_key(), ", ", |c| format!("{c} = q.{c}")));
    out.push_sql(&format!("UPDATE {table} t SET {set} FROM "));
    walk_rows(part, out)?;
    push_key(part, out);
    Ok(())
}

fn walk_insert<'b>(
    part: &'b Part,
    after: Option<&Part>,
    out: &mut AstPass<'_, 'b, Pg>,
) -> QueryResult<()> {
    let (table, names) = (part.table, list(part.names(), ", ", str::to_owned));
    out.push_sql(&format!("INSERT INTO {table} ({names}) SELECT q.* FROM "));
    walk_rows(part, out)?;
    if let Some(Part { name, .. }) = after {
        out.push_sql(&format!(" CROSS JOIN (SELECT count(*) FROM {name}) AS gone"));
    }
    Ok(())
}

/// The rows of a part as a table named `q`.
fn walk_rows<'b>(part: &'b Part, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
    for (position, (_, column)) in part.columns.iter().enumerate() {
        out.push_sql(if position == 0 { "unnest(" } else { ", " });
        match column {
            Column::Numbers(values) => out.push_bind_param::<Array<BigInt>, _>(values)?,
            Column::SmallNumbers(values) => out.push_bind_param::<Array<SmallInt>, _>(values)?,
            Column::Texts(values) => out.push_bind_param::<Array<Text>, _>(values)?,
            Column::OptionalTexts(values) => {
                out.push_bind_param::<Array<Nullable<Text>>, _>(values)?;
            }
            Column::Bytes(values) => out.push_bind_param::<Array<Binary>, _>(values)?,
        }
    }
    let names = list(part.names(), ", ", str::to_owned);
    out.push_sql(&format!(") AS q({names})"));
    Ok(())
}

fn push_key(part: &Part, out: &mut AstPass<'_, '_, Pg>) {
    let key = list(part.key.iter().copied(), " AND ", |c| format!("t.{c} = q.{c}"));
    out.push_sql(&format!(" WHERE {key}"));
}

//! Storing in SQLite: one cached statement for each row.

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Nullable, SmallInt, Text};
use diesel::sqlite::Sqlite;

use super::{Column, Part, Verb, Writes, list};

pub(super) fn apply(connection: &mut SqliteConnection, writes: &Writes<'_>) -> QueryResult<()> {
    for part in writes.parts() {
        for row in 0..part.rows {
            WriteRow { part: &part, row }.execute(connection)?;
        }
    }
    if !writes.events.is_empty() {
        CountTo(writes.last_sequence()).execute(connection)?;
    }
    Ok(())
}

/// Writes one row. Hand-built, because Diesel prepares each of its own UPDATE statements again.
pub(super) struct WriteRow<'a> {
    pub(super) part: &'a Part,
    pub(super) row: usize,
}

impl QueryId for WriteRow<'_> {
    type QueryId = ();
    // It is prepared by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<SqliteConnection> for WriteRow<'_> {}

impl QueryFragment<Sqlite> for WriteRow<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let Part { verb, table, key, .. } = self.part;
        match verb {
            Verb::Delete => {
                out.push_sql(&format!("DELETE FROM {table}"));
                self.walk_assignments(" WHERE ", " AND ", |_| true, &mut out)
            }
            Verb::Update => {
                out.push_sql(&format!("UPDATE {table}"));
                self.walk_assignments(" SET ", ", ", |name| !key.contains(&name), &mut out)?;
                self.walk_assignments(" WHERE ", " AND ", |name| key.contains(&name), &mut out)
            }
            Verb::Insert | Verb::Replace => {
                let verb = if *verb == Verb::Insert { "INSERT" } else { "INSERT OR REPLACE" };
                let names = list(self.part.names(), ", ", str::to_owned);
                out.push_sql(&format!("{verb} INTO {table} ({names}) VALUES "));
                for (position, (_, column)) in self.part.columns.iter().enumerate() {
                    out.push_sql(if position == 0 { "(" } else { ", " });
                    self.walk_value(column, &mut out)?;
                }
                out.push_sql(")");
                Ok(())
            }
        }
    }
}

impl<'a> WriteRow<'a> {
    /// `name = value` for each column that is wanted.
    fn walk_assignments<'b>(
        &self,
        first: &str,
        next: &str,
        is_wanted: impl Fn(&str) -> bool,
        out: &mut AstPass<'_, 'b, Sqlite>,
    ) -> QueryResult<()>
    where
        'a: 'b,
    {
        let wanted = self.part.columns.iter().filter(|(name, _)| is_wanted(name));
        for (position, (name, column)) in wanted.enumerate() {
            out.push_sql(if position == 0 { first } else { next });
            out.push_sql(&format!("{name} = "));
            self.walk_value(column, out)?;
        }
        Ok(())
    }

    fn walk_value<'b>(
        &self,
        column: &'b Column,
        out: &mut AstPass<'_, 'b, Sqlite>,
    ) -> QueryResult<()> {
        let row = self.row;
        match column {
            Column::Numbers(values) => {
                bind(values.get(row), |v| out.push_bind_param::<BigInt, _>(v))
            }
            Column::SmallNumbers(values) => {
                bind(values.get(row), |value| out.push_bind_param::<SmallInt, _>(value))
            }
            Column::Texts(values) => {
                bind(values.get(row), |value| out.push_bind_param::<Text, _>(value))
            }
            Column::OptionalTexts(values) => {
                bind(values.get(row), |value| out.push_bind_param::<Nullable<Text>, _>(value))
            }
            Column::Bytes(values) => {
                bind(values.get(row), |value| out.push_bind_param::<Binary, _>(value))
            }
        }
    }
}

/// Binds the value of a row. Every column has one for each row.
fn bind<'b, T>(
    value: Option<&'b T>,
    push: impl FnOnce(&'b T) -> QueryResult<()>,
) -> QueryResult<()> {
    push(value.ok_or(diesel::result::Error::NotFound)?)
}

/// Sets the sequence of the last event.
#[derive(QueryId)]
pub(super) struct CountTo(pub(super) i64);

impl RunQueryDsl<SqliteConnection> for CountTo {}

impl QueryFragment<Sqlite> for CountTo {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("UPDATE counters SET last_sequence = ");
        out.push_bind_param::<BigInt, _>(&self.0)?;
        out.push_sql(" WHERE id = 1");
        Ok(())
    }
}

//! Rows as columns: PostgreSQL takes a whole table as a few arrays.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, BigInt, Binary, HasSqlType, Nullable, SingleValue, SmallInt, Text};
use orders_core::Order;

use super::super::{SlotRow, UseRow};
use crate::rows::{bigint, write_services};
use crate::write::idempotency::NewResponse;

/// Orders as columns.
#[derive(Default)]
pub(super) struct Orders {
    pub(super) id: Vec<String>,
    datetime_ms: Vec<i64>,
    total_fee: Vec<i64>,
    services: Vec<String>,
    version: Vec<i64>,
    grp: Vec<i64>,
    created_at_ms: Vec<i64>,
    updated_at_ms: Vec<i64>,
}

impl Orders {
    pub(super) const NAMES: &str = "id, datetime_ms, total_fee, services, version, grp, created_at_ms, \
         updated_at_ms";

    pub(super) fn of(orders: &[&Order]) -> Self {
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

    /// The columns, in the order of the fields.
    pub(super) fn push<'b>(
        &'b self,
        shape: Shape,
        out: &mut AstPass<'_, 'b, Pg>,
    ) -> QueryResult<()> {
        push_texts(shape, &self.id, out)?;
        out.push_sql(", ");
        push_numbers(shape, &[&self.datetime_ms, &self.total_fee], out)?;
        out.push_sql(", ");
        push_texts(shape, &self.services, out)?;
        out.push_sql(", ");
        push_numbers(
            shape,
            &[&self.version, &self.grp, &self.created_at_ms, &self.updated_at_ms],
            out,
        )
    }
}

/// Slots as columns.
#[derive(Default)]
pub(super) struct Slots {
    scope: Vec<i64>,
    start_ms: Vec<i64>,
    end_ms: Vec<i64>,
    grp: Vec<i64>,
    pub(super) order_id: Vec<String>,
}

impl Slots {
    pub(super) const NAMES: &str = "scope, start_ms, end_ms, grp, order_id";

    pub(super) fn of(rows: &[SlotRow<'_>]) -> Self {
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

    pub(super) fn push<'b>(
        &'b self,
        shape: Shape,
        out: &mut AstPass<'_, 'b, Pg>,
    ) -> QueryResult<()> {
        push_numbers(shape, &[&self.scope, &self.start_ms, &self.end_ms, &self.grp], out)?;
        out.push_sql(", ");
        push_texts(shape, &self.order_id, out)
    }
}

/// Which services are used, as columns.
#[derive(Default)]
pub(super) struct Uses {
    service_id: Vec<i64>,
    datetime_ms: Vec<i64>,
    pub(super) order_id: Vec<String>,
    created_at_ms: Vec<i64>,
}

impl Uses {
    pub(super) const NAMES: &str = "service_id, datetime_ms, order_id, created_at_ms";

    pub(super) fn of(rows: &[UseRow<'_>]) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.service_id.push(row.service_id);
            columns.datetime_ms.push(row.datetime_ms);
            columns.order_id.push(row.order_id.to_owned());
            columns.created_at_ms.push(row.created_at_ms);
        }
        columns
    }

    pub(super) fn push<'b>(
        &'b self,
        shape: Shape,
        out: &mut AstPass<'_, 'b, Pg>,
    ) -> QueryResult<()> {
        push_numbers(shape, &[&self.service_id, &self.datetime_ms], out)?;
        out.push_sql(", ");
        push_texts(shape, &self.order_id, out)?;
        out.push_sql(", ");
        push_numbers(shape, &[&self.created_at_ms], out)
    }
}

/// Answers as columns.
#[derive(Default)]
pub(super) struct Answers {
    caller: Vec<String>,
    pub(super) key: Vec<String>,
    fingerprint: Vec<String>,
    status: Vec<i16>,
    location: Vec<Option<String>>,
    etag: Vec<Option<String>>,
    body: Vec<Vec<u8>>,
    expires_ms: Vec<i64>,
}

impl Answers {
    pub(super) const NAMES: &str =
        "caller, key, fingerprint, status, location, etag, body, expires_ms";

    pub(super) fn of(answers: &[NewResponse]) -> Self {
        let mut columns = Self::default();
        for new in answers {
            columns.caller.push(new.key.caller.as_str().to_owned());
            columns.key.push(new.key.key.to_string());
            columns.fingerprint.push(new.fingerprint.as_str().to_owned());
            columns.status.push(new.response.status);
            columns.location.push(new.response.location.clone());
            columns.etag.push(new.response.etag.clone());
            columns.body.push(new.response.body.clone());
            columns.expires_ms.push(new.expires.as_millis());
        }
        columns
    }

    pub(super) fn push<'b>(
        &'b self,
        shape: Shape,
        out: &mut AstPass<'_, 'b, Pg>,
    ) -> QueryResult<()> {
        for column in [&self.caller, &self.key, &self.fingerprint] {
            push_texts(shape, column, out)?;
            out.push_sql(", ");
        }
        push_column::<SmallInt, _>(shape, &self.status, out)?;
        for column in [&self.location, &self.etag] {
            out.push_sql(", ");
            push_column::<Nullable<Text>, _>(shape, column, out)?;
        }
        out.push_sql(", ");
        push_column::<Binary, _>(shape, &self.body, out)?;
        out.push_sql(", ");
        push_numbers(shape, &[&self.expires_ms], out)
    }
}

/// How a table is made of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Of one row of plain values, which costs less than taking arrays apart.
    Row,
    /// Of arrays, whatever their length.
    Rows,
}

pub(super) fn push_numbers<'b>(
    shape: Shape,
    columns: &[&'b Vec<i64>],
    out: &mut AstPass<'_, 'b, Pg>,
) -> QueryResult<()> {
    for (position, column) in columns.iter().enumerate() {
        out.push_sql(if position == 0 { "" } else { ", " });
        push_column::<BigInt, _>(shape, column, out)?;
    }
    Ok(())
}

pub(super) fn push_texts<'b>(
    shape: Shape,
    column: &'b Vec<String>,
    out: &mut AstPass<'_, 'b, Pg>,
) -> QueryResult<()> {
    push_column::<Text, _>(shape, column, out)
}

pub(super) fn push_column<'b, S, T>(
    shape: Shape,
    column: &'b Vec<T>,
    out: &mut AstPass<'_, 'b, Pg>,
) -> QueryResult<()>
where
    S: SingleValue + 'static,
    T: ToSql<S, Pg>,
    Vec<T>: ToSql<Array<S>, Pg>,
    Pg: HasSqlType<S> + HasSqlType<Array<S>>,
{
    match (shape, column.as_slice()) {
        (Shape::Row, [only]) => out.push_bind_param::<S, _>(only),
        _ => out.push_bind_param::<Array<S>, _>(column),
    }
}

/// A table named `q`, made of columns.
pub(super) fn push_table<'b>(
    shape: Shape,
    columns: impl FnOnce(&mut AstPass<'_, 'b, Pg>) -> QueryResult<()>,
    names: &str,
    out: &mut AstPass<'_, 'b, Pg>,
) -> QueryResult<()> {
    let (before, after) = match shape {
        Shape::Row => ("(VALUES (", "))"),
        Shape::Rows => ("unnest(", ")"),
    };
    out.push_sql(before);
    columns(out)?;
    out.push_sql(after);
    for text in [" AS q(", names, ")"] {
        out.push_sql(text);
    }
    Ok(())
}

/// A part of the statement that inserts a table; the bracket that ends it is left to be closed.
pub(super) fn push_insert<'b>(
    part: &str,
    table: &str,
    shape: Shape,
    columns: impl FnOnce(&mut AstPass<'_, 'b, Pg>) -> QueryResult<()>,
    names: &str,
    out: &mut AstPass<'_, 'b, Pg>,
) -> QueryResult<()> {
    for text in [part, " AS (INSERT INTO ", table, " (", names, ") SELECT q.* FROM "] {
        out.push_sql(text);
    }
    push_table(shape, columns, names, out)
}

//! Moving a whole database from SQLite to PostgreSQL, and telling by sums whether two databases hold
//! the same. Both go by the tables that there are, so that a new one is never left behind.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use sha2::{Digest, Sha256};

use crate::connection::{AnyConnection, Manager, Purpose};
use crate::export::open_patiently;
use crate::in_use::InUse;
use crate::url::DatabaseUrl;
use crate::{StoreError, migrate, transaction};

/// What a table holds, as far as a sum can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSum {
    /// The table.
    pub table: String,
    /// How many rows it has.
    pub rows: u64,
    /// The sum of the SHA-256 of all rows, in hexadecimal: the same on both databases, and in
    /// whatever order the rows are.
    pub sum: String,
}

/// Why a database was not moved. Nothing was written then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// It goes from SQLite to PostgreSQL only.
    #[error("a database is moved from SQLite to PostgreSQL; for any other way, export and import")]
    Direction,
    /// The other database is not empty.
    #[error(
        "the table {0} of the other database is not empty; a database is moved into an empty one"
    )]
    NotEmpty(String),
    /// What arrived is not what was sent.
    #[error("the table {0} did not arrive as it was; nothing was written")]
    Differs(String),
    /// One of the databases does not answer.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// How many rows are sent at once.
const PAGE: usize = 2_000;
/// Tables that a new database has a row in.
const PREFILLED: [&str; 4] = ["policy", "counters", "event_feed", "api_key_state"];
/// What Diesel notes its migrations in.
const MIGRATIONS: &str = "__diesel_schema_migrations";

/// Copies all rows of an SQLite database that nobody uses into an empty PostgreSQL database, in one
/// transaction, and compares the sums of both before it commits. Answers the sums.
///
/// # Errors
/// [`TransferError`], by why nothing was written.
pub fn move_to_postgres(
    from: &DatabaseUrl,
    to: &DatabaseUrl,
    mut progress: impl FnMut(&str, u64),
) -> Result<Vec<TableSum>, TransferError> {
    if !matches!((from, to), (DatabaseUrl::Sqlite(_), DatabaseUrl::Postgres(_))) {
        return Err(TransferError::Direction);
    }
    // What would be written to it meanwhile would be left behind.
    let _alone = InUse::alone(from)?;
    let mut source = open_patiently(from)?;
    migrate(from)?;
    migrate(to)?;
    let mut target = Manager::new(to, Purpose::Write).open()?;
    transaction::begin(&mut target).map_err(StoreError::from)?;
    let moved = transaction::read_only(&mut source, |source| {
        Ok(copy_all(source, &mut target, &mut progress))
    });
    match moved.map_err(TransferError::from).and_then(|moved| moved) {
        Ok(sums) => {
            transaction::commit(&mut target).map_err(|trouble| {
                log::warn!("the end of the commit was not heard: {trouble:?}");
                StoreError::OutcomeUnknown
            })?;
            Ok(sums)
        }
        Err(error) => {
            transaction::roll_back(&mut target);
            Err(error)
        }
    }
}

/// The sums of all tables of a database, as they stand at one moment. Blocks.
///
/// # Errors
/// [`StoreError::Unavailable`] if it cannot be read.
pub fn sums(url: &DatabaseUrl) -> Result<Vec<TableSum>, StoreError> {
    let mut connection = open_patiently(url)?;
    transaction::read_only(&mut connection, |connection| {
        tables(connection)?.iter().map(|table| sum(connection, table)).collect()
    })
}

fn copy_all(
    source: &mut AnyConnection,
    target: &mut AnyConnection,
    progress: &mut impl FnMut(&str, u64),
) -> Result<Vec<TableSum>, TransferError> {
    let AnyConnection::Postgres(postgres) = target else { return Err(TransferError::Direction) };
    let patience =
        "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
    postgres.batch_execute(patience).map_err(|error| StoreError::of_read(&error))?;
    let tables = tables(source)?;
    for Table { name, .. } in &tables {
        if PREFILLED.contains(&name.as_str()) {
            run(target, &["DELETE FROM \"", name, "\""].concat())?;
        } else if count(target, name)? > 0 {
            return Err(TransferError::NotEmpty(name.clone()));
        }
    }
    for table in &tables {
        copy(source, target, table, progress)?;
        advance_numbers(target, table)?;
    }
    let mut sums = Vec::new();
    for table in &tables {
        let (sent, arrived) = (sum(source, table)?, sum(target, table)?);
        if sent != arrived {
            return Err(TransferError::Differs(table.name.clone()));
        }
        sums.push(arrived);
    }
    Ok(sums)
}

/// A table, as the catalogue of the database names it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Table {
    name: String,
    columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    is_blob: bool,
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// All tables, each behind those that its rows refer to. Of PostgreSQL, those of SQLite are asked
/// for by name, so the order does not matter there.
fn tables(connection: &mut AnyConnection) -> Result<Vec<Table>, StoreError> {
    let of_sqlite = "SELECT name FROM sqlite_master \
                     WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name";
    let of_postgres = "SELECT table_name::text AS name FROM information_schema.tables \
                       WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' \
                       ORDER BY 1";
    let names: QueryResult<Vec<Name>> = match connection {
        AnyConnection::Sqlite(connection) => diesel::sql_query(of_sqlite).load(connection),
        AnyConnection::Postgres(connection) => diesel::sql_query(of_postgres).load(connection),
    };
    let names = names.map_err(|error| StoreError::of_read(&error))?;
    let mut waiting = Vec::new();
    for Name { name } in names.into_iter().filter(|name| name.name != MIGRATIONS) {
        let parents = parents(connection, &name)?;
        waiting.push((Table { columns: columns(connection, &name)?, name }, parents));
    }
    let mut sorted: Vec<Table> = Vec::new();
    while !waiting.is_empty() {
        let is_ready = |parents: &BTreeSet<String>| {
            parents.iter().all(|parent| sorted.iter().any(|table| table.name == *parent))
        };
        // Tables that refer to each other would wait for ever: the first of them goes first.
        let next = waiting.iter().position(|(_, parents)| is_ready(parents)).unwrap_or_default();
        sorted.push(waiting.remove(next).0);
    }
    Ok(sorted)
}

fn parents(connection: &mut AnyConnection, table: &str) -> Result<BTreeSet<String>, StoreError> {
    let AnyConnection::Sqlite(connection) = connection else { return Ok(BTreeSet::new()) };
    let parents: Vec<Name> =
        diesel::sql_query("SELECT \"table\" AS name FROM pragma_foreign_key_list(?)")
            .bind::<Text, _>(table)
            .load(connection)
            .map_err(|error| StoreError::of_read(&error))?;
    Ok(parents.into_iter().map(|parent| parent.name).filter(|parent| parent != table).collect())
}

fn columns(connection: &mut AnyConnection, table: &str) -> Result<Vec<Column>, StoreError> {
    match connection {
        AnyConnection::Sqlite(connection) => diesel::sql_query(
            "SELECT name, upper(type) = 'BLOB' AS is_blob FROM pragma_table_info(?) ORDER BY name",
        )
        .bind::<Text, _>(table)
        .load(connection),
        AnyConnection::Postgres(connection) => diesel::sql_query(
            "SELECT column_name::text AS name, data_type = 'bytea' AS is_blob \
             FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = $1 \
             ORDER BY column_name::text COLLATE \"C\"",
        )
        .bind::<Text, _>(table)
        .load(connection),
    }
    .map_err(|error| StoreError::of_read(&error))
}

/// Sends all rows of a table, as JSON, which PostgreSQL reads into columns of its own types.
fn copy(
    source: &mut AnyConnection,
    target: &mut AnyConnection,
    table: &Table,
    progress: &mut impl FnMut(&str, u64),
) -> Result<(), TransferError> {
    let (AnyConnection::Sqlite(source), AnyConnection::Postgres(target)) = (source, target) else {
        return Err(TransferError::Direction);
    };
    let of_read = |error: diesel::result::Error| StoreError::of_read(&error);
    let members = table.columns.iter().map(|Column { name, is_blob }| match is_blob {
        true => ["'", name, "', '\\x' || hex(\"", name, "\")"].concat(),
        false => ["'", name, "', \"", name, "\""].concat(),
    });
    let members: Vec<String> = members.collect();
    let read = ["SELECT json_object(", &members.join(", "), ") AS line FROM \"", &table.name, "\""];
    let names: Vec<String> =
        table.columns.iter().map(|column| ["\"", &column.name, "\""].concat()).collect();
    let names = names.join(", ");
    let write = [
        "INSERT INTO \"",
        &table.name,
        "\" (",
        &names,
        // Numbers that the database would give out itself are kept, too.
        ") OVERRIDING SYSTEM VALUE SELECT ",
        &names,
        " FROM json_populate_recordset(NULL::\"",
        &table.name,
        "\", $1::json)",
    ]
    .concat();
    let mut page: Vec<String> = Vec::new();
    let mut sent = 0;
    let mut flush = |page: &mut Vec<String>| -> Result<(), StoreError> {
        let json = ["[", &page.join(","), "]"].concat();
        diesel::sql_query(&write).bind::<Text, _>(json).execute(target).map_err(of_read)?;
        sent += u64::try_from(page.len()).unwrap_or_default();
        progress(&table.name, sent);
        page.clear();
        Ok(())
    };
    for line in diesel::sql_query(read.concat()).load_iter::<Line, _>(source).map_err(of_read)? {
        page.push(line.map_err(of_read)?.line);
        if page.len() == PAGE {
            flush(&mut page)?;
        }
    }
    if !page.is_empty() {
        flush(&mut page)?;
    }
    Ok(())
}

/// Lets columns that PostgreSQL numbers itself go on behind the highest number that was copied.
fn advance_numbers(target: &mut AnyConnection, table: &Table) -> Result<(), StoreError> {
    let AnyConnection::Postgres(target) = target else { return Ok(()) };
    for Column { name, .. } in &table.columns {
        let advance = [
            "SELECT setval(s.name, (SELECT max(\"",
            name,
            "\") FROM \"",
            &table.name,
            "\")::bigint) FROM (SELECT pg_get_serial_sequence($1, $2) AS name) AS s \
             WHERE s.name IS NOT NULL AND EXISTS (SELECT 1 FROM \"",
            &table.name,
            "\")",
        ];
        // Only of such a column is there a highest number.
        let is_numbered: Number = diesel::sql_query(
            "SELECT (pg_get_serial_sequence($1, $2) IS NOT NULL)::int::bigint AS number",
        )
        .bind::<Text, _>(&table.name)
        .bind::<Text, _>(name)
        .get_result(target)
        .map_err(|error| StoreError::of_read(&error))?;
        if is_numbered.number == 1 {
            diesel::sql_query(advance.concat())
                .bind::<Text, _>(&table.name)
                .bind::<Text, _>(name)
                .execute(target)
                .map_err(|error| StoreError::of_read(&error))?;
        }
    }
    Ok(())
}

/// Adds up all rows of a table, in one pass.
fn sum(connection: &mut AnyConnection, table: &Table) -> Result<TableSum, StoreError> {
    let mut sum = Sum::default();
    let of_read = |error: diesel::result::Error| StoreError::of_read(&error);
    // Each value with its length before it, so that no two rows look alike.
    let read = |text: &dyn Fn(&Column) -> String| {
        let values = table.columns.iter().map(|column| {
            let value = text(column);
            ["coalesce(length(", &value, ") || ':' || ", &value, ", '-')"].concat()
        });
        let values: Vec<String> = values.collect();
        ["SELECT ", &values.join(" || ';' || "), " AS line FROM \"", &table.name, "\""].concat()
    };
    match connection {
        AnyConnection::Sqlite(connection) => {
            let query = read(&|Column { name, is_blob }| match is_blob {
                true => ["hex(\"", name, "\")"].concat(),
                false => ["CAST(\"", name, "\" AS TEXT)"].concat(),
            });
            for line in
                diesel::sql_query(query).load_iter::<Line, _>(connection).map_err(of_read)?
            {
                sum.add(&line.map_err(of_read)?.line);
            }
        }
        AnyConnection::Postgres(connection) => {
            let query = read(&|Column { name, is_blob }| match is_blob {
                true => ["upper(encode(\"", name, "\", 'hex'))"].concat(),
                false => ["\"", name, "\"::text"].concat(),
            });
            let lines =
                diesel::sql_query(query).load_iter::<Line, PgRowByRowLoadingMode>(connection);
            for line in lines.map_err(of_read)? {
                sum.add(&line.map_err(of_read)?.line);
            }
        }
    }
    Ok(TableSum { table: table.name.clone(), rows: sum.rows, sum: sum.in_hex() })
}

/// A sum of hashes, as a number of 256 bits that starts anew when it is full.
#[derive(Default)]
struct Sum {
    rows: u64,
    bytes: [u8; 32],
}

impl Sum {
    fn add(&mut self, row: &str) {
        self.rows += 1;
        let mut carry = 0;
        for (byte, hashed) in self.bytes.iter_mut().zip(Sha256::digest(row)) {
            let added = u16::from(*byte) + u16::from(hashed) + carry;
            let [low, high] = added.to_le_bytes();
            *byte = low;
            carry = u16::from(high);
        }
    }

    fn in_hex(&self) -> String {
        let digit = |number: u8| char::from_digit(number.into(), 16).unwrap_or('0');
        self.bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }
}

fn run(connection: &mut AnyConnection, statement: &str) -> Result<(), StoreError> {
    connection.batch_execute(statement).map_err(|error| StoreError::of_read(&error))
}

fn count(connection: &mut AnyConnection, table: &str) -> Result<i64, StoreError> {
    let query = ["SELECT count(*) AS number FROM \"", table, "\""].concat();
    let number: QueryResult<Number> = match connection {
        AnyConnection::Postgres(connection) => diesel::sql_query(query).get_result(connection),
        AnyConnection::Sqlite(connection) => diesel::sql_query(query).get_result(connection),
    };
    number.map(|number| number.number).map_err(|error| StoreError::of_read(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_rows_does_not_change_their_sum_and_any_other_change_does() {
        let sum = |rows: &[&str]| {
            let mut sum = Sum::default();
            for row in rows {
                sum.add(row);
            }
            sum.in_hex()
        };
        assert_eq!(sum(&["a", "b", "c"]), sum(&["c", "a", "b"]));
        assert_ne!(sum(&["a", "b"]), sum(&["a", "c"]));
        assert_ne!(sum(&["a"]), sum(&["a", "a"]));
        assert_eq!(sum(&[]), "0".repeat(64));
    }
}

//! Moves a database from SQLite to PostgreSQL, and compares databases by checksums. Both read the
//! catalogue of tables, so that a new table is never forgotten.

mod checksums;
mod tables;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::database::connection::{AnyConnection, Manager, Purpose};
use crate::database::long_reads::open_without_timeouts;
use crate::database::process_lock::ProcessLock;
use crate::database::transaction;
use crate::database::url::DatabaseUrl;
use crate::{StoreError, migrate, schema_state};

use checksums::checksum;
pub use checksums::{TableChecksum, checksums};
use tables::{Column, Table, tables};

/// Why a database was not moved. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// Only SQLite to PostgreSQL is supported.
    #[error("only SQLite to PostgreSQL is supported; otherwise export and import")]
    Direction,
    /// The target database is not empty.
    #[error("the table {0} of the target database is not empty")]
    NotEmpty(String),
    /// The checksums of a table differ.
    #[error("the checksums of the table {0} differ; nothing was written")]
    Differs(String),
    /// A database error.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// How many rows one statement inserts.
const PAGE: usize = 2_000;
/// Tables in which a new database has a row.
const PREFILLED: [&str; 4] = ["policy", "counters", "event_feed", "api_key_state"];
/// Copies all rows of an unused SQLite database into an empty PostgreSQL database in one transaction,
/// and compares checksums before the commit. Returns the checksums.
///
/// # Errors
/// [`TransferError`]; then nothing is written.
pub fn move_to_postgres(
    from: &DatabaseUrl,
    to: &DatabaseUrl,
    mut progress: impl FnMut(&str, u64),
) -> Result<Vec<TableChecksum>, TransferError> {
    if !matches!((from, to), (DatabaseUrl::Sqlite(_), DatabaseUrl::Postgres(_))) {
        return Err(TransferError::Direction);
    }
    // Writes to the source meanwhile would be lost.
    from.check_exists()?;
    let _lock = ProcessLock::exclusive(from)?;
    schema_state(from)?.check(from)?;
    let mut source = open_without_timeouts(from)?;
    migrate(to)?;
    let mut target = Manager::new(to, Purpose::Write).open()?;
    transaction::begin(&mut target).map_err(StoreError::from)?;
    let moved = transaction::read_only(&mut source, |source| {
        Ok(copy_all(source, &mut target, &mut progress))
    });
    match moved.map_err(TransferError::from).and_then(|moved| moved) {
        Ok(verified) => {
            transaction::commit(&mut target).map_err(|error| {
                log::warn!("the commit has no response: {error:?}");
                StoreError::OutcomeUnknown
            })?;
            Ok(verified)
        }
        Err(error) => {
            transaction::roll_back(&mut target);
            Err(error)
        }
    }
}

fn copy_all(
    source: &mut AnyConnection,
    target: &mut AnyConnection,
    progress: &mut impl FnMut(&str, u64),
) -> Result<Vec<TableChecksum>, TransferError> {
    let AnyConnection::Postgres(postgres) = target else { return Err(TransferError::Direction) };
    let no_timeouts =
        "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
    postgres.batch_execute(no_timeouts).map_err(|error| StoreError::from_read(&error))?;
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
    let mut verified = Vec::new();
    for table in &tables {
        let (sent, arrived) = (checksum(source, table)?, checksum(target, table)?);
        if sent != arrived {
            return Err(TransferError::Differs(table.name.clone()));
        }
        verified.push(arrived);
    }
    Ok(verified)
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

/// Copies all rows of a table as JSON, which PostgreSQL converts to its own types.
fn copy(
    source: &mut AnyConnection,
    target: &mut AnyConnection,
    table: &Table,
    progress: &mut impl FnMut(&str, u64),
) -> Result<(), TransferError> {
    let (AnyConnection::Sqlite(source), AnyConnection::Postgres(target)) = (source, target) else {
        return Err(TransferError::Direction);
    };
    let from_read = |error: diesel::result::Error| StoreError::from_read(&error);
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
        // Keeps the numbers of identity columns.
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
        diesel::sql_query(&write).bind::<Text, _>(json).execute(target).map_err(from_read)?;
        sent += u64::try_from(page.len()).unwrap_or_default();
        progress(&table.name, sent);
        page.clear();
        Ok(())
    };
    for line in diesel::sql_query(read.concat()).load_iter::<Line, _>(source).map_err(from_read)? {
        page.push(line.map_err(from_read)?.line);
        if page.len() == PAGE {
            flush(&mut page)?;
        }
    }
    if !page.is_empty() {
        flush(&mut page)?;
    }
    Ok(())
}

/// Advances identity columns past the highest copied number.
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
        // Only such a column has a highest number.
        let is_numbered: Number = diesel::sql_query(
            "SELECT (pg_get_serial_sequence($1, $2) IS NOT NULL)::int::bigint AS number",
        )
        .bind::<Text, _>(&table.name)
        .bind::<Text, _>(name)
        .get_result(target)
        .map_err(|error| StoreError::from_read(&error))?;
        if is_numbered.number == 1 {
            diesel::sql_query(advance.concat())
                .bind::<Text, _>(&table.name)
                .bind::<Text, _>(name)
                .execute(target)
                .map_err(|error| StoreError::from_read(&error))?;
        }
    }
    Ok(())
}

fn run(connection: &mut AnyConnection, statement: &str) -> Result<(), StoreError> {
    connection.batch_execute(statement).map_err(|error| StoreError::from_read(&error))
}

fn count(connection: &mut AnyConnection, table: &str) -> Result<i64, StoreError> {
    let query = ["SELECT count(*) AS number FROM \"", table, "\""].concat();
    let number: QueryResult<Number> = match connection {
        AnyConnection::Postgres(connection) => diesel::sql_query(query).get_result(connection),
        AnyConnection::Sqlite(connection) => diesel::sql_query(query).get_result(connection),
    };
    number.map(|number| number.number).map_err(|error| StoreError::from_read(&error))
}

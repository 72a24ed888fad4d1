//! The tables of a database, read from its catalogue.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use crate::StoreError;
use crate::database::connection::AnyConnection;

/// Diesel's list of migrations, and the bounds that only SQLite's triggers use.
const OWN: [&str; 2] = ["__diesel_schema_migrations", "slot_lengths"];

/// A table in the database's catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub(super) struct Column {
    #[diesel(sql_type = Text)]
    pub(super) name: String,
    #[diesel(sql_type = Bool)]
    pub(super) is_blob: bool,
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Lists all tables, each after those that its rows refer to. The order matters for SQLite only.
pub(super) fn tables(connection: &mut AnyConnection) -> Result<Vec<Table>, StoreError> {
    let of_sqlite = "SELECT name FROM sqlite_master \
                     WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name";
    let of_postgres = "SELECT table_name::text AS name FROM information_schema.tables \
                       WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' \
                       ORDER BY 1";
    let names: QueryResult<Vec<Name>> = match connection {
        AnyConnection::Sqlite(connection) => diesel::sql_query(of_sqlite).load(connection),
        AnyConnection::Postgres(connection) => diesel::sql_query(of_postgres).load(connection),
    };
    let names = names.map_err(|error| StoreError::from_read(&error))?;
    let mut waiting = Vec::new();
    for Name { name } in names.into_iter().filter(|name| !OWN.contains(&name.name.as_str())) {
        let parents = parents(connection, &name)?;
        waiting.push((Table { columns: columns(connection, &name)?, name }, parents));
    }
    let mut sorted: Vec<Table> = Vec::new();
    while !waiting.is_empty() {
        let is_ready = |parents: &BTreeSet<String>| {
            parents.iter().all(|parent| sorted.iter().any(|table| table.name == *parent))
        };
        // Tables that refer to each other would never be ready, so the first of them goes first.
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
            .map_err(|error| StoreError::from_read(&error))?;
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
    .map_err(|error| StoreError::from_read(&error))
}

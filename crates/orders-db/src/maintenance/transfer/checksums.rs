//! Checksums of tables, equal on both databases.

use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::Text;
use sha2::{Digest, Sha256};

use super::tables::{Column, Table, tables};
use crate::StoreError;
use crate::database::connection::AnyConnection;
use crate::database::long_reads::open_without_timeouts;
use crate::database::transaction;
use crate::database::url::DatabaseUrl;

/// The checksum of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableChecksum {
    /// The table.
    pub table: String,
    /// The number of rows.
    pub rows: u64,
    /// The sum of the SHA-256 of all rows, in hexadecimal. It does not depend on the order of rows.
    pub sum: String,
}

/// Computes the checksums of all tables at one moment. Blocks.
///
/// # Errors
/// [`StoreError::Unavailable`] if it cannot be read.
pub fn checksums(url: &DatabaseUrl) -> Result<Vec<TableChecksum>, StoreError> {
    let mut connection = open_without_timeouts(url)?;
    transaction::read_only(&mut connection, |connection| {
        tables(connection)?.iter().map(|table| checksum(connection, table)).collect()
    })
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Computes the checksum of a table in one pass.
pub(super) fn checksum(
    connection: &mut AnyConnection,
    table: &Table,
) -> Result<TableChecksum, StoreError> {
    let mut sum = Sum::default();
    let from_read = |error: diesel::result::Error| StoreError::from_read(&error);
    // Each value follows its length, so that no two rows have the same text.
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
                diesel::sql_query(query).load_iter::<Line, _>(connection).map_err(from_read)?
            {
                sum.add(&line.map_err(from_read)?.line);
            }
        }
        AnyConnection::Postgres(connection) => {
            let query = read(&|Column { name, is_blob }| match is_blob {
                true => ["upper(encode(\"", name, "\", 'hex'))"].concat(),
                false => ["\"", name, "\"::text"].concat(),
            });
            let lines =
                diesel::sql_query(query).load_iter::<Line, PgRowByRowLoadingMode>(connection);
            for line in lines.map_err(from_read)? {
                sum.add(&line.map_err(from_read)?.line);
            }
        }
    }
    Ok(TableChecksum { table: table.name.clone(), rows: sum.rows, sum: sum.in_hex() })
}

/// A sum of hashes, modulo 2^256.
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

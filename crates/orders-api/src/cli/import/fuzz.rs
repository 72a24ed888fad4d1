//! Access to the readers of files for fuzzing.

use std::io::Cursor;

use super::document::Document;
use super::{cells, lines};
use crate::cli::FileFormat;
use crate::orders::import_request::ImportBody;

/// A row: its line, its column, the offset of its end, and its order.
pub(crate) type ReadRow = (u64, u64, u64, Result<ImportBody, String>);

/// Reads all rows of a file. `Err` if it cannot be read to its end.
pub(crate) fn read_rows(format: FileFormat, bytes: &[u8]) -> (Vec<ReadRow>, Result<(), String>) {
    let mut rows = Vec::new();
    let mut each = |row: super::Row| {
        rows.push((row.line, row.column, row.end, row.read));
        true
    };
    let input = Box::new(Cursor::new(bytes.to_vec()));
    let read = match format {
        FileFormat::Json => {
            Document::read(input).and_then(|document| document.rows(true, &mut each))
        }
        FileFormat::Ndjson => lines::read(input, true, &mut each),
        FileFormat::Csv => cells::read(input, true, &mut each),
    };
    (rows, read.map_err(|error| error.to_string()))
}

/// Whether a document is valid.
pub(crate) fn passes_check(bytes: &[u8]) -> bool {
    Document::read(bytes).is_ok()
}

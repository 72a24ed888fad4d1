//! The file to import: rows with their places, in any format.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use crate::cli::FileFormat;
use crate::cli::import::document::Document;
use crate::cli::import::{cells, lines};
use crate::http::json;
use crate::http::json::Json;
use crate::http::problem::FieldError;
use crate::orders::import_request::ImportBody;
use crate::services::request::ServiceBody;

/// A row of a file.
#[derive(Debug)]
pub(super) struct Row {
    /// The line at which it begins, from 1.
    pub(super) line: u64,
    /// The column at which it begins, in bytes, from 1.
    pub(super) column: u64,
    /// The offset of its end in the file, in bytes.
    pub(super) end: u64,
    /// Its text in the file. Empty where it is not needed.
    pub(super) raw: String,
    /// The order, or why the row is invalid.
    pub(super) read: Result<ImportBody, String>,
}

/// Why a file cannot be read. Invalid rows are no such error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error("line {line} column {column}: {why}")]
    Fault { line: u64, column: u64, why: String },
    #[error("the JSON document is longer than 64 MiB; import it as NDJSON, one order a line")]
    TooLong,
    #[error("{0}")]
    File(#[from] io::Error),
}

/// The longest row, in bytes.
pub(super) const LONGEST: usize = 64 * 1024;

/// A file to import. A JSON document is read as a whole before any of it is used: half a document is
/// invalid, and its services may follow its orders.
pub(super) struct Source {
    input: Input,
    keep_raw: bool,
    /// How long the file is, in bytes, if that is known.
    pub(super) length: Option<u64>,
    /// The services that it has.
    pub(super) services: Vec<ServiceBody>,
}

enum Input {
    Json(Document),
    Ndjson(Box<dyn Read + Send>),
    Csv(Box<dyn Read + Send>),
}

impl Source {
    /// Opens a file, or standard input.
    pub(super) fn open(
        path: &Path,
        format: FileFormat,
        keep_raw: bool,
    ) -> Result<Self, SourceError> {
        let mut length = None;
        let input: Box<dyn Read + Send> = if path == Path::new("-") {
            Box::new(io::stdin())
        } else {
            let file = File::open(path)?;
            length = Some(file.metadata()?).filter(Metadata::is_file).map(|file| file.len());
            Box::new(file)
        };
        let input = without_mark(input)?;
        let mut services = Vec::new();
        let input = match format {
            FileFormat::Json => {
                let mut document = Document::read(input)?;
                services = std::mem::take(&mut document.services);
                Input::Json(document)
            }
            FileFormat::Ndjson => Input::Ndjson(input),
            FileFormat::Csv => Input::Csv(input),
        };
        Ok(Self { input, keep_raw, length, services })
    }

    /// Hands out all rows, until `each` returns `false`.
    pub(super) fn read(self, each: &mut dyn FnMut(Row) -> bool) -> Result<(), SourceError> {
        match self.input {
            Input::Json(document) => document.rows(self.keep_raw, each),
            Input::Ndjson(input) => lines::read(input, self.keep_raw, each),
            Input::Csv(input) => cells::read(input, self.keep_raw, each),
        }
    }
}

/// Skips a byte order mark, with which spreadsheets and editors begin a file.
fn without_mark(mut input: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
    const MARK: &[u8] = b"\xEF\xBB\xBF";
    let mut first = Vec::new();
    let length = u64::try_from(MARK.len()).unwrap_or(u64::MAX);
    (&mut input).take(length).read_to_end(&mut first)?;
    Ok(if first == MARK { input } else { Box::new(io::Cursor::new(first).chain(input)) })
}

/// Reads an order of a file.
pub(super) fn read_order(json: &Json<'_>) -> Result<ImportBody, String> {
    crate::orders::import_request::read_import(json).map_err(in_words)
}

/// All errors of a value, in one line.
pub(super) fn in_words(errors: Vec<FieldError>) -> String {
    let words = errors.into_iter().map(|error| match error.pointer.as_str() {
        "" => error.detail,
        pointer => format!("{pointer} {}", error.detail),
    });
    words.collect::<Vec<_>>().join("; ")
}

/// The line, column and message of an error in a JSON text that begins at a place in a file.
pub(super) fn fault_at((line, column): (u64, u64), error: &json::JsonError) -> (u64, u64, String) {
    let why = error.to_string().replacen("The body", "the value", 1);
    match error.place() {
        Some((1, within)) => {
            (line, column + within - 1, "is not JSON".to_owned() + &message_of(&why))
        }
        Some((more, within)) => {
            (line + more - 1, within, "is not JSON".to_owned() + &message_of(&why))
        }
        None => (line, column, why.trim_end_matches('.').to_owned()),
    }
}

/// The message of the parser without the place.
fn message_of(why: &str) -> String {
    let what = why.split_once(": ").map_or("", |(_, what)| what);
    format!(": {}", what.trim_end_matches('.'))
}

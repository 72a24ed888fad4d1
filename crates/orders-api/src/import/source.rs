//! What an import reads: rows with their places, from whichever kind of file.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use crate::cli::FileFormat;
use crate::import::{cells, document, lines};
use crate::json::{self, Json};
use crate::problem::FieldError;
use crate::wire::{self, ImportBody, ServiceBody};

/// A row of a file.
#[derive(Debug)]
pub(super) struct Row {
    /// Where it begins, from 1.
    pub(super) line: u64,
    /// In bytes, from 1.
    pub(super) column: u64,
    /// How much of the file is read with it, in bytes.
    pub(super) end: u64,
    /// As it stands in the file; empty where nobody wants to know.
    pub(super) raw: String,
    /// What it says, or what is wrong with it.
    pub(super) read: Result<ImportBody, String>,
}

/// Why a file cannot be read on. What its rows say is not meant here.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    #[error("line {line} column {column}: {why}")]
    Fault { line: u64, column: u64, why: String },
    #[error("{0}")]
    File(#[from] io::Error),
}

/// The longest row, in bytes.
pub(super) const LONGEST: usize = 64 * 1024;

/// A file that can be read more than once, where that is needed.
pub(super) struct Source {
    input: Input,
    format: FileFormat,
    keep_raw: bool,
    /// How long the file is, in bytes, if that is known.
    pub(super) length: Option<u64>,
    /// The services that it has, each with its line.
    pub(super) services: Vec<(u64, ServiceBody)>,
}

enum Input {
    File(File),
    Pipe(Box<dyn Read + Send>),
}

impl Source {
    /// Opens a file, or standard input. A JSON document is looked through once before any of it is
    /// used: half a document is none, and its services may stand behind its orders.
    pub(super) fn open(
        path: &Path,
        format: FileFormat,
        keep_raw: bool,
    ) -> Result<Self, SourceError> {
        let mut input = if path == Path::new("-") {
            Input::Pipe(Box::new(io::stdin()))
        } else {
            let file = File::open(path)?;
            if file.metadata()?.is_file() { Input::File(file) } else { Input::Pipe(Box::new(file)) }
        };
        if let (Input::Pipe(pipe), FileFormat::Json) = (&mut input, format) {
            let mut file = tempfile::tempfile()?;
            io::copy(pipe, &mut file)?;
            file.rewind()?;
            input = Input::File(file);
        }
        let mut source = Self { input, format, keep_raw, length: None, services: Vec::new() };
        if let Input::File(file) = &mut source.input {
            source.length = Some(file.metadata()?.len());
            if format == FileFormat::Json {
                source.services = document::check(&*file)?;
                file.rewind()?;
            }
        }
        Ok(source)
    }

    /// Hands out all rows, until `each` says that it is enough.
    pub(super) fn read(self, each: &mut dyn FnMut(Row) -> bool) -> Result<(), SourceError> {
        let input: Box<dyn Read + Send> = match self.input {
            Input::File(file) => Box::new(file),
            Input::Pipe(pipe) => pipe,
        };
        match self.format {
            FileFormat::Json => document::read(input, self.keep_raw, each),
            FileFormat::Ndjson => lines::read(input, self.keep_raw, each),
            FileFormat::Csv => cells::read(input, self.keep_raw, each),
        }
    }
}

/// What a JSON value says of an order.
pub(super) fn read_order(json: &Json<'_>) -> Result<ImportBody, String> {
    wire::read_import(json).map_err(in_words)
}

/// All that is wrong with a value.
pub(super) fn in_words(errors: Vec<FieldError>) -> String {
    let words = errors.into_iter().map(|error| match error.pointer.as_str() {
        "" => error.detail,
        pointer => format!("{pointer} {}", error.detail),
    });
    words.collect::<Vec<_>>().join("; ")
}

/// What is wrong with a JSON text that begins at a place of a file: where, and why.
pub(super) fn fault_at((line, column): (u64, u64), error: &json::JsonError) -> (u64, u64, String) {
    let why = error.to_string().replacen("The body", "what begins here", 1);
    match error.place() {
        Some((1, within)) => (line, column + within - 1, "is not JSON".to_owned() + &behind(&why)),
        Some((more, within)) => (line + more - 1, within, "is not JSON".to_owned() + &behind(&why)),
        None => (line, column, why.trim_end_matches('.').to_owned()),
    }
}

/// What the parser says, behind the place that it names.
fn behind(why: &str) -> String {
    let what = why.split_once(": ").map_or("", |(_, what)| what);
    format!(": {}", what.trim_end_matches('.'))
}

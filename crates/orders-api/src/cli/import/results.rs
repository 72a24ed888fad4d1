//! The result of each row: printed and counted.

use std::fs::File;
use std::io::{self, BufWriter, Stdout, Write};
use std::path::Path;

use serde::Serialize;

use super::ImportError;
use super::source::Row;

/// The result of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowResult {
    Accepted,
    /// The row is valid, but another row was rejected.
    NotAttempted,
    /// The order is too close to another one, or its id exists.
    Conflict(String),
    /// The row is invalid.
    Invalid(String),
}

#[derive(Serialize)]
struct RowResultView<'a> {
    line: u64,
    column: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "verdict")]
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<&'a str>,
}

pub(super) struct Results {
    out: BufWriter<Stdout>,
    /// The file of rejected rows, and its name.
    rejected_rows: Option<(BufWriter<File>, String)>,
    quiet: bool,
    pub(super) accepted: u64,
    pub(super) not_attempted: u64,
    pub(super) conflicts: u64,
    pub(super) invalid: u64,
}

impl Results {
    pub(super) fn new(rejected: Option<&Path>, quiet: bool) -> Result<Self, ImportError> {
        let create = |path: &Path| {
            let name = path.display().to_string();
            match File::create(path) {
                Ok(file) => Ok((BufWriter::new(file), name)),
                Err(error) => Err(ImportError::Output(name, error)),
            }
        };
        let rejected_rows = rejected.map(create).transpose()?;
        let out = BufWriter::with_capacity(64 * 1024, io::stdout());
        Ok(Self {
            out,
            rejected_rows,
            quiet,
            accepted: 0,
            not_attempted: 0,
            conflicts: 0,
            invalid: 0,
        })
    }

    pub(super) fn record(&mut self, row: &Row, result: &RowResult) -> Result<(), ImportError> {
        let (word, reason, number) = match result {
            RowResult::Accepted => ("accepted", None, &mut self.accepted),
            RowResult::NotAttempted => ("not attempted", None, &mut self.not_attempted),
            RowResult::Conflict(why) => ("rejected", Some(why.as_str()), &mut self.conflicts),
            RowResult::Invalid(why) => ("rejected", Some(why.as_str()), &mut self.invalid),
        };
        *number += 1;
        if self.quiet && *result == RowResult::Accepted {
            return Ok(());
        }
        let id = row.read.as_ref().ok().and_then(|body| body.id.as_ref()).map(AsRef::as_ref);
        let Row { line, column, .. } = *row;
        let mut view = RowResultView { line, column, id, result: word, reason, row: None };
        write_line(&mut self.out, &view).map_err(stdout)?;
        if let (Some((out, name)), Some(_)) = (&mut self.rejected_rows, reason) {
            view.row = Some(&row.raw);
            write_line(out, &view).map_err(|error| ImportError::Output(name.clone(), error))?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), ImportError> {
        self.out.flush().map_err(stdout)?;
        let Some((out, name)) = &mut self.rejected_rows else { return Ok(()) };
        out.flush().map_err(|error| ImportError::Output(name.clone(), error))
    }

    pub(super) fn rows(&self) -> u64 {
        self.accepted + self.not_attempted + self.conflicts + self.invalid
    }
}

fn stdout(error: io::Error) -> ImportError {
    ImportError::Output("to standard output".to_owned(), error)
}

fn write_line(out: &mut impl Write, view: &RowResultView<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, view)?;
    out.write_all(b"\n")
}

//! The command `import`: orders from a file, validated and stored like any others, in chunks or in one
//! transaction, with a result for each row.

mod cells;
mod chunks;
mod document;
#[cfg(test)]
pub(crate) mod fuzz;
mod groups;
mod lines;
mod results;
mod source;

use std::error::Error;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use orders_core::decide::Batch;
use orders_db::{Store, StoreError};

use self::chunks::ChunkWriter;
pub(crate) use self::document::Document;
use self::results::{Results, RowResult};
pub(crate) use self::source::SourceError;
use self::source::{Row, Source};
use crate::Usage;
use crate::cli::export::format_of;
use crate::cli::{ImportOptions, OnConflict};
use crate::services::request::ServiceBody;

/// Why an import ended early.
#[derive(Debug, thiserror::Error)]
enum ImportError {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Source(#[from] SourceError),
    #[error("{0}")]
    Output(#[from] io::Error),
    #[error("{0}")]
    Refused(String),
    #[error("the outcome does not fit the rows")]
    Unexpected,
}

/// The number of rows in a transaction, where others may write in between.
const CHUNK: usize = 1_000;

pub(crate) fn run(store: &Store, options: &ImportOptions) -> Result<(), Box<dyn Error>> {
    let file = &options.file;
    let Some(format) = options.format.or_else(|| format_of(file)) else {
        let why = "the extension of the file names no format; use --format json, ndjson or csv";
        return Err(Usage(why.to_owned()).into());
    };
    if options.rejected.as_deref().is_some_and(|rejected| is_same_file(rejected, file)) {
        return Err(Usage("the rejected rows would overwrite the file".to_owned()).into());
    }
    let named = |error: SourceError| format!("{}: {error}", file.display());
    let source = Source::open(file, format, options.rejected.is_some()).map_err(named)?;
    let results = Results::new(options.rejected.as_deref(), options.quiet)?;
    let writer = ChunkWriter::new(store, options.on_conflict, options.create_services);
    let mut run = Run { writer, results, bar: progress_bar(source.length) };
    let result = run.import(source, options);
    run.results.flush()?;
    run.bar.finish_and_clear();
    if let Err(error) = result {
        let stored = match (options.on_conflict, options.dry_run) {
            (OnConflict::Skip | OnConflict::AcceptGroup, false) => run.results.accepted,
            (OnConflict::RejectAll, _) | (_, true) => 0,
        };
        return Err(format!("{}: {error}; {stored} orders were imported", file.display()).into());
    }
    conclude(&run.results, options)
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Reports the summary. Fails if rows were rejected that were not to be skipped.
fn conclude(results: &Results, options: &ImportOptions) -> Result<(), Box<dyn Error>> {
    let Results { accepted, not_attempted, conflicts, invalid, .. } = results;
    let word = if options.dry_run { "would be imported" } else { "imported" };
    let summary = format!(
        "{accepted} orders {word}; {conflicts} rows rejected as conflicts, {invalid} as \
         invalid, {not_attempted} not attempted"
    );
    let is_fine = *invalid == 0
        && *not_attempted == 0
        && (*conflicts == 0 || options.on_conflict == OnConflict::Skip);
    if is_fine {
        log::info!("{summary}");
        return Ok(());
    }
    Err(summary.into())
}

fn progress_bar(length: Option<u64>) -> ProgressBar {
    let is_seen = io::stderr().is_terminal();
    let target = if is_seen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(length, target);
    let template = match length {
        Some(_) => "{bar:30} {percent:>3} %  {msg}, {eta} left",
        None => "{spinner} {msg}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

struct Run<'s> {
    writer: ChunkWriter<'s>,
    results: Results,
    bar: ProgressBar,
}

impl Run<'_> {
    fn import(&mut self, mut source: Source, options: &ImportOptions) -> Result<(), ImportError> {
        let services = std::mem::take(&mut source.services);
        let in_one_transaction = options.dry_run || options.on_conflict == OnConflict::RejectAll;
        if !in_one_transaction {
            for service in services {
                self.writer.add_service(service)?;
            }
            return self.in_chunks(source);
        }
        self.in_one_transaction(source, services, options)
    }

    /// Imports all rows in one transaction. It commits if all are accepted and this is no dry run.
    /// The rows are read before it begins, because other writers wait for its end.
    fn in_one_transaction(
        &mut self,
        source: Source,
        services: Vec<ServiceBody>,
        options: &ImportOptions,
    ) -> Result<(), ImportError> {
        let rows = collect(source, options)?;
        self.writer.begin_transaction()?;
        for service in services {
            self.writer.add_service(service)?;
        }
        let mut results = Vec::with_capacity(rows.len());
        for chunk in rows.chunks(CHUNK) {
            results.append(&mut self.writer.run(chunk)?);
        }
        let is_fine = results.iter().all(|result| *result == RowResult::Accepted);
        if is_fine && !options.dry_run {
            self.writer.commit()?;
        } else {
            self.writer.roll_back();
        }
        if !is_fine && options.on_conflict == OnConflict::RejectAll {
            for result in results.iter_mut().filter(|result| **result == RowResult::Accepted) {
                *result = RowResult::NotAttempted;
            }
        }
        self.record(&rows, &results)
    }

    fn in_chunks(&mut self, source: Source) -> Result<(), ImportError> {
        let (rows, reader) = read_ahead(source);
        for chunk in rows {
            let results = self.writer.run(&chunk)?;
            self.record(&chunk, &results)?;
        }
        ended(reader)
    }

    fn record(&mut self, rows: &[Row], results: &[RowResult]) -> Result<(), ImportError> {
        for (row, result) in rows.iter().zip(results) {
            self.results.record(row, result)?;
        }
        self.results.flush()?;
        let number = self.results.rows();
        let seconds = self.bar.elapsed().max(Duration::from_millis(1));
        let rate = u128::from(number) * 1_000 / seconds.as_millis();
        let rate = HumanCount(u64::try_from(rate).unwrap_or(u64::MAX));
        self.bar.set_message(format!("{} rows, {rate}/s", HumanCount(number)));
        if let Some(last) = rows.last() {
            self.bar.set_position(last.end);
        }
        Ok(())
    }
}

/// Reads all rows, if there are not too many for one transaction.
fn collect(source: Source, options: &ImportOptions) -> Result<Vec<Row>, ImportError> {
    let mut rows = Vec::new();
    source.read(&mut |row| {
        rows.push(row);
        rows.len() <= Batch::MAX_IMPORT
    })?;
    if rows.len() > Batch::MAX_IMPORT {
        let what = if options.dry_run { "--dry-run" } else { "--on-conflict reject-all" };
        return Err(ImportError::Refused(format!(
            "has more than {} rows, the limit of {what}: other writers wait for its transaction; \
             use --on-conflict skip or accept-group, or split the file",
            Batch::MAX_IMPORT
        )));
    }
    Ok(rows)
}

/// Reads rows on another thread, a few chunks ahead.
fn read_ahead(source: Source) -> (Receiver<Vec<Row>>, JoinHandle<Result<(), SourceError>>) {
    let (sender, receiver) = sync_channel(2);
    let reader = std::thread::spawn(move || {
        let mut chunk = Vec::with_capacity(CHUNK);
        let mut goes_on = true;
        source.read(&mut |row| {
            chunk.push(row);
            if chunk.len() == CHUNK {
                let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK));
                goes_on = sender.send(full).is_ok();
            }
            goes_on
        })?;
        // The receiver is gone only if the import has failed already.
        drop(sender.send(chunk));
        Ok(())
    });
    (receiver, reader)
}

fn ended(reader: JoinHandle<Result<(), SourceError>>) -> Result<(), ImportError> {
    match reader.join() {
        Ok(read) => Ok(read?),
        Err(_) => Err(ImportError::Unexpected),
    }
}

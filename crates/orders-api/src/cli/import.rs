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
use orders_db::{DatabaseUrl, Store, StoreError, StoreOptions};

use self::chunks::ChunkWriter;
pub(crate) use self::document::Document;
use self::results::{Results, RowResult};
pub(crate) use self::source::SourceError;
use self::source::{Row, Source};
use crate::cli::database::{lock_existing, lock_or_create};
use crate::cli::export::format_of;
use crate::cli::interrupt::{Interrupt, Interrupted};
use crate::cli::output::UsageError;
use crate::cli::{ImportOptions, OnConflict};
use crate::services::request::ServiceBody;

/// Why an import ended early.
#[derive(Debug, thiserror::Error)]
enum ImportError {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Source(#[from] SourceError),
    #[error("cannot write {0}: {1}")]
    Output(String, io::Error),
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
    #[error("the outcome does not fit the rows")]
    Unexpected,
}

/// The number of rows in a transaction, where others may write in between.
const CHUNK: usize = 1_000;

pub(crate) fn run(database: &DatabaseUrl, options: &ImportOptions) -> Result<(), Box<dyn Error>> {
    let file = &options.file;
    let Some(format) = options.format.or_else(|| format_of(file)) else {
        let file = shown(file);
        let why = format!("{file}: the extension is no format; use --format json, ndjson or csv");
        return Err(UsageError(why).into());
    };
    if options.rejected.as_deref().is_some_and(|rejected| is_same_file(rejected, file)) {
        let why = "--rejected: the rejected rows would overwrite the file to import";
        return Err(UsageError(why.to_owned()).into());
    }
    let named = |error: SourceError| format!("{}: {error}", shown(file));
    let source = Source::open(file, format, options.rejected.is_some()).map_err(named)?;
    // A dry run creates nothing.
    let _in_use =
        if options.dry_run { lock_existing(database)? } else { lock_or_create(database)? };
    let store = Store::open(database, StoreOptions::default())?;
    let results = Results::new(options.rejected.as_deref(), options.quiet)?;
    let interrupt = Interrupt::watch()?;
    let writer = ChunkWriter::new(&store, options, interrupt.clone());
    let mut run = Run { writer, results, bar: progress_bar(source.length), interrupt, stored: 0 };
    let result = run.import(source, options).and_then(|()| run.results.flush());
    run.bar.finish_and_clear();
    if let Err(error) = result {
        return Err(failure(&error, run.stored, options).into());
    }
    conclude(&run.results, options)
}

/// What ended an import early, how much of it is stored, and how it goes on.
fn failure(error: &ImportError, stored: u64, options: &ImportOptions) -> String {
    let file = shown(&options.file);
    let cause = match error {
        ImportError::Source(_) | ImportError::Refused(_) | ImportError::Interrupted(_) => {
            format!("{file}: {error}")
        }
        ImportError::Store(_) | ImportError::Output(..) | ImportError::Unexpected => {
            error.to_string()
        }
    };
    let next = match stored {
        0 => "",
        _ => ", and stay; to go on, run the import again with --on-conflict skip",
    };
    format!("{cause}; {stored} orders were imported{next}")
}

fn shown(file: &Path) -> String {
    if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() }
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
    interrupt: Interrupt,
    /// The number of orders that were committed.
    stored: u64,
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
        let rows = self.collect(source, options)?;
        self.writer.begin_transaction()?;
        for service in services {
            self.writer.add_service(service)?;
        }
        let mut results = Vec::with_capacity(rows.len());
        for chunk in rows.chunks(CHUNK) {
            self.interrupt.check()?;
            results.append(&mut self.writer.run(chunk)?);
        }
        let is_fine = results.iter().all(|result| *result == RowResult::Accepted);
        if is_fine && !options.dry_run {
            self.writer.commit()?;
            self.stored = accepted(&results);
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
        let (chunks, reader) = read_ahead(source);
        while let Some(chunk) = self.interrupt.receive(&chunks)? {
            let results = self.writer.run(&chunk)?;
            self.stored += accepted(&results);
            self.record(&chunk, &results)?;
        }
        ended(reader)
    }

    /// Reads all rows, if there are not too many for one transaction.
    fn collect(&self, source: Source, options: &ImportOptions) -> Result<Vec<Row>, ImportError> {
        let (chunks, reader) = read_ahead(source);
        let mut rows = Vec::new();
        while let Some(mut chunk) = self.interrupt.receive(&chunks)? {
            rows.append(&mut chunk);
            if rows.len() > Batch::MAX_IMPORT {
                let what = if options.dry_run { "--dry-run" } else { "--on-conflict reject-all" };
                return Err(ImportError::Refused(format!(
                    "has more than {} rows, the limit of {what}: other writers wait for its \
                     transaction; use --on-conflict skip or accept-group, or split the file",
                    Batch::MAX_IMPORT
                )));
            }
        }
        ended(reader)?;
        Ok(rows)
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

fn accepted(results: &[RowResult]) -> u64 {
    let accepted = results.iter().filter(|result| **result == RowResult::Accepted).count();
    u64::try_from(accepted).unwrap_or(u64::MAX)
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

//! The command `import`: orders from a file, judged and stored like any others, in slices or all at
//! once, with a verdict on each.

mod cells;
mod document;
#[cfg(test)]
pub(crate) mod fuzz;
mod lines;
mod slices;
mod source;
mod verdicts;

use std::error::Error;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use orders_core::Batch;
use orders_db::{Store, StoreError};

pub(crate) use self::document::Document;
use self::slices::Slices;
pub(crate) use self::source::SourceError;
use self::source::{Row, Source};
use self::verdicts::{Verdict, Verdicts};
use crate::Usage;
use crate::cli::export::format_of;
use crate::cli::{ImportOptions, OnConflict};
use crate::orders::request::ServiceBody;

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
    #[error("the rows were not judged as what they are")]
    Unexpected,
}

/// How many rows are stored by one transaction, where others are to be let in between.
const SLICE: usize = 1_000;

pub(crate) fn run(store: &Store, options: &ImportOptions) -> Result<(), Box<dyn Error>> {
    let file = &options.file;
    let Some(format) = options.format.or_else(|| format_of(file)) else {
        let why = "what the file is does not show in its name; give --format json, ndjson or csv";
        return Err(Usage(why.to_owned()).into());
    };
    if options.rejected.as_deref().is_some_and(|rejected| is_same_file(rejected, file)) {
        return Err(Usage("the rejected rows would take the place of the file".to_owned()).into());
    }
    let named = |error: SourceError| format!("{}: {error}", file.display());
    let source = Source::open(file, format, options.rejected.is_some()).map_err(named)?;
    let verdicts = Verdicts::new(options.rejected.as_deref(), options.quiet)?;
    let slices = Slices::new(store, options.on_conflict, options.create_services);
    let mut run = Run { slices, verdicts, bar: progress_bar(source.length) };
    let result = run.whole(source, options);
    run.verdicts.flush()?;
    run.bar.finish_and_clear();
    if let Err(error) = result {
        let stored = match (options.on_conflict, options.dry_run) {
            (OnConflict::Skip | OnConflict::AcceptGroup, false) => run.verdicts.accepted,
            (OnConflict::RejectAll, _) | (_, true) => 0,
        };
        return Err(format!("{}: {error}; {stored} orders were imported", file.display()).into());
    }
    conclude(&run.verdicts, options)
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Tells what came of it all; fails if rows were rejected that were not to be skipped.
fn conclude(verdicts: &Verdicts, options: &ImportOptions) -> Result<(), Box<dyn Error>> {
    let Verdicts { accepted, not_attempted, conflicts, invalid, .. } = verdicts;
    let word = if options.dry_run { "would be imported" } else { "imported" };
    let summary = format!(
        "{accepted} orders {word}; {conflicts} rows rejected as too close or as there already, \
         {invalid} as wrong, {not_attempted} not attempted"
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
    slices: Slices<'s>,
    verdicts: Verdicts,
    bar: ProgressBar,
}

impl Run<'_> {
    fn whole(&mut self, mut source: Source, options: &ImportOptions) -> Result<(), ImportError> {
        let services = std::mem::take(&mut source.services);
        let at_once = options.dry_run || options.on_conflict == OnConflict::RejectAll;
        if !at_once {
            for service in services {
                self.slices.add_service(service)?;
            }
            return self.sliced(source);
        }
        self.at_once(source, services, options)
    }

    /// All rows in one transaction, which is only committed if that is wanted and all of them are
    /// accepted. They are read and checked before it begins, since others wait for its end.
    fn at_once(
        &mut self,
        source: Source,
        services: Vec<ServiceBody>,
        options: &ImportOptions,
    ) -> Result<(), ImportError> {
        let rows = collect(source, options)?;
        self.slices.begin_whole()?;
        for service in services {
            self.slices.add_service(service)?;
        }
        let mut verdicts = Vec::with_capacity(rows.len());
        for slice in rows.chunks(SLICE) {
            verdicts.append(&mut self.slices.run(slice)?);
        }
        let is_fine = verdicts.iter().all(|verdict| *verdict == Verdict::Accepted);
        if is_fine && !options.dry_run {
            self.slices.commit()?;
        } else {
            self.slices.roll_back();
        }
        if !is_fine && options.on_conflict == OnConflict::RejectAll {
            for verdict in verdicts.iter_mut().filter(|verdict| **verdict == Verdict::Accepted) {
                *verdict = Verdict::NotAttempted;
            }
        }
        self.tell(&rows, &verdicts)
    }

    fn sliced(&mut self, source: Source) -> Result<(), ImportError> {
        let (rows, reader) = read_ahead(source);
        for slice in rows {
            let verdicts = self.slices.run(&slice)?;
            self.tell(&slice, &verdicts)?;
        }
        ended(reader)
    }

    fn tell(&mut self, rows: &[Row], verdicts: &[Verdict]) -> Result<(), ImportError> {
        for (row, verdict) in rows.iter().zip(verdicts) {
            self.verdicts.tell(row, verdict)?;
        }
        self.verdicts.flush()?;
        let number = self.verdicts.rows();
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

/// All rows, if there are not too many to be taken at once.
fn collect(source: Source, options: &ImportOptions) -> Result<Vec<Row>, ImportError> {
    let mut rows = Vec::new();
    source.read(&mut |row| {
        rows.push(row);
        rows.len() <= Batch::MAX_IMPORT
    })?;
    if rows.len() > Batch::MAX_IMPORT {
        let what = if options.dry_run { "--dry-run" } else { "--on-conflict reject-all" };
        return Err(ImportError::Refused(format!(
            "has more than {} rows, which is what {what} takes: other writers wait until all are \
             judged; use --on-conflict skip or accept-group, or parts of the file",
            Batch::MAX_IMPORT
        )));
    }
    Ok(rows)
}

/// Reads rows in a thread of its own, a few slices ahead.
fn read_ahead(source: Source) -> (Receiver<Vec<Row>>, JoinHandle<Result<(), SourceError>>) {
    let (sender, receiver) = sync_channel(2);
    let reader = std::thread::spawn(move || {
        let mut slice = Vec::with_capacity(SLICE);
        let mut is_heard = true;
        source.read(&mut |row| {
            slice.push(row);
            if slice.len() == SLICE {
                let full = std::mem::replace(&mut slice, Vec::with_capacity(SLICE));
                is_heard = sender.send(full).is_ok();
            }
            is_heard
        })?;
        // Nobody listens only where the import has failed already.
        drop(sender.send(slice));
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

//! The measurements and their comparisons.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::bench::Sample;
use crate::contestant::Contestant;
use crate::cpu::{CpuSummary, CpuTime};
use crate::database::{ENGINES, Engine};
use crate::histogram::Histogram;
use crate::plan::{Row, Task};
use crate::statistics::{Ratio, Summary, Target};
use crate::targets;

/// The number of clients for which the resident memory is reported.
const MEMORY_CLIENTS: usize = 256;

/// All runs of one contestant in one row.
pub(crate) struct Cell {
    row: Row,
    contestant: Contestant,
    values: Vec<f64>,
    latencies: Option<Histogram>,
    peaks_mb: Vec<f64>,
    cpu: Vec<CpuTime>,
    wrk: Vec<f64>,
}

/// The cells in the order of their first run.
#[derive(Default)]
pub(crate) struct Results {
    cells: Vec<Cell>,
}

/// One line of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) unit: Unit,
    pub(crate) ours: Side,
    /// `None` if there is nothing to compare with.
    pub(crate) theirs: Option<Side>,
    pub(crate) ratio: Option<Ratio>,
    /// The ratio of the rates that `wrk` measured.
    pub(crate) wrk_ratio: Option<Ratio>,
    /// Whether both load generators agree on the ratio; `None` if only one measured it.
    pub(crate) is_confirmed: Option<bool>,
    pub(crate) target: Option<Target>,
    pub(crate) is_met: Option<bool>,
}

/// One of two that are compared.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Side {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) summary: Summary,
    pub(crate) p50_us: Option<u64>,
    pub(crate) p99_us: Option<u64>,
    pub(crate) cpu: Option<CpuSummary>,
    /// The rate that `wrk` measured.
    pub(crate) wrk: Option<Summary>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    PerSecond,
    PerCreate,
    Factor,
    Seconds,
    Count,
    Megabytes,
}

impl Results {
    pub(crate) fn add(&mut self, row: &Row, contestant: Contestant, sample: Sample) {
        let is_same = |cell: &Cell| cell.row.id() == row.id() && cell.contestant == contestant;
        if let Some(cell) = self.cells.iter_mut().find(|cell| is_same(cell)) {
            return cell.add(sample);
        }
        let mut cell = Cell {
            row: *row,
            contestant,
            values: Vec::new(),
            latencies: None,
            peaks_mb: Vec::new(),
            cpu: Vec::new(),
            wrk: Vec::new(),
        };
        cell.add(sample);
        self.cells.push(cell);
    }

    /// The comparisons within rows, then those across rows, then memory.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for (index, cell) in self.cells.iter().enumerate().filter(|(_, cell)| cell.is_first()) {
            let earlier = self.cells.iter().take(index).filter(|cell| cell.is_first());
            let mut compared = self.within_row(cell);
            compared.extend(earlier.filter_map(|earlier| across(cell, earlier)));
            // A line without a comparison, if there is none or if a target needs none.
            let target = targets::alone(&cell.row);
            if compared.is_empty() || target.is_some() {
                lines.push(cell.line(None, target));
            }
            lines.append(&mut compared);
        }
        lines.extend(ENGINES.into_iter().flat_map(|engine| self.memory(engine)));
        lines
    }

    fn within_row(&self, cell: &Cell) -> Vec<Line> {
        let id = cell.row.id();
        let others = self.cells.iter().filter(|other| other.row.id() == id && !other.is_first());
        let line = |other: &Cell| {
            let target = targets::against(&cell.row, other.contestant);
            cell.line(Some(other.side(other.contestant.name())), target)
        };
        others.map(line).collect()
    }

    /// The peak memory of each server over all rows, per round.
    fn memory(&self, engine: Engine) -> Vec<Line> {
        let mut peaks = BTreeMap::<&str, Vec<f64>>::new();
        let crowded =
            |cell: &&Cell| cell.row.engine == engine && cell.row.connections == MEMORY_CLIENTS;
        for cell in self.cells.iter().filter(crowded) {
            let most = peaks.entry(cell.contestant.name()).or_default();
            most.resize(most.len().max(cell.peaks_mb.len()), 0.0);
            for (most, peak) in most.iter_mut().zip(&cell.peaks_mb) {
                *most = most.max(*peak);
            }
        }
        peaks.retain(|_, samples| !samples.is_empty());
        let side = |(name, samples): (&str, Vec<f64>)| Side::plain(name, samples);
        let Some(ours) = peaks.remove_entry(Contestant::Service.name()).map(side) else {
            return Vec::new();
        };
        let id = format!("{}_memory_{MEMORY_CLIENTS}", engine.id());
        let title = format!("{}: peak memory, {MEMORY_CLIENTS} clients", engine.name());
        let line = |theirs, target| {
            Line::new((id.clone(), title.clone()), Unit::Megabytes, ours.clone(), theirs, target)
        };
        let mut lines = vec![line(None, Some(targets::MEMORY))];
        lines.extend(peaks.into_iter().map(|peaks| line(Some(side(peaks)), None)));
        lines
    }
}

fn across(cell: &Cell, earlier: &Cell) -> Option<Line> {
    let target = targets::across(&cell.row, &earlier.row)?;
    Some(cell.line(Some(earlier.side(&earlier.row.title())), Some(target)))
}

impl Cell {
    fn add(&mut self, sample: Sample) {
        self.values.push(sample.value);
        self.peaks_mb.extend(sample.peak_mb);
        self.cpu.extend(sample.cpu);
        self.wrk.extend(sample.wrk_per_second);
        if let Some(latencies) = sample.latencies {
            self.latencies.get_or_insert_default().add(&latencies);
        }
    }

    fn is_first(&self) -> bool {
        self.row.plan.contestants.first() == Some(&self.contestant)
    }

    fn side(&self, name: &str) -> Side {
        let percentile = |percent| self.latencies.as_ref().map(|all| all.percentile_us(percent));
        Side {
            p50_us: percentile(50),
            p99_us: percentile(99),
            cpu: CpuSummary::of(&self.cpu),
            wrk: (!self.wrk.is_empty()).then(|| Summary::of(self.wrk.clone())),
            ..Side::plain(name, self.values.clone())
        }
    }

    fn line(&self, theirs: Option<Side>, target: Option<Target>) -> Line {
        let names = (self.row.id(), self.row.title());
        let ours = self.side(self.contestant.name());
        Line::new(names, Unit::of(self.row.plan.task), ours, theirs, target)
    }
}

impl Side {
    pub(crate) fn plain(name: &str, samples: Vec<f64>) -> Self {
        Self {
            name: name.to_owned(),
            summary: Summary::of(samples),
            p50_us: None,
            p99_us: None,
            cpu: None,
            wrk: None,
        }
    }
}

impl Line {
    pub(crate) fn new(
        (id, title): (String, String),
        unit: Unit,
        ours: Side,
        theirs: Option<Side>,
        target: Option<Target>,
    ) -> Self {
        let ratio = theirs
            .as_ref()
            // Counts that should be 0 have no ratio.
            .filter(|_| unit != Unit::Count)
            .map(|theirs| Ratio::of(&ours.summary, &theirs.summary, unit == Unit::PerSecond));
        let is_met = target.map(|target| target.is_met(&ours.summary, ratio.as_ref()));
        let wrk_ratio = theirs.as_ref().zip(ours.wrk.as_ref()).and_then(|(theirs, ours)| {
            theirs.wrk.as_ref().map(|theirs| Ratio::of(ours, theirs, true))
        });
        let is_confirmed =
            ratio.as_ref().zip(wrk_ratio.as_ref()).map(|(built_in, wrk)| built_in.agrees_with(wrk));
        Self { id, title, unit, ours, theirs, ratio, wrk_ratio, is_confirmed, target, is_met }
    }
}

impl Unit {
    fn of(task: Task) -> Self {
        match task {
            Task::Load(_) | Task::Import => Self::PerSecond,
            Task::HalfLoad(_) => Self::Factor,
            Task::Start => Self::Seconds,
            Task::Contention => Self::Count,
            Task::Syncs => Self::PerCreate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::rows;

    fn sample(value: f64, peak_mb: f64) -> Sample {
        Sample { value, peak_mb: Some(peak_mb), ..Sample::default() }
    }

    #[test]
    fn the_service_is_compared_within_its_row_and_with_other_rows() {
        let mut results = Results::default();
        for row in rows("sqlite_find", false) {
            results.add(&row, Contestant::Service, sample(2_000.0, 50.0));
            results.add(&row, Contestant::Fastify, sample(1_000.0, 90.0));
        }
        let lines = results.lines();
        let ids: Vec<&str> = lines.iter().map(|line| line.id.as_str()).collect();
        let expected = ["sqlite_find_1", "sqlite_find_64", "sqlite_find_256", "sqlite_find_256"];
        assert_eq!(ids[..4], expected);
        assert_eq!(ids[4..], ["sqlite_memory_256", "sqlite_memory_256"]);
        let ratios = lines.iter().filter_map(|line| line.ratio.as_ref());
        let ratios: Vec<String> = ratios.map(|ratio| ratio.of_medians.to_string()).collect();
        assert_eq!(ratios, ["2", "2", "2", "1", "1.8"]);
        assert!(lines.iter().all(|line| line.is_met != Some(false)));
    }

    #[test]
    fn a_ratio_is_confirmed_if_both_generators_agree_on_it() {
        let confirmed = |ours_by_wrk, theirs_by_wrk| {
            let mut results = Results::default();
            for row in rows("sqlite_find_64", false) {
                for (contestant, value, wrk_per_second) in [
                    (Contestant::Service, 2_000.0, ours_by_wrk),
                    (Contestant::Fastify, 1_000.0, theirs_by_wrk),
                ] {
                    let sample = Sample { value, wrk_per_second, ..Sample::default() };
                    results.add(&row, contestant, sample);
                }
            }
            results.lines().first().and_then(|line| line.is_confirmed)
        };
        assert_eq!(confirmed(Some(4_000.0), Some(2_000.0)), Some(true));
        assert_eq!(confirmed(Some(4_000.0), Some(2_300.0)), Some(true));
        assert_eq!(confirmed(Some(4_000.0), Some(2_500.0)), Some(false));
        assert_eq!(confirmed(Some(2_500.0), Some(1_000.0)), Some(false));
        assert_eq!(confirmed(Some(4_000.0), None), None);
    }

    #[test]
    fn memory_is_the_peak_over_all_rows_in_each_round() {
        let mut results = Results::default();
        for row in rows("sqlite_find_256", false).iter().chain(&rows("sqlite_create_256", false)) {
            let peak = if row.id() == "sqlite_find_256" { 60.0 } else { 70.0 };
            results.add(row, Contestant::Service, sample(1.0, peak));
            results.add(row, Contestant::Service, sample(1.0, 65.0));
        }
        let memory = results.memory(Engine::Sqlite);
        let summary = &memory[0].ours.summary;
        assert_eq!((summary.max.to_string(), summary.min.to_string()), ("70".into(), "65".into()));
    }
}

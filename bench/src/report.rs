//! What is printed and written: a Markdown table for people, JSON for programs.

use std::fmt::Write;

use serde::Serialize;

use crate::figures::{Figure, Ratio, Target};
use crate::histogram::Histogram;

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) seconds: u32,
    pub(crate) repetitions: u32,
    pub(crate) rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    processors: usize,
    kernel: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: Unit,
    pub(crate) service: Side,
    pub(crate) control: Side,
    pub(crate) ratio: Ratio,
    pub(crate) target: Option<Target>,
    pub(crate) is_met: Option<bool>,
}

/// One program's figures in a row.
#[derive(Debug, Serialize)]
pub(crate) struct Side {
    #[serde(flatten)]
    pub(crate) figure: Figure,
    pub(crate) p50_us: Option<u64>,
    pub(crate) p99_us: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    PerSecond,
    PerCreate,
    Megabytes,
}

impl Machine {
    pub(crate) fn this() -> Self {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            kernel: kernel.trim().to_owned(),
        }
    }
}

impl Side {
    pub(crate) fn rate(samples: Vec<f64>, latencies: &Histogram) -> Self {
        Self {
            figure: Figure::of(samples),
            p50_us: Some(latencies.percentile_us(50)),
            p99_us: Some(latencies.percentile_us(99)),
        }
    }

    pub(crate) fn plain(samples: Vec<f64>) -> Self {
        Self { figure: Figure::of(samples), p50_us: None, p99_us: None }
    }
}

impl Row {
    pub(crate) fn new(
        (id, title): (&'static str, &'static str),
        unit: Unit,
        [service, control]: [Side; 2],
        target: Option<Target>,
    ) -> Self {
        let ratio = Ratio::of(&service.figure, &control.figure);
        let is_met = target.map(|target| target.is_met(&service.figure, Some(&ratio)));
        Self { id, title, unit, service, control, ratio, target, is_met }
    }
}

impl Report {
    /// Medians, in parentheses the least and the greatest.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from(
            "| measured | service | p50 / p99 | control | p50 / p99 | ratio | target | |\n\
             |---|---|---|---|---|---|---|---|\n",
        );
        for row in &self.rows {
            let unit = row.unit;
            // Writing to a String cannot fail.
            writeln!(
                text,
                "| {} | {} | {} | {} | {} | {:.2} ({:.2}–{:.2}) | {} | {} |",
                row.title,
                unit.figure(&row.service.figure),
                latencies(&row.service),
                unit.figure(&row.control.figure),
                latencies(&row.control),
                row.ratio.of_medians,
                row.ratio.min,
                row.ratio.max,
                row.target.map_or_else(String::new, |target| target.text(unit)),
                row.is_met.map_or("", |is_met| if is_met { "met" } else { "MISSED" }),
            )
            .unwrap_or_default();
        }
        let Machine { processors, kernel } = &self.machine;
        let (seconds, repetitions) = (self.seconds, self.repetitions);
        writeln!(
            text,
            "\nMedian (min–max) of {repetitions} or more turns of {seconds} s each; \
             {processors} processors shared with the load, Linux {kernel}."
        )
        .unwrap_or_default();
        text
    }
}

impl Unit {
    fn figure(self, figure: &Figure) -> String {
        let [median, min, max] = [figure.median, figure.min, figure.max].map(|v| self.value(v));
        let name = self.name();
        if figure.samples.len() < 2 {
            return format!("{median}{name}");
        }
        format!("{median}{name} ({min}–{max})")
    }

    fn value(self, value: f64) -> String {
        match self {
            Self::PerSecond => thousands(&format!("{value:.0}")),
            Self::PerCreate => format!("{value:.3}"),
            Self::Megabytes => format!("{value:.1}"),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::PerSecond => "/s",
            Self::PerCreate => "",
            Self::Megabytes => " MB",
        }
    }
}

impl Target {
    fn text(self, unit: Unit) -> String {
        match self {
            Self::RatioAtLeast(bound) => format!("ratio ≥ {bound}"),
            Self::AtMost(bound) => format!("≤ {bound}{}", unit.name()),
            Self::Below(bound) => format!("< {bound}{}", unit.name()),
        }
    }
}

fn latencies(side: &Side) -> String {
    let (Some(p50_us), Some(p99_us)) = (side.p50_us, side.p99_us) else { return String::new() };
    format!("{} / {} ms", milliseconds(p50_us), milliseconds(p99_us))
}

fn milliseconds(us: u64) -> String {
    format!("{}.{:02}", us / 1000, us % 1000 / 10)
}

/// Digits in groups of three.
fn thousands(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_from_the_right() {
        assert_eq!(
            ["1", "123", "1234", "1234567"].map(thousands).join(","),
            "1,123,1 234,1 234 567"
        );
    }

    #[test]
    fn a_row_shows_both_sides_their_ratio_and_whether_the_target_is_met() {
        let mut latencies = Histogram::default();
        latencies.record(std::time::Duration::from_micros(1_250));
        let sides = [vec![1500.0, 2500.0], vec![1000.0, 1000.0]];
        let row = Row::new(
            ("id", "Title"),
            Unit::PerSecond,
            sides.map(|samples| Side::rate(samples, &latencies)),
            Some(Target::RatioAtLeast(2.5)),
        );
        let report =
            Report { machine: Machine::this(), seconds: 1, repetitions: 2, rows: vec![row] };
        let line = report.markdown().lines().nth(2).map(str::to_owned).unwrap_or_default();
        assert_eq!(
            line,
            "| Title | 2 000/s (1 500–2 500) | 1.24 / 1.24 ms | 1 000/s (1 000–1 000) | \
             1.24 / 1.24 ms | 2.00 (1.50–2.50) | ratio ≥ 2.5 | MISSED |"
        );
    }
}

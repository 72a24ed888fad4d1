//! The output: a Markdown table for people, JSON for programs.

use std::fmt::Write;

use serde::Serialize;

use crate::results::{Line, Side, Unit};
use crate::statistics::{Ratio, Summary, Target};

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    /// Measured time of a run.
    pub(crate) seconds: f64,
    pub(crate) repetitions: u32,
    pub(crate) is_quick: bool,
    /// Settings of the PostgreSQL server, each `NAME=VALUE`.
    pub(crate) postgres: Vec<String>,
    pub(crate) lines: Vec<Line>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    processors: usize,
    kernel: String,
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

impl Report {
    /// Medians, with the minimum and maximum in parentheses.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from(
            "| measured | rate | p50 / p99 | CPU/request | against | rate | p50 / p99 | CPU/request \
             | ratio | ratio by wrk | target | result |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|\n",
        );
        for line in &self.lines {
            text.push_str(&line.markdown());
        }
        let Machine { processors, kernel } = &self.machine;
        let (seconds, repetitions) = (self.seconds, self.repetitions);
        // Writing to a String cannot fail.
        writeln!(
            text,
            "\nMedian (min–max) of {repetitions} runs of {seconds} s each, taken in rounds; \
             {processors} processors shared with the load, Linux {kernel}. CPU/request is the \
             processor time of the server + of PostgreSQL. \"not confirmed\": the ratios of the two \
             load generators differ by more than 20 %, so the ratio does not count."
        )
        .unwrap_or_default();
        if !self.postgres.is_empty() {
            writeln!(text, "\nPostgreSQL settings: {}.", self.postgres.join(", "))
                .unwrap_or_default();
        }
        if self.is_quick {
            text.push_str(
                "\nA quick run shows that everything works. Its numbers mean little: large calendars \
                 have a fiftieth of their orders, and the import has 20 000.\n",
            );
        }
        text
    }
}

impl Line {
    fn markdown(&self) -> String {
        let theirs = self.theirs.as_ref();
        let columns = [
            self.title.clone(),
            self.unit.summary(&self.ours.summary),
            latencies(&self.ours),
            cpu(&self.ours),
            theirs.map_or_else(String::new, |side| side.name.clone()),
            theirs.map_or_else(String::new, |side| self.unit.summary(&side.summary)),
            theirs.map_or_else(String::new, latencies),
            theirs.map_or_else(String::new, cpu),
            self.ratio.as_ref().map_or_else(String::new, Ratio::text),
            self.wrk_ratio.as_ref().map_or_else(String::new, Ratio::text),
            self.target.map_or_else(String::new, |target| target.text(self.unit)),
            self.result().to_owned(),
        ];
        format!("| {} |\n", columns.join(" | "))
    }

    fn result(&self) -> &'static str {
        match (self.is_confirmed, self.is_met) {
            (Some(false), _) => "not confirmed",
            (_, Some(true)) => "met",
            (_, Some(false)) => "MISSED",
            (_, None) => "",
        }
    }
}

impl Unit {
    fn summary(self, summary: &Summary) -> String {
        let [median, min, max] = [summary.median, summary.min, summary.max].map(|v| self.value(v));
        let name = self.name();
        if summary.samples.len() < 2 {
            return format!("{median}{name}");
        }
        format!("{median}{name} ({min}–{max})")
    }

    fn value(self, value: f64) -> String {
        match self {
            Self::PerSecond => thousands(&format!("{value:.0}")),
            Self::PerCreate | Self::Seconds => format!("{value:.3}"),
            Self::Megabytes | Self::Factor => format!("{value:.1}"),
            Self::Count => format!("{value:.0}"),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::PerSecond => "/s",
            Self::PerCreate | Self::Count => "",
            Self::Factor => " times",
            Self::Seconds => " s",
            Self::Megabytes => " MB",
        }
    }
}

impl Ratio {
    fn text(&self) -> String {
        format!("{:.2} ({:.2}–{:.2})", self.of_medians, self.min, self.max)
    }
}

impl Target {
    fn text(self, unit: Unit) -> String {
        match self {
            Self::RatioAtLeast(bound) => format!("ratio ≥ {bound}"),
            Self::AtMost(bound) => format!("≤ {bound}{}", unit.name()),
        }
    }
}

fn latencies(side: &Side) -> String {
    let (Some(p50_us), Some(p99_us)) = (side.p50_us, side.p99_us) else { return String::new() };
    format!("{} / {} ms", milliseconds(p50_us), milliseconds(p99_us))
}

/// Microseconds of the server and, if it has a process of its own, of the database.
fn cpu(side: &Side) -> String {
    let Some(cpu) = &side.cpu else { return String::new() };
    let server = cpu.server_us.median;
    match &cpu.database_us {
        Some(database) => format!("{server:.0} + {:.0} µs", database.median),
        None => format!("{server:.0} µs"),
    }
}

fn milliseconds(us: u64) -> String {
    format!("{}.{:02}", us / 1000, us % 1000 / 10)
}

/// Groups digits by three.
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
    use crate::cpu::{CpuSummary, CpuTime};

    #[test]
    fn digits_are_grouped_from_the_right() {
        assert_eq!(
            ["1", "123", "1234", "1234567"].map(thousands).join(","),
            "1,123,1 234,1 234 567"
        );
    }

    #[test]
    fn a_line_shows_both_sides_their_ratios_and_the_result() {
        let ours = Side {
            p50_us: Some(1_250),
            p99_us: Some(9_000),
            cpu: CpuSummary::of(&[CpuTime { server_us: 40.2, database_us: Some(9.6) }]),
            ..side("service", [1500.0, 2500.0])
        };
        let line = Line::new(
            ("id".to_owned(), "Title".to_owned()),
            Unit::PerSecond,
            ours,
            Some(side("peer", [1000.0, 1000.0])),
            Some(Target::RatioAtLeast(2.5)),
        );
        assert_eq!(
            line.markdown(),
            "| Title | 2 000/s (1 500–2 500) | 1.25 / 9.00 ms | 40 + 10 µs | peer \
             | 1 000/s (1 000–1 000) |  |  | 2.00 (1.50–2.50) |  | ratio ≥ 2.5 | MISSED |\n"
        );
    }

    #[test]
    fn a_line_without_a_comparison_has_empty_columns() {
        let names = ("id".to_owned(), "Title".to_owned());
        let target = Some(Target::AtMost(0.3));
        let line = Line::new(names, Unit::Seconds, side("service", [0.1, 0.2]), None, target);
        assert_eq!(
            line.markdown(),
            "| Title | 0.150 s (0.100–0.200) |  |  |  |  |  |  |  |  | ≤ 0.3 s | met |\n"
        );
    }

    fn side(name: &str, samples: [f64; 2]) -> Side {
        Side::plain(name, samples.to_vec())
    }
}

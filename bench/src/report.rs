//! What is printed and written: a Markdown table for people, JSON for programs.

use std::fmt::Write;

use serde::Serialize;

use crate::results::{Line, Side, Unit};
use crate::statistics::{Summary, Target};

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    /// How long a turn was measured.
    pub(crate) seconds: f64,
    pub(crate) repetitions: u32,
    pub(crate) is_quick: bool,
    /// What the PostgreSQL server was told, `NAME=VALUE` each.
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
    /// Medians, in parentheses the least and the greatest.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from(
            "| measured | | p50 / p99 | against | | p50 / p99 | ratio | target | |\n\
             |---|---|---|---|---|---|---|---|---|\n",
        );
        for line in &self.lines {
            text.push_str(&line.markdown());
        }
        let Machine { processors, kernel } = &self.machine;
        let (seconds, repetitions) = (self.seconds, self.repetitions);
        // Writing to a String cannot fail.
        writeln!(
            text,
            "\nMedian (min–max) of {repetitions} turns of {seconds} s each, taken in rounds; \
             {processors} processors shared with the load, Linux {kernel}."
        )
        .unwrap_or_default();
        if !self.postgres.is_empty() {
            writeln!(text, "\nThe PostgreSQL server with {}.", self.postgres.join(", "))
                .unwrap_or_default();
        }
        if self.is_quick {
            text.push_str(
                "\nA quick run shows that all of it works; its figures say little. What holds a \
                 million orders or more holds a fiftieth of them, and the import is of 20 000.\n",
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
            theirs.map_or_else(String::new, |side| side.name.clone()),
            theirs.map_or_else(String::new, |side| self.unit.summary(&side.summary)),
            theirs.map_or_else(String::new, latencies),
            self.ratio.as_ref().map_or_else(String::new, |ratio| {
                format!("{:.2} ({:.2}–{:.2})", ratio.of_medians, ratio.min, ratio.max)
            }),
            self.target.map_or_else(String::new, |target| target.text(self.unit)),
            self.is_met.map_or("", |is_met| if is_met { "met" } else { "MISSED" }).to_owned(),
        ];
        format!("| {} |\n", columns.join(" | "))
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
    fn a_line_shows_both_sides_their_ratio_and_whether_the_target_is_met() {
        let ours =
            Side { p50_us: Some(1_250), p99_us: Some(9_000), ..side("service", [1500.0, 2500.0]) };
        let line = Line::new(
            ("id".to_owned(), "Title".to_owned()),
            Unit::PerSecond,
            ours,
            Some(side("peer", [1000.0, 1000.0])),
            Some(Target::RatioAtLeast(2.5)),
        );
        assert_eq!(
            line.markdown(),
            "| Title | 2 000/s (1 500–2 500) | 1.25 / 9.00 ms | peer | 1 000/s (1 000–1 000) |  | \
             2.00 (1.50–2.50) | ratio ≥ 2.5 | MISSED |\n"
        );
    }

    #[test]
    fn a_line_with_nothing_to_compare_with_leaves_columns_empty() {
        let names = ("id".to_owned(), "Title".to_owned());
        let target = Some(Target::AtMost(0.3));
        let line = Line::new(names, Unit::Seconds, side("service", [0.1, 0.2]), None, target);
        assert_eq!(
            line.markdown(),
            "| Title | 0.150 s (0.100–0.200) |  |  |  |  |  | ≤ 0.3 s | met |\n"
        );
    }

    fn side(name: &str, samples: [f64; 2]) -> Side {
        Side::plain(name, samples.to_vec())
    }
}

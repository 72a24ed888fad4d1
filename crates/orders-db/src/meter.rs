//! What is counted about the database: how much waits, how long it takes, what goes wrong. Atomics
//! only, so that counting never waits; who shows it, and as what, is not known here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use orders_core::{Outcome, Refusal};

use crate::StoreError;
use crate::error::Trouble;

/// Up to how many nanoseconds each bucket of times counts: from 100 µs to 10 s.
const TIMES: &[u64] = &[
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];
/// Up to how large a batch each bucket of sizes counts.
const SIZES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 2_048, 10_000];
/// The most bounds, and one bucket for what is beyond them.
const BUCKETS: usize = 17;

/// How often values were within which bounds.
#[derive(Debug, Default)]
struct Counts {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

impl Counts {
    fn add(&self, bounds: &[u64], value: u64) {
        let position = bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.buckets.get(position) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// `unit` is what a value of one is shown as.
    fn read(&self, bounds: &[u64], unit: impl Fn(u64) -> f64) -> Distribution {
        let mut count = 0;
        let mut buckets = Vec::with_capacity(bounds.len());
        for (position, bucket) in self.buckets.iter().enumerate() {
            count += bucket.load(Ordering::Relaxed);
            buckets.extend(bounds.get(position).map(|bound| (unit(*bound), count)));
        }
        Distribution { buckets, count, sum: unit(self.sum.load(Ordering::Relaxed)) }
    }
}

/// How long things took.
#[derive(Debug, Default)]
pub struct Timing(Counts);

impl Timing {
    /// Counts something that took so long. Never waits.
    pub fn add(&self, took: Duration) {
        self.0.add(TIMES, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// What was counted so far, in seconds.
    #[must_use]
    pub fn read(&self) -> Distribution {
        self.0.read(TIMES, |nanos| Duration::from_nanos(nanos).as_secs_f64())
    }
}

/// What was counted of something: cumulative counts up to each bound, as Prometheus has them.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Each bound, with how many values were not above it.
    pub buckets: Vec<(f64, u64)>,
    /// How many values there were.
    pub count: u64,
    /// What they add up to.
    pub sum: f64,
}

impl Distribution {
    /// The same, with what was counted elsewhere under the same bounds.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        for ((_, count), (_, more)) in self.buckets.iter_mut().zip(&other.buckets) {
            *count += more;
        }
        self.count += other.count;
        self.sum += other.sum;
        self
    }
}

/// What is counted of a queue.
#[derive(Debug, Default)]
pub(crate) struct QueueMeter {
    sizes: Counts,
    waits: Timing,
}

impl QueueMeter {
    /// Counts what was taken at once.
    pub(crate) fn took(&self, weight: usize) {
        self.sizes.add(SIZES, u64::try_from(weight).unwrap_or(u64::MAX));
    }

    /// Counts how long a job had waited.
    pub(crate) fn waited(&self, waited: Duration) {
        self.waits.add(waited);
    }

    pub(crate) fn sizes(&self) -> Distribution {
        #[expect(
            clippy::as_conversions,
            clippy::cast_precision_loss,
            reason = "counts of operations are exact up to 2^53"
        )]
        self.sizes.read(SIZES, |number| number as f64)
    }

    pub(crate) fn waits(&self) -> Distribution {
        self.waits.read()
    }
}

/// How a queue is.
#[derive(Debug, Clone)]
pub struct QueueReading {
    /// `write` or `read`.
    pub name: &'static str,
    /// How many operations wait.
    pub waiting: usize,
    /// How many may wait before callers are refused.
    pub room: usize,
    /// How many operations were taken at once.
    pub sizes: Distribution,
    /// How long each job waited to be taken, in seconds.
    pub waits: Distribution,
}

/// How a pool of connections is.
#[derive(Debug, Clone, Copy)]
pub struct PoolReading {
    /// `lists` or `feeds`.
    pub name: &'static str,
    /// Connections that somebody uses.
    pub in_use: u32,
    /// Connections that are open, and used by nobody.
    pub idle: u32,
    /// How many there may be.
    pub most: u32,
}

/// What was counted about a store, and how it is now.
#[derive(Debug, Clone)]
pub struct Readings {
    /// The queues.
    pub queues: [QueueReading; 2],
    /// What the writer does with each batch, in seconds: `lock` is the wait for the database's lock,
    /// `judge` loads and decides, `commit` writes and commits.
    pub steps: [(&'static str, Distribution); 3],
    /// How many operations were refused by the spacing rule.
    pub conflicts: u64,
    /// How often the database failed, by kind.
    pub errors: Vec<(&'static str, u64)>,
    /// The pools.
    pub pools: [PoolReading; 2],
}

/// In what way the database failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// It is not reached, or the connection was lost.
    Unavailable,
    /// A lock was held too long, or a statement took too long.
    Timeout,
    /// A constraint refused what was decided: a foreign writer, or a fault of ours.
    Violation,
    /// Any other error of a statement: a full disk, among others.
    Failed,
    /// Something stands there that should not.
    Corrupt,
    /// What became of a commit is not known.
    OutcomeUnknown,
    /// All connections of a pool were in use, or none could be opened.
    NoConnection,
}

impl ErrorKind {
    const ALL: [Self; 7] = [
        Self::Unavailable,
        Self::Timeout,
        Self::Violation,
        Self::Failed,
        Self::Corrupt,
        Self::OutcomeUnknown,
        Self::NoConnection,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Violation => "violation",
            Self::Failed => "failed",
            Self::Corrupt => "corrupt",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::NoConnection => "no_connection",
        }
    }
}

impl From<&Trouble> for ErrorKind {
    fn from(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Lost(_) => Self::Unavailable,
            Trouble::Locked => Self::Timeout,
            Trouble::Violation(_) => Self::Violation,
            Trouble::Failed(_) => Self::Failed,
        }
    }
}

impl From<&StoreError> for ErrorKind {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable,
            StoreError::Overloaded => Self::Timeout,
            StoreError::OutcomeUnknown => Self::OutcomeUnknown,
            StoreError::Corrupt(_) => Self::Corrupt,
            StoreError::TooNew(_)
            | StoreError::FaultyLibrary(_)
            | StoreError::Url(_)
            | StoreError::Migration(_) => Self::Failed,
        }
    }
}

/// What is counted of a store beside its queues.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub(crate) lock: Timing,
    pub(crate) judge: Timing,
    pub(crate) commit: Timing,
    conflicts: AtomicU64,
    errors: [AtomicU64; ErrorKind::ALL.len()],
}

impl Meter {
    /// Counts an error of the database.
    pub(crate) fn failed(&self, kind: impl Into<ErrorKind>) {
        let kind = kind.into();
        for (known, count) in ErrorKind::ALL.iter().zip(&self.errors) {
            if *known == kind {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Counts what was refused by the rule.
    pub(crate) fn decided(&self, outcome: &Outcome) {
        let is_conflict = |verdict: &&_| matches!(verdict, Err(Refusal::Conflict(_)));
        let number = match outcome {
            Outcome::One(verdict) => usize::from(is_conflict(&verdict)),
            Outcome::Batch { results, .. } => results.iter().filter(is_conflict).count(),
            Outcome::Repeated | Outcome::KeyReused => 0,
        };
        if number > 0 {
            self.conflicts.fetch_add(u64::try_from(number).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// How many operations were refused by the rule.
    pub(crate) fn conflicts(&self) -> u64 {
        self.conflicts.load(Ordering::Relaxed)
    }

    pub(crate) fn read(&self, queues: [QueueReading; 2], pools: [PoolReading; 2]) -> Readings {
        let errors = ErrorKind::ALL.iter().zip(&self.errors);
        Readings {
            queues,
            steps: [
                ("lock", self.lock.read()),
                ("judge", self.judge.read()),
                ("commit", self.commit.read()),
            ],
            conflicts: self.conflicts(),
            errors: errors
                .map(|(kind, count)| (kind.name(), count.load(Ordering::Relaxed)))
                .collect(),
            pools,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_in_the_first_bucket_that_it_fits_and_in_all_above() {
        let timing = Timing::default();
        for micros in [100, 101, 999_000, 60_000_000] {
            timing.add(Duration::from_micros(micros));
        }
        let read = timing.read();
        let up_to = |bound: f64| {
            read.buckets.iter().find(|(is, _)| (is - bound).abs() < 1e-9).map(|(_, n)| *n)
        };
        assert_eq!((up_to(0.0001), up_to(0.00025)), (Some(1), Some(2)));
        assert_eq!((up_to(0.5), up_to(1.0), up_to(10.0)), (Some(2), Some(3), Some(3)));
        assert_eq!(read.count, 4);
        assert!((read.sum - 60.999_201).abs() < 1e-9, "{}", read.sum);
        let twice = read.clone().plus(&read);
        assert_eq!((twice.count, twice.buckets.last()), (8, Some(&(10.0, 6))));
    }

    #[test]
    fn each_error_is_counted_under_its_kind_only() {
        let meter = Meter::default();
        meter.failed(&Trouble::Locked);
        meter.failed(&StoreError::Overloaded);
        meter.failed(ErrorKind::NoConnection);
        let counted = |kind: ErrorKind| {
            ErrorKind::ALL.iter().zip(&meter.errors).find(|(is, _)| **is == kind).unwrap().1
        };
        assert_eq!(counted(ErrorKind::Timeout).load(Ordering::Relaxed), 2);
        assert_eq!(counted(ErrorKind::NoConnection).load(Ordering::Relaxed), 1);
        assert_eq!(counted(ErrorKind::Unavailable).load(Ordering::Relaxed), 0);
    }
}

//! Counters and timings of the store: queues, steps of writes, errors. All are atomics, so that counting
//! never blocks. Rendering lives elsewhere.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use orders_core::{Outcome, Refusal};

use crate::StoreError;
use crate::database::error::DbError;

/// The upper bounds of the buckets of times, in nanoseconds: from 100 µs to 10 s.
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
/// The upper bounds of the buckets of batch sizes.
const SIZES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 2_048, 10_000];
/// The highest number of bounds, and one bucket for larger values.
const BUCKETS: usize = 17;

/// A histogram of values.
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

    /// Reads the histogram. `unit` converts a value to the unit that is shown.
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

/// A histogram of durations.
#[derive(Debug, Default)]
pub struct Timing(Counts);

impl Timing {
    /// Counts a duration. Never blocks.
    pub fn add(&self, took: Duration) {
        self.0.add(TIMES, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Reads the histogram, in seconds.
    #[must_use]
    pub fn read(&self) -> Distribution {
        self.0.read(TIMES, |nanos| Duration::from_nanos(nanos).as_secs_f64())
    }
}

/// A histogram as Prometheus has it: cumulative counts up to each bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Each bound, with the number of values not above it.
    pub buckets: Vec<(f64, u64)>,
    /// The number of values.
    pub count: u64,
    /// The sum of the values.
    pub sum: f64,
}

impl Distribution {
    /// Adds another histogram with the same bounds.
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

/// The histograms of a queue.
#[derive(Debug, Default)]
pub(crate) struct QueueMetrics {
    sizes: Counts,
    waits: Timing,
}

impl QueueMetrics {
    /// Counts the weight of jobs taken at once.
    pub(crate) fn record_taken(&self, weight: usize) {
        self.sizes.add(SIZES, u64::try_from(weight).unwrap_or(u64::MAX));
    }

    /// Counts how long a job waited.
    pub(crate) fn record_wait(&self, waited: Duration) {
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

/// The state and histograms of a queue.
#[derive(Debug, Clone)]
pub struct QueueSnapshot {
    /// `write` or `read`.
    pub name: &'static str,
    /// The number of waiting operations.
    pub waiting: usize,
    /// The capacity, beyond which callers are rejected.
    pub room: usize,
    /// The number of operations taken at once.
    pub sizes: Distribution,
    /// How long each job waited to be taken, in seconds.
    pub waits: Distribution,
}

/// The state of a connection pool.
#[derive(Debug, Clone, Copy)]
pub struct PoolSnapshot {
    /// `lists` or `feeds`.
    pub name: &'static str,
    /// Connections in use.
    pub in_use: u32,
    /// Idle connections.
    pub idle: u32,
    /// The size of the pool.
    pub most: u32,
}

/// The metrics of a store at one moment.
#[derive(Debug, Clone)]
pub struct MetricsSnapshot {
    /// The queues.
    pub queues: [QueueSnapshot; 2],
    /// The steps of each batch of writes, in seconds: `lock` waits for the write lock, `judge` loads
    /// and decides, `commit` writes and commits.
    pub steps: [(&'static str, Distribution); 3],
    /// The number of operations rejected by the spacing rule.
    pub conflicts: u64,
    /// The number of database errors, by kind.
    pub errors: Vec<(&'static str, u64)>,
    /// The pools.
    pub pools: [PoolSnapshot; 2],
}

/// The kind of a database error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// The database cannot be reached, or the connection was lost.
    Unavailable,
    /// A lock or a statement timed out.
    Timeout,
    /// A constraint rejected a decided change: a foreign writer, or a bug.
    Violation,
    /// Any other error of a statement, such as a full disk.
    Failed,
    /// A row has an invalid value.
    Corrupt,
    /// The fate of a commit is unknown.
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

impl From<&DbError> for ErrorKind {
    fn from(error: &DbError) -> Self {
        match error {
            DbError::Lost(_) => Self::Unavailable,
            DbError::Locked => Self::Timeout,
            DbError::Violation(_) => Self::Violation,
            DbError::Failed(_) => Self::Failed,
        }
    }
}

impl From<&StoreError> for ErrorKind {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Missing(_) | StoreError::File(_) => {
                Self::Unavailable
            }
            StoreError::Overloaded => Self::Timeout,
            StoreError::OutcomeUnknown => Self::OutcomeUnknown,
            StoreError::Corrupt(_) => Self::Corrupt,
            StoreError::Outdated(_)
            | StoreError::TooNew(_)
            | StoreError::FaultyLibrary(_)
            | StoreError::Url(_)
            | StoreError::Migration(_) => Self::Failed,
        }
    }
}

/// The counters of a store, apart from its queues.
#[derive(Debug, Default)]
pub(crate) struct StoreMetrics {
    pub(crate) lock: Timing,
    pub(crate) decide: Timing,
    pub(crate) commit: Timing,
    conflicts: AtomicU64,
    errors: [AtomicU64; ErrorKind::ALL.len()],
}

impl StoreMetrics {
    /// Counts a database error.
    pub(crate) fn failed(&self, kind: impl Into<ErrorKind>) {
        let kind = kind.into();
        for (known, count) in ErrorKind::ALL.iter().zip(&self.errors) {
            if *known == kind {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Counts the operations of an outcome that the spacing rule rejected.
    pub(crate) fn decided(&self, outcome: &Outcome) {
        let is_conflict = |result: &&_| matches!(result, Err(Refusal::Conflict(_)));
        let number = match outcome {
            Outcome::One(result) => usize::from(is_conflict(&result)),
            Outcome::Batch { results, .. } => results.iter().filter(is_conflict).count(),
            Outcome::Repeated | Outcome::KeyReused => 0,
        };
        if number > 0 {
            self.conflicts.fetch_add(u64::try_from(number).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// Returns the number of operations that the spacing rule rejected.
    pub(crate) fn conflicts(&self) -> u64 {
        self.conflicts.load(Ordering::Relaxed)
    }

    pub(crate) fn read(
        &self,
        queues: [QueueSnapshot; 2],
        pools: [PoolSnapshot; 2],
    ) -> MetricsSnapshot {
        let errors = ErrorKind::ALL.iter().zip(&self.errors);
        MetricsSnapshot {
            queues,
            steps: [
                ("lock", self.lock.read()),
                ("judge", self.decide.read()),
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
        let metrics = StoreMetrics::default();
        metrics.failed(&DbError::Locked);
        metrics.failed(&StoreError::Overloaded);
        metrics.failed(ErrorKind::NoConnection);
        let counted = |kind: ErrorKind| {
            ErrorKind::ALL.iter().zip(&metrics.errors).find(|(is, _)| **is == kind).unwrap().1
        };
        assert_eq!(counted(ErrorKind::Timeout).load(Ordering::Relaxed), 2);
        assert_eq!(counted(ErrorKind::NoConnection).load(Ordering::Relaxed), 1);
        assert_eq!(counted(ErrorKind::Unavailable).load(Ordering::Relaxed), 0);
    }
}

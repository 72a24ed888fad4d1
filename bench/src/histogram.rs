//! Latencies in buckets that are at most 1 % wide.

use std::time::Duration;

/// Buckets per power of two.
const SUBDIVISIONS: u64 = 128;

#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub(crate) fn record(&mut self, latency: Duration) {
        let bucket = bucket(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.total += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
    }

    /// The percentile in microseconds; 0 if the histogram is empty.
    pub(crate) fn percentile_us(&self, per_hundred: u64) -> u64 {
        let wanted = (self.total * per_hundred).div_ceil(100).max(1);
        let mut seen = 0;
        let reached = |count: &u64| {
            seen += count;
            seen >= wanted
        };
        self.counts.iter().position(reached).map_or(0, lowest_us)
    }
}

/// Exact below two times `SUBDIVISIONS`, then by the leading bits.
fn bucket(us: u64) -> usize {
    let shift = u64::from((us / SUBDIVISIONS).checked_ilog2().unwrap_or(0));
    let bucket = shift * SUBDIVISIONS + (us >> shift);
    usize::try_from(bucket).unwrap_or(usize::MAX)
}

fn lowest_us(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(u64::MAX);
    let shift = (bucket / SUBDIVISIONS).saturating_sub(1);
    (bucket - shift * SUBDIVISIONS) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_at_most_one_percent_wide() {
        for us in [0, 1, 127, 128, 255, 256, 257, 1_000, 12_345, 999_999, 60_000_000] {
            let lowest = lowest_us(bucket(us));
            assert!(lowest <= us && us - lowest <= us / 100, "{us} counts as {lowest}");
        }
    }

    #[test]
    fn the_percentiles_of_one_to_a_hundred_are_those_numbers() {
        let mut histogram = Histogram::default();
        (1..=100).map(Duration::from_micros).for_each(|latency| histogram.record(latency));
        assert_eq!(histogram.percentile_us(50), 50);
        assert_eq!(histogram.percentile_us(99), 99);
    }

    #[test]
    fn histograms_can_be_added() {
        let (mut low, mut high) = (Histogram::default(), Histogram::default());
        low.record(Duration::from_micros(10));
        high.record(Duration::from_micros(200));
        high.record(Duration::from_micros(200));
        low.add(&high);
        assert_eq!((low.percentile_us(1), low.percentile_us(50)), (10, 200));
    }

    #[test]
    fn an_empty_histogram_has_percentile_zero() {
        assert_eq!(Histogram::default().percentile_us(50), 0);
    }
}

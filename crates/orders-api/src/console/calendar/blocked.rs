//! Blocked intervals: times that are closer to an order than the minimum gap.

use orders_core::{Period, Timestamp};

/// Disjoint intervals in epoch milliseconds, ascending.
pub(super) struct Blocked(Vec<(i64, i64)>);

impl Blocked {
    /// The intervals that orders at these ascending times block.
    pub(super) fn by(times: impl Iterator<Item = Timestamp>, window: Period) -> Self {
        let mut intervals: Vec<(i64, i64)> = Vec::new();
        for at in times {
            let (from, to) =
                (at.as_millis() - window.as_millis(), at.as_millis() + window.as_millis());
            match intervals.last_mut() {
                // Between two adjacent intervals one time is free, so they stay two.
                Some((_, end)) if from < *end => *end = to,
                Some(_) | None => intervals.push((from, to)),
            }
        }
        Self(intervals)
    }

    /// Their parts within an interval, relative to its start.
    pub(super) fn within(&self, from: i64, to: i64) -> impl Iterator<Item = (i64, i64)> {
        let first = self.0.partition_point(|(_, end)| *end <= from);
        let rest = self.0.iter().skip(first).take_while(move |(start, _)| *start < to);
        rest.map(move |(start, end)| ((*start).max(from) - from, (*end).min(to) - from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_intervals_merge_and_touching_ones_do_not() {
        let window = Period::from_millis(10).unwrap();
        let by = |times: &[i64]| {
            Blocked::by(times.iter().map(|at| Timestamp::from_millis(*at).unwrap()), window)
        };
        let all = |blocked: &Blocked| blocked.within(-100, 100).collect::<Vec<_>>();
        assert_eq!(all(&by(&[0, 0, 15])), [(90, 125)]);
        assert_eq!(all(&by(&[0, 20])), [(90, 110), (110, 130)]);
        assert_eq!(by(&[0, 20]).within(5, 12).collect::<Vec<_>>(), [(0, 5), (5, 7)]);
        assert_eq!(by(&[0]).within(10, 20).count(), 0);
    }
}

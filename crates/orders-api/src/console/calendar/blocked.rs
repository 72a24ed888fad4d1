//! Blocked intervals: times that are closer to an order than the minimum gap.

use orders_core::{Period, Timestamp};

/// Disjoint intervals in epoch milliseconds, ascending.
#[derive(Debug, Clone)]
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

    /// The intervals that are in all of these; none of none.
    pub(super) fn common(all: impl Iterator<Item = Self>) -> Self {
        all.reduce(|one, other| one.intersect(&other)).unwrap_or(Self(Vec::new()))
    }

    fn intersect(&self, other: &Self) -> Self {
        let mut common = Vec::new();
        let (mut ours, mut others) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some((from, end)), Some((other_from, other_end))) = (ours.peek(), others.peek())
        {
            let (start, stop) = (*from.max(other_from), *end.min(other_end));
            if start < stop {
                common.push((start, stop));
            }
            if end < other_end {
                ours.next();
            } else {
                others.next();
            }
        }
        Self(common)
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

    #[test]
    fn common_intervals_are_in_all() {
        let of = |intervals: &[&[(i64, i64)]]| {
            Blocked::common(intervals.iter().map(|one| Blocked(one.to_vec()))).0
        };
        assert_eq!(of(&[]), []);
        assert_eq!(of(&[&[(0, 10)]]), [(0, 10)]);
        assert_eq!(of(&[&[(0, 10), (20, 30)], &[(5, 25)]]), [(5, 10), (20, 25)]);
        assert_eq!(of(&[&[(0, 10)], &[(10, 20)]]), []);
        assert_eq!(
            of(&[&[(0, 9), (10, 20)], &[(2, 15)], &[(3, 4), (8, 12)]]),
            [(3, 4), (8, 9), (10, 12)]
        );
        assert_eq!(of(&[&[(0, 9)], &[]]), []);
    }
}

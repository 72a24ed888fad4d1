//! The stretches in which no order can be: all that is nearer to one than the window.

use orders_core::{Instant, Period};

/// Stretches in milliseconds, apart from each other, in the order of time.
pub(super) struct Blocked(Vec<(i64, i64)>);

impl Blocked {
    /// What orders at these times, in their order, block.
    pub(super) fn by(times: impl Iterator<Item = Instant>, window: Period) -> Self {
        let mut stretches: Vec<(i64, i64)> = Vec::new();
        for at in times {
            let (from, to) =
                (at.as_millis() - window.as_millis(), at.as_millis() + window.as_millis());
            match stretches.last_mut() {
                // Where two touch, there is one instant that is free: too little to be seen, but a
                // stretch to be clicked at, so they stay two.
                Some((_, end)) if from < *end => *end = to,
                Some(_) | None => stretches.push((from, to)),
            }
        }
        Self(stretches)
    }

    /// As far as they lie within a stretch, from its start on.
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
    fn what_overlaps_is_one_stretch_and_what_touches_is_two() {
        let window = Period::from_millis(10).unwrap();
        let by = |times: &[i64]| {
            Blocked::by(times.iter().map(|at| Instant::from_millis(*at).unwrap()), window)
        };
        let all = |blocked: &Blocked| blocked.within(-100, 100).collect::<Vec<_>>();
        assert_eq!(all(&by(&[0, 0, 15])), [(90, 125)]);
        assert_eq!(all(&by(&[0, 20])), [(90, 110), (110, 130)]);
        assert_eq!(by(&[0, 20]).within(5, 12).collect::<Vec<_>>(), [(0, 5), (5, 7)]);
        assert_eq!(by(&[0]).within(10, 20).count(), 0);
    }
}

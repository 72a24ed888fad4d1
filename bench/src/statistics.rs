//! Medians, spreads, ratios and targets.

use serde::Serialize;

/// How far the ratios of the two load generators may differ.
const TOLERANCE: f64 = 1.2;

/// Several measurements of the same thing.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// In the order of the runs.
    pub(crate) samples: Vec<f64>,
}

/// How many times better one summary is than another. Above 1 the first is ahead.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Ratio {
    pub(crate) of_medians: f64,
    /// Over pairs of the same round, as is `max`.
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// The target of a row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "bound")]
pub(crate) enum Target {
    /// For the ratio of medians.
    RatioAtLeast(f64),
    /// For every sample.
    AtMost(f64),
}

impl Summary {
    pub(crate) fn of(samples: Vec<f64>) -> Self {
        let mut sorted = samples.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let upper = sorted.len() / 2;
        let lower = sorted.len().saturating_sub(1) / 2;
        Self {
            median: f64::midpoint(at(lower), at(upper)),
            min: at(0),
            max: at(sorted.len().saturating_sub(1)),
            samples,
        }
    }
}

impl Ratio {
    /// `ours` over `theirs` or, if less is better, `theirs` over `ours`.
    pub(crate) fn of(ours: &Summary, theirs: &Summary, is_more_better: bool) -> Self {
        let (above, below) = if is_more_better { (ours, theirs) } else { (theirs, ours) };
        let pairs = above.samples.iter().zip(&below.samples);
        let pairs = Summary::of(pairs.map(|(above, below)| above / below).collect());
        Self { of_medians: above.median / below.median, min: pairs.min, max: pairs.max }
    }

    /// Whether two ratios of medians differ by at most 20 %.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        let quotient = self.of_medians / other.of_medians;
        (1.0 / TOLERANCE..=TOLERANCE).contains(&quotient)
    }
}

impl Target {
    pub(crate) fn is_met(self, ours: &Summary, ratio: Option<&Ratio>) -> bool {
        match self {
            Self::RatioAtLeast(bound) => ratio.is_some_and(|ratio| ratio.of_medians >= bound),
            Self::AtMost(bound) => ours.max <= bound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert_eq!(Summary::of(vec![4.0, 1.0, 3.0, 2.0]).median.to_string(), "2.5");
        assert_eq!(Summary::of(vec![9.0, 1.0, 3.0]).median.to_string(), "3");
    }

    #[test]
    fn the_spread_of_a_ratio_is_over_pairs_of_the_same_round() {
        let [ours, theirs] = [vec![10.0, 30.0], vec![10.0, 20.0]].map(Summary::of);
        let ratio = Ratio::of(&ours, &theirs, true);
        assert_eq!((ratio.min.to_string(), ratio.max.to_string()), ("1".into(), "1.5".into()));
        assert!((ratio.of_medians - 20.0 / 15.0).abs() < 1e-9);
    }

    #[test]
    fn a_bound_applies_to_the_worst_sample_and_a_ratio_to_the_medians() {
        let memory = Summary::of(vec![60.0, 100.0]);
        assert!(!Target::AtMost(99.0).is_met(&memory, None));
        assert!(Target::AtMost(100.0).is_met(&memory, None));
        let ratio = Ratio::of(&Summary::of(vec![3.0]), &Summary::of(vec![2.0]), true);
        assert!(Target::RatioAtLeast(1.5).is_met(&memory, Some(&ratio)));
        assert!(!Target::RatioAtLeast(1.6).is_met(&memory, Some(&ratio)));
        assert!(!Target::RatioAtLeast(0.0).is_met(&memory, None));
    }

    #[test]
    fn if_less_is_better_the_smaller_is_ahead() {
        let ratio = Ratio::of(&Summary::of(vec![0.1]), &Summary::of(vec![0.4]), false);
        assert!((ratio.of_medians - 4.0).abs() < 1e-9);
    }
}

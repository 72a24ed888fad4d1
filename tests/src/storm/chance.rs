//! Numbers without a pattern, the same for the same seed.

/// A source of numbers (`SplitMix64`).
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64, round: u64, client: usize) -> Self {
        let client = u64::try_from(client).unwrap_or(u64::MAX);
        let mut chance = Self(seed);
        let first = chance.next();
        Self(first ^ round.rotate_left(40) ^ client.rotate_left(20))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Any number below this one.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap();
        usize::try_from(self.next() % limit).unwrap()
    }

    /// Whether something happens that happens in so many cases of a hundred.
    pub(super) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }

    /// Any time up to this one.
    pub(super) fn up_to(&mut self, longest: std::time::Duration) -> std::time::Duration {
        longest.mul_f64(f64::from(u32::try_from(self.below(1_000)).unwrap()) / 1_000.0)
    }

    pub(super) fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last + 1));
        }
    }
}

//! Reproducible random numbers.

use std::env;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A source of numbers, the same for the same seed (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Starts from the seed in `ORDERS_TESTS_SEED`, else from a new one, and prints it.
    ///
    /// # Panics
    /// If the clock is before 1970.
    #[must_use]
    pub fn from_environment() -> Self {
        let given = env::var("ORDERS_TESTS_SEED").ok().and_then(|seed| seed.parse().ok());
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
        let seed: u64 = given.unwrap_or_else(|| now().into());
        eprintln!("ORDERS_TESTS_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn new(seed: u64, round: u64, client: usize) -> Self {
        let client = u64::try_from(client).unwrap_or(u64::MAX);
        let mut random = Self(seed);
        let first = random.next();
        Self(first ^ round.rotate_left(40) ^ client.rotate_left(20))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below a limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap();
        usize::try_from(self.next() % limit).unwrap()
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of the elements.
    pub(crate) fn one_of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }

    /// A duration below the given one.
    ///
    /// # Panics
    /// Never: a number of 24 bits fits into 32.
    pub fn duration_below(&mut self, limit: Duration) -> Duration {
        let bits = u32::try_from(self.next() >> 40).unwrap();
        limit.mul_f64(f64::from(bits) / f64::from(1 << 24))
    }

    /// Puts all in a random order.
    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last + 1));
        }
    }
}

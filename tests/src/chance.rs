//! Chance that can be had again: moments from a seed that is told.

use std::env;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A source of moments.
#[derive(Debug)]
pub struct Chance(u64);

impl Chance {
    /// Begins with the seed in `ORDERS_TESTS_SEED`, or else with another each time, which it prints.
    ///
    /// # Panics
    /// If the clock is before 1970.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it prints: nothing to be done unasked")]
    pub fn new() -> Self {
        let given = env::var("ORDERS_TESTS_SEED").ok().and_then(|seed| seed.parse().ok());
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
        let seed: u64 = given.unwrap_or_else(|| now().into());
        eprintln!("ORDERS_TESTS_SEED={seed}");
        // Never 0, and with some bits far up, so that the first moments are no pattern.
        Self((seed | 1 << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// A moment before the end of what takes so long.
    ///
    /// # Panics
    /// Never: 24 bits are a number of 32.
    pub fn moment_within(&mut self, long: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let bits = u32::try_from(self.0 >> 40).unwrap();
        long.mul_f64(f64::from(bits) / f64::from(1 << 24))
    }
}

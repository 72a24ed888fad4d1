//! The direction of a search through time.

use crate::time::{Instant, Period};

/// The direction of a search through time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Later,
    Earlier,
}

impl Direction {
    /// How far `to` lies ahead of `from`, in milliseconds.
    pub(crate) fn ahead(self, from: Instant, to: Instant) -> i64 {
        match self {
            Self::Later => to.millis_since(from),
            Self::Earlier => from.millis_since(to),
        }
    }

    /// The next timestamp ahead, if there is one.
    pub(crate) fn next(self, from: Instant) -> Option<Instant> {
        match self {
            Self::Later => from.next(),
            Self::Earlier => from.previous(),
        }
    }

    /// The timestamp one period ahead, clamped to the range.
    pub(crate) fn saturating_step(self, from: Instant, period: Period) -> Instant {
        match self {
            Self::Later => from.saturating_add(period),
            Self::Earlier => from.saturating_sub(period),
        }
    }

    /// The last timestamp in this direction.
    pub(crate) fn end_of_time(self) -> Instant {
        match self {
            Self::Later => Instant::MAX,
            Self::Earlier => Instant::MIN,
        }
    }

    /// Both ends, the earlier first.
    pub(crate) fn ordered(self, near: Instant, far: Instant) -> (Instant, Instant) {
        match self {
            Self::Later => (near, far),
            Self::Earlier => (far, near),
        }
    }
}

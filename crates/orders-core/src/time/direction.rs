//! The direction of a search through time.

use crate::time::{Period, Timestamp};

/// The direction of a search through time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Later,
    Earlier,
}

impl Direction {
    /// How far `to` lies ahead of `from`, in milliseconds.
    pub(crate) fn ahead(self, from: Timestamp, to: Timestamp) -> i64 {
        match self {
            Self::Later => to.millis_since(from),
            Self::Earlier => from.millis_since(to),
        }
    }

    /// The next timestamp ahead, if there is one.
    pub(crate) fn next(self, from: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Later => from.next(),
            Self::Earlier => from.previous(),
        }
    }

    /// The timestamp one period ahead, clamped to the range.
    pub(crate) fn saturating_step(self, from: Timestamp, period: Period) -> Timestamp {
        match self {
            Self::Later => from.saturating_add(period),
            Self::Earlier => from.saturating_sub(period),
        }
    }

    /// The last timestamp in this direction.
    pub(crate) fn end_of_time(self) -> Timestamp {
        match self {
            Self::Later => Timestamp::MAX,
            Self::Earlier => Timestamp::MIN,
        }
    }

    /// Both ends, the earlier first.
    pub(crate) fn ordered(self, near: Timestamp, far: Timestamp) -> (Timestamp, Timestamp) {
        match self {
            Self::Later => (near, far),
            Self::Earlier => (far, near),
        }
    }
}

//! Time: timestamps and periods, exact to the millisecond. Knows no clock.

mod direction;
mod period;
mod timestamp;

pub(crate) use direction::Direction;
pub(crate) use period::in_words;
pub use period::{Period, PeriodError};
pub use timestamp::{Timestamp, TimestampError};

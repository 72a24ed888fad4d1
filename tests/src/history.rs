//! What concurrent clients saw, and the check whether one single order of operations explains it.
//! Pure: knows no clock, no network and no database, and nothing of how the service decides.
//!
//! The feed of events gives the writes their order. The check goes along it once, with a model of the
//! contract beside it: each event must be what the model does for some operation at this place, with
//! the very answer that its client had; whatever wrote nothing (a read, a refusal, a repeat) must find
//! a place between two events at which the model answers the same; and no operation may be placed
//! before one that had ended when it began. Taking the first place that fits is enough: to stand
//! earlier never hinders anybody else. So it takes time in proportion to the operations.

mod check;
mod event;
mod model;
mod operation;
mod proposal;
mod spacing;
mod sweep;
#[cfg(test)]
mod tests;
mod writes;

pub use check::{Checker, Violation};
pub use event::{Event, Kind};
pub use model::Model;
pub use operation::{Change, Conflict, Ending, Neighbour, Operation, Order, Request, Told};
pub use spacing::Scope;

//! Checks that one sequential order of all operations explains what concurrent clients saw.
//! Pure: knows no clock, no network, no database, and no code of the service.
//!
//! The feed of events gives the writes their order. The check goes along it once, with a model of the
//! contract. Each event must be what the model does for some operation at this place, with the answer
//! that its client got. An operation without a write (a read, a rejection, a replay) must have a place
//! between two events at which the model gives the same answer. No operation may be placed before one
//! that had ended when it began. Taking the first place that fits is enough, because an earlier place
//! never hinders another operation. So the time is proportional to the number of operations.

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

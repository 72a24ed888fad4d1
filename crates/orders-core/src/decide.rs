//! Decisions: the outcomes of commands, and the changes to store for them.
//!
//! [`decide()`] takes a policy, a [`Snapshot`] of the database, [`Command`]s and the time. If the
//! snapshot lacks something, it returns what it [`Needs`].

mod batch;
mod book;
mod changes;
mod command;
mod coverage;
mod decision;
mod event;
mod free_intervals;
mod free_times;
mod idempotency;
mod import;
mod needs;
mod occupants;
mod outcome;
mod proposal;
#[cfg(feature = "serde")]
mod serde;
mod snapshot;
mod spacing;
mod spacing_check;
mod state;

pub use batch::{Batch, BatchError, Mode};
pub use book::Book;
pub use changes::{Changes, RowChange};
pub use command::{Action, Command, NewId, Operation, OrderPatch, Versions};
pub use decision::{Decision, decide};
pub use event::{Actor, Event, EventFeed, EventKind};
pub use free_intervals::{FreeInterval, FreeIntervals};
pub use idempotency::{Fingerprint, IdempotencyKey, IdempotentRequest, OwnKey, Replay};
pub use import::{Import, ImportGroup};
pub use needs::Needs;
pub(crate) use occupants::Occupants;
pub use occupants::{Occupant, Reach, Span};
pub use outcome::{Done, Neighbour, OperationResult, OrderConflict, Outcome, Refusal};
pub use snapshot::{Snapshot, Stored};
pub use spacing_check::{SpacingCheck, Violation};

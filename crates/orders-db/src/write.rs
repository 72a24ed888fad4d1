//! The write path. Commands wait in a queue; one thread takes all that wait, takes the lock of the
//! database, loads one snapshot, lets `orders_core` decide, stores the changes, commits once, and
//! replies to all.

pub(crate) mod audit;
mod batch;
pub(crate) mod change;
mod commit;
mod decide;
pub(crate) mod idempotency;
pub(crate) mod load;
pub(crate) mod queue;
mod snapshot_cache;
pub(crate) mod store_rows;
pub(crate) mod ticket;
mod transactional_import;
mod writer;

pub(crate) use batch::{Caller, OrderJob};
pub(crate) use transactional_import::{ImportJob, Part};
pub(crate) use writer::{Job, run};

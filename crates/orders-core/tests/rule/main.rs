//! The spacing rule and the decisions around it, case by case.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod batches;
mod desk;
mod keys;
mod orders;
mod refusals;
mod spacing;

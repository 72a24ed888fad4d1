//! The check accepts what may be and catches what must not be.

mod answers;
mod events;
mod keys;
mod rule;
mod story;
mod unknown;
